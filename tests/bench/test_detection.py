"""The ruler of detection, against scores worked out by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from bench.detection import events, generated, nab, plot, pod, views

from anomaly_dataplane.contract.config import Method

ROWS = 100
STANDARD, LOW_FP, LOW_FN = nab.PROFILES.values()


def sigmoid(y: float) -> float:
    return 2.0 / (1.0 + math.exp(5.0 * y)) - 1.0


@pytest.mark.parametrize(
    ("windows", "detections", "profile", "points"),
    [
        # Window of rows 40 to 59, width 20: its first row is y = -1, its last one -1/20.
        ([(40, 59)], [40], STANDARD, 1.0),
        ([(40, 59)], [59], STANDARD, sigmoid(-0.05) / sigmoid(-1.0)),
        ([(40, 59)], [59, 45, 50], STANDARD, sigmoid(-15.0 / 20.0) / sigmoid(-1.0)),
        ([(40, 59)], [], STANDARD, -1.0),
        ([(40, 59)], [], LOW_FN, -2.0),
        # Behind it by 19 rows, its width less one, y is 1; by more than three times that, -1.
        ([(40, 59)], [40, 78], STANDARD, 1.0 + 0.11 * sigmoid(1.0)),
        ([(20, 25)], [20, 41], STANDARD, 1.0 - 0.11),
        # Before any window, or without one, a detection is as false as can be.
        ([(40, 59)], [30, 40], LOW_FP, 1.0 - 0.22),
        ([], [50, 60], STANDARD, -0.22),
        # Of 100 rows the first 15 do not count.
        ([], [0, 14], STANDARD, 0.0),
    ],
)
def test_points_are_those_worked_out_by_hand(
    windows: list[tuple[int, int]],
    detections: list[int],
    profile: nab.Profile,
    points: float,
) -> None:
    """The published formulas."""
    assert nab.points(ROWS, windows, detections, profile) == pytest.approx(points)


def test_nothing_found_is_0_and_all_at_once_is_100() -> None:
    """The scale of the score, over all files."""
    files = [
        nab.Labelled("a", [], [0.0] * ROWS, [(40, 59)]),
        nab.Labelled("b", [], [0.0] * ROWS, []),
    ]

    assert nab.score([(file, []) for file in files], LOW_FN) == 0.0
    assert nab.score([(files[0], [40]), (files[1], [])], LOW_FN) == pytest.approx(100.0)
    assert nab.score([(files[0], [40]), (files[1], [50])], STANDARD) == pytest.approx(94.5)


def test_probation_is_15_percent_and_750_rows_at_most() -> None:
    """As published."""
    assert [nab.probation(rows) for rows in (99, 5000, 20_000)] == [14, 750, 750]


def test_files_are_read_with_their_windows(tmp_path: Path) -> None:
    """Windows are given by time, and kept by row."""
    (tmp_path / "data").mkdir()
    (tmp_path / "labels").mkdir()
    lines = [f"2026-01-01 00:{i:02}:00,{i}" for i in range(10)]
    (tmp_path / "data" / "x.csv").write_text("\n".join(["timestamp,value", *lines]))
    spans = [["2026-01-01 00:03:00.000000", "2026-01-01 00:05:00.000000"]]
    windows = {"x.csv": spans, "missing.csv": []}
    (tmp_path / "labels" / "combined_windows.json").write_text(json.dumps(windows))

    (file,) = nab.load(tmp_path)

    assert (file.values, file.windows) == ([float(i) for i in range(10)], [(3, 5)])
    assert file.seconds[1] - file.seconds[0] == 60.0
    assert plot.svg(file, [4, 9]).count("<line ") == 2


def test_views_keep_windows_where_their_rows_are() -> None:
    """Rows cut, thinned and averaged."""
    values = [float(i) for i in range(400)]
    file = nab.Labelled("x", [60.0 * i for i in range(400)], values, [(350, 359)])

    seen = list(views.views(file))

    assert [len(view.values) for view in seen] == [400, 300, 100, 200, 200, 200, 400]
    starts = [view.values[view.windows[0][0]] for view in seen[:-1]]
    assert starts == [350.0, 350.0, 350.0, 350.5, 350.0, 351.0]


def test_a_window_that_no_row_counts_of_is_left_out_of_a_view() -> None:
    """Cut by 300 rows it would lie in the probation, and be missed by everything."""
    values = [float(i) for i in range(1000)]
    file = nab.Labelled("x", [60.0 * i for i in range(1000)], values, [(320, 390), (800, 850)])

    seen = [view.windows for view in views.views(file)]

    assert seen[0] == [(320, 390), (800, 850)]
    assert seen[2] == [(500, 550)]


def test_events_are_found_or_not_and_all_other_alarms_are_false() -> None:
    """In the event or ten samples later it is found; ten before it an alarm is neutral."""
    one = events.compare(1440, [(100, 110), (500, 500)], [92, 120, 300, 301, 511])

    assert (one.found, one.false, one.events) == (1, 3, 2)
    assert one.f1 == pytest.approx(2 * 0.25 * 0.5 / 0.75)
    assert (one + one).false_a_day == 3.0


def test_made_up_series_hold_their_events_and_are_the_seeds_alone() -> None:
    """The same seed, the same data; at most 1 % of it an event."""
    one, again = (list(generated.series(7, each=1)) for _ in range(2))

    assert [series.values for series in one] == [series.values for series in again]
    assert {series.kind for series in one} == set(generated.KINDS)
    for series in one:
        contaminated = sum(b - a + 1 for a, b in series.events)
        assert contaminated <= 0.01 * len(series.values)
        assert min(a for a, _ in series.events) >= generated.CALM


def test_state_written_and_read_back_gives_the_alarms_of_one_run() -> None:
    """Where groups end makes no difference."""
    (series, *_) = generated.series(1, each=1)
    rules = pod.rules_for(Method.FUSED, alarm_score=4.0)

    often = pod.alarms(Method.FUSED, series.seconds, series.values, rules)
    pod_every, pod.RESTORED_EVERY = pod.RESTORED_EVERY, 10_000
    try:
        once = pod.alarms(Method.FUSED, series.seconds, series.values, rules)
    finally:
        pod.RESTORED_EVERY = pod_every

    assert often == once != []
