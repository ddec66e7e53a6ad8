"""Which steps from one status to the next are worth an event."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator import events
from anomaly_operator.status.reasons import Reason
from operators import START, a_resource


def status(ready: str, reason: str, message: str = "m") -> dict[str, Any]:
    condition = {"type": "Ready", "status": ready, "reason": reason, "message": message}
    return {"conditions": [condition], "endpoint": "http://e/"}


UP = status("True", Reason.READY)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({}, status("False", Reason.ROLLING_OUT), ["Created"]),
        ({}, status("False", Reason.INVALID_SPEC), ["Created", "NotReady"]),
        ({}, UP, ["Created", "Ready"]),
        (status("False", Reason.ROLLING_OUT), UP, ["Ready"]),
        (UP, UP, []),
        (UP, status("False", Reason.ROLLING_OUT), ["Updating"]),
        (UP, status("False", Reason.UNREACHABLE), ["NotReady"]),
        (UP, status("Unknown", Reason.NOT_REPORTED), ["NotReady"]),
        (status("False", Reason.ROLLING_OUT), status("False", Reason.PODS_NOT_READY), []),
        (
            status("False", Reason.ROLLING_OUT),
            status("False", Reason.IMAGE_PULL_BACK_OFF),
            ["NotReady"],
        ),
        (
            status("False", Reason.IMAGE_PULL_BACK_OFF),
            status("False", Reason.IMAGE_PULL_BACK_OFF, "another text"),
            [],
        ),
    ],
)
def test_a_step_is_told_if_somebody_should_know(
    before: dict[str, Any], after: dict[str, Any], told: list[str]
) -> None:
    """A healthy start is two events; a fault is one, however long it lasts."""
    assert [each.reason for each in events.transitions(before, after)] == told


def test_an_event_points_at_its_pipeline() -> None:
    """So that `kubectl describe` finds it."""
    happening = events.Happening("Warning", "NotReady", "x" * 5000)
    found = events.manifest(a_resource(), happening, START)

    assert found["involvedObject"]["uid"] == "cr-uid"
    assert len(found["message"]) == 1024  # what the API server takes
    assert found["firstTimestamp"] == "2026-01-01T00:00:00Z"


def test_a_change_of_scale_is_told_once_both_numbers_are_known() -> None:
    """Not at the start of an operator, which knows no number before."""
    assert [each.message for each in events.scaled(1, 4)] == ["From 1 to 4 pods"]
    assert list(events.scaled(None, 4)) == []
    assert list(events.scaled(4, 4)) == []
