"""Telegraf's JSON, as `outputs.http` sends it; tests/clients runs the real one."""

from __future__ import annotations

import json

import pytest

from anomaly_dataplane.errors import BatchTooLarge
from anomaly_dataplane.ingest.native import NativeParser
from anomaly_dataplane.ingest.parsed import Cause, Parsed
from anomaly_dataplane.ingest.telegraf import TelegrafParser
from anomaly_dataplane.series import SeriesTable
from samples import START_MS

CPU = {
    "name": "cpu",
    "tags": {"host": "a"},
    "fields": {"user": 1.5, "count": 3},
    "timestamp": 1_767_225_600,
}


def parse(body: object, max_samples: int = 100) -> Parsed:
    parser = NativeParser(SeriesTable(4), max_samples)
    return parser.parse(json.dumps(body).encode(), lines=False, now_ms=START_MS)


@pytest.mark.parametrize("body", [CPU, {"metrics": [CPU]}])
def test_each_number_of_a_metric_is_a_sample_named_after_both(body: object) -> None:
    batch = parse(body).batch
    assert [s.name for s in batch.series] == ['cpu_user{host="a"}', 'cpu_count{host="a"}']
    assert batch.times == [START_MS, START_MS]
    assert batch.values == [1.5, 3.0]


@pytest.mark.parametrize("timestamp", [1_767_225_600, 1_767_225_600_000, 1_767_225_600 * 10**9])
def test_the_unit_of_the_time_is_found_by_its_size(timestamp: int) -> None:
    """`json_timestamp_units` may be any."""
    assert parse({**CPU, "timestamp": timestamp}).batch.times == [START_MS, START_MS]


def test_texts_and_truth_values_are_left_out_and_are_no_fault() -> None:
    fields = {"state": "on", "up": True, "gone": None}
    parsed = parse({"metrics": [{**CPU, "fields": fields}, CPU]})
    assert len(parsed.batch) == 2
    assert parsed.rejected == []
    assert parse({**CPU, "fields": fields}).total == 0


def test_a_bad_sample_is_named_and_the_others_are_kept() -> None:
    bad = {**CPU, "name": "n" * 300, "tags": {}}
    parsed = parse({"metrics": [CPU, bad, {**CPU, "tags": {"a": 1}}, {**CPU, "timestamp": -1}]})
    assert len(parsed.batch) == 2
    assert [each.cause for each in parsed.rejected] == [
        *[Cause.SERIES] * 2,
        *[Cause.FIELD] * 2,
        *[Cause.TIMESTAMP] * 2,
    ]
    assert [each.index for each in parsed.rejected] == [2, 3, 4, 5, 6, 7]


def test_more_samples_than_a_request_may_have_are_refused() -> None:
    with pytest.raises(BatchTooLarge):
        parse({"metrics": [CPU] * 6}, max_samples=10)


@pytest.mark.parametrize(("bound", "value"), [("MAX_SPELLINGS", 10), ("MAX_BYTES", 200)])
def test_what_is_remembered_is_bounded(
    monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    """New names, new tags, and one metric with ever new fields; each keeps its series."""
    monkeypatch.setattr(f"anomaly_dataplane.ingest.telegraf.{bound}", value)
    parser = TelegrafParser(SeriesTable(4), 1000)
    metrics = [{**CPU, "name": f"cpu{n}"} for n in range(20)]
    metrics += [{**CPU, "tags": {"host": f"h{n}"}} for n in range(20)]
    metrics += [{**CPU, "fields": {f"core{n}": 1}} for n in range(20)]
    body = json.dumps({"metrics": metrics}).encode()
    first, second = parser.parse(body, START_MS), parser.parse(body, START_MS)
    assert first is not None
    assert second is not None
    assert second.batch.series == first.batch.series
    assert len(set(first.batch.series)) == 100
    known = parser._known
    counts = {
        "MAX_SPELLINGS": sum(map(len, known.values())),
        "MAX_BYTES": sum(
            len(name) + len(tags) + sum(map(len, fields)) for (name, tags), fields in known.items()
        ),
    }
    assert 0 < counts[bound] <= value


def test_metrics_without_a_time_of_their_own_are_told_apart() -> None:
    untimed = {name: value for name, value in CPU.items() if name != "timestamp"}
    times = parse({"metrics": [untimed, untimed]}).batch.times
    assert times[0] == times[1] < times[2] == times[3]


def test_what_is_neither_form_is_told_of_ours() -> None:
    parsed = parse({"metrics": "none"})
    assert "unknown field 'metrics'" in parsed.rejected[0].reason
