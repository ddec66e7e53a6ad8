"""The operator's environment."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from anomaly_operator import settings

ROOT = Path(__file__).resolve().parents[2]


def test_an_empty_environment_gives_the_defaults() -> None:
    """Nothing has to be set."""
    assert settings.read({}) == settings.Settings()


def test_every_setting_is_read_from_its_variable() -> None:
    """Values arrive in their types."""
    found = settings.read(
        {
            "ANOMALY_OPERATOR_WATCH_NAMESPACES": "team-a, team-b,",
            "ANOMALY_OPERATOR_DATAPLANE_IMAGE": "registry.example/d@sha256:abc",
            "ANOMALY_OPERATOR_WORKERS": "3",
            "ANOMALY_OPERATOR_LOG_LEVEL": "debug",
            "OTHER": "ignored",
        }
    )

    assert found.watch_namespaces == ("team-a", "team-b")
    assert found.dataplane_image == "registry.example/d@sha256:abc"
    assert found.workers == 3
    assert found.log_level == "DEBUG"


def test_all_problems_are_named_at_once() -> None:
    """A typo in a name is a problem too: it would be ignored silently otherwise."""
    with pytest.raises(settings.InvalidSettings) as error:
        settings.read(
            {
                "ANOMALY_OPERATOR_WORKERS": "many",
                "ANOMALY_OPERATOR_LOG_FORMAT": "xml",
                "ANOMALY_OPERATOR_WATCH_NAMESPACES": "Team_A",
                "ANOMALY_OPERATOR_WORKER": "3",
            }
        )

    for words in ("WORKERS='many'", "json, text", "'Team_A'", "ANOMALY_OPERATOR_WORKER: unknown"):
        assert words in str(error.value)


def test_the_table_and_the_class_have_the_same_fields() -> None:
    """A field without a row could never be set."""
    assert {row.field for row in settings.TABLE} == set(settings.Settings.__slots__)


def test_every_setting_is_documented() -> None:
    """docs/settings.md names each variable with its default, and none that does not exist."""
    page = (ROOT / "docs" / "settings.md").read_text()
    rows = dict(re.findall(r"^\| `(ANOMALY_OPERATOR_[A-Z_]+)` \| (.*?) \|", page, re.M))

    assert set(rows) == {row.env for row in settings.TABLE}
    for row in settings.TABLE:
        default = getattr(settings.Settings(), row.field)
        shown = ",".join(default) if isinstance(default, tuple) else str(default)
        assert rows[row.env] == (f"`{shown}`" if shown else "empty"), row.env
