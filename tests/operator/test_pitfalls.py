"""operator/PITFALLS.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_each_pitfall_has_a_test_that_exists() -> None:
    """Whoever renames or drops one says so on the page."""
    page = (ROOT / "operator" / "PITFALLS.md").read_text()
    rows = re.findall(r"^\| (?!what happens|---)(.*?) \|.*\| (.*) \|$", page, re.MULTILINE)
    there = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
    }

    assert len(rows) == 31
    for pitfall, tests in rows:
        named = re.findall(r"`(test_\w+)`", tests)
        assert named or "tests/apiserver" in tests, pitfall
        assert set(named) <= there
