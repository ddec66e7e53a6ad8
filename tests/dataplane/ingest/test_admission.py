"""The guards of time and value."""

from __future__ import annotations

from anomaly_dataplane.ingest.admission import admit
from anomaly_dataplane.ingest.parsed import Cause, Parsed, Rejection
from anomaly_dataplane.sample import LARGEST_VALUE, Batch
from samples import a_series

NOW_MS = 1_767_225_600_000.0


def parsed(times: list[float], rejected: list[int] | None = None) -> Parsed:
    batch = Batch([a_series()] * len(times), times, [float(i) for i in range(len(times))], 99)
    return Parsed(batch, [Rejection(i, Cause.VALUE, "bad") for i in rejected or []])


def test_samples_within_the_guard_pass_untouched() -> None:
    """The past is not judged here, and the guard's edge is allowed."""
    given = parsed([0.0, NOW_MS, NOW_MS + 300_000])
    assert admit(given, NOW_MS, 300) is given


def test_samples_from_the_future_are_rejected_and_the_others_kept() -> None:
    """Each by its index within the request, among those that the parser rejected."""
    given = parsed([NOW_MS, NOW_MS + 300_001, NOW_MS - 1], rejected=[0, 2])

    admitted = admit(given, NOW_MS, 300)

    assert [(r.index, r.cause) for r in admitted.rejected] == [
        (0, Cause.VALUE),
        (2, Cause.VALUE),
        (3, Cause.FUTURE),
    ]
    assert "2026-01-01T00:05:00.001Z is 300 s ahead" in admitted.rejected[2].reason
    assert admitted.batch.values == [0.0, 2.0]
    assert admitted.batch.size_bytes == 99
    assert admitted.positions() == [1, 4]


def test_a_time_beyond_the_calendar_is_rejected_like_any_other() -> None:
    """Naming it must not fail."""
    assert admit(parsed([9e15]), NOW_MS, 0).rejected[0].cause is Cause.FUTURE


def test_an_empty_batch_passes() -> None:
    """All samples may have been rejected already."""
    given = parsed([], rejected=[0])
    assert admit(given, NOW_MS, 0) is given


def test_a_value_that_would_overflow_is_rejected_and_the_others_kept() -> None:
    """Its square would leave nothing but infinities in the window."""
    given = parsed([NOW_MS, NOW_MS, NOW_MS])
    given.batch.values[:] = [1.0, -1e200, LARGEST_VALUE]

    admitted = admit(given, NOW_MS, 0)

    assert [(r.index, r.cause) for r in admitted.rejected] == [(1, Cause.VALUE)]
    assert "value -1e+200 is beyond 1e+100" in admitted.rejected[0].reason
    assert admitted.batch.values == [1.0, LARGEST_VALUE]
