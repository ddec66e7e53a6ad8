"""Each reason a condition may carry is explained, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

from anomaly_operator.status.conditions import MAKE_READY, Type
from anomaly_operator.status.reasons import PASSING, Reason

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "conditions.md").read_text()


def test_every_reason_is_explained() -> None:
    """With what to do about it."""
    rows = re.findall(r"^\| `(\w+)` \| (?:True|False|Unknown) \| (.+?) \| (.+?) \|$", PAGE, re.M)

    assert {reason for reason, _, _ in rows} == {reason.value for reason in Reason}
    assert all(meaning[-1] in ".?)" and todo[-1] in ".?)" for _, meaning, todo in rows)


def test_the_runbook_leads_from_every_reason_that_is_trouble() -> None:
    """Beside its condition, with where to look; the page of the conditions has the rest."""
    runbook = (ROOT / "docs" / "runbook.md").read_text()
    listed = runbook.split("## AnomalyPipelineNotReady")[1].split("\n## ")[0]
    troubles = set(re.findall(r"^\| `(\w+)` \| (?:False|Unknown) \|", PAGE, re.M))

    named = set(re.findall(r"`(\w+)`", listed))
    assert troubles - {"NotPaused", "NotExposed"} <= named
    for type_ in Type:
        if type_ is not Type.READY:
            assert f"(conditions.md#{type_.lower()})" in listed


def test_every_condition_has_a_section() -> None:
    """And the page says which of them make Ready."""
    sections = set(re.findall(r"^## (\w+)$", PAGE, re.M))

    assert {type_.value for type_ in Type} <= sections
    for type_ in MAKE_READY:
        assert f"`{type_.value}`" in PAGE.split("## Ready")[0]


def test_every_reason_is_used() -> None:
    """One that no code gives would mislead."""
    sources = (ROOT / "operator" / "src").rglob("*.py")
    text = "".join(path.read_text() for path in sources if path.name != "reasons.py")

    assert {reason for reason in Reason if f"Reason.{reason.name}" not in text} == set()
    assert set(Reason) > PASSING
