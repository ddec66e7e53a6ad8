"""The body of an ingest answer."""

from __future__ import annotations

import json
import math
from typing import Any

from anomaly_dataplane.ingest.answer import MAX_ERRORS, answer, with_error
from anomaly_dataplane.ingest.parsed import Cause, Parsed, Rejection
from anomaly_dataplane.sample import Anomaly, Batch, Code, Verdicts
from samples import a_series

CODES = [Code.OK, Code.WARMING, Code.OUTLIER, Code.DUPLICATE, Code.LATE]


def committed() -> Verdicts:
    verdicts = Verdicts.empty(len(CODES))
    verdicts.codes[:] = bytes(CODES)
    for i in range(len(CODES)):
        verdicts.z[i], verdicts.mean[i], verdicts.std[i], verdicts.n[i] = 2.5, 10.0, 1.0, 120
    event = Anomaly(
        "id-1", "m", {}, 0.0, 12.5, 2.5, 2.0, "zscore", 2.5, 10.0, 1.0, 120, (8.0, 12.0)
    )
    verdicts.anomalies[2] = event
    return verdicts


def request(rejected: list[int], lines: bool = False) -> Parsed:
    batch = Batch([a_series()] * len(CODES), [0.0] * len(CODES), [0.0] * len(CODES))
    errors = [Rejection(i, Cause.VALUE, f"bad {i}", i + 1 if lines else None) for i in rejected]
    return Parsed(batch, errors)


def read(body: bytes) -> dict[str, Any]:
    parsed = json.loads(body)
    assert isinstance(parsed, dict)
    return parsed


def test_counts_add_up_to_the_samples_sent() -> None:
    """Accepted are those that changed something."""
    body = read(answer(request([1]), committed(), with_verdicts=False))
    assert body == {
        "accepted": 3,
        "duplicate": 1,
        "late": 1,
        "rejected": 1,
        "errors": [{"index": 1, "reason": "bad 1"}],
    }


def test_lines_are_named_where_there_are_lines() -> None:
    """So that an editor can jump to them."""
    body = read(answer(request([1], lines=True), committed(), with_verdicts=False))
    assert body["errors"] == [{"index": 1, "reason": "bad 1", "line": 2}]


def test_verdicts_come_in_request_order() -> None:
    """Rejected samples have their place; figures that were not computed are null."""
    verdicts = read(answer(request([0, 3]), committed(), with_verdicts=True))["verdicts"]
    assert [v["status"] for v in verdicts] == [
        "rejected",
        "ok",
        "warming",
        "rejected",
        "outlier",
        "duplicate",
        "late",
    ]
    assert verdicts[1] == {
        "status": "ok",
        "z": 2.5,
        "mean": 10.0,
        "std": 1.0,
        "n": 120,
        "outlier": False,
    }
    assert verdicts[2]["z"] is None
    assert verdicts[2]["n"] == 120
    assert verdicts[4]["outlier"] is True
    assert verdicts[4]["anomaly"] == {
        "id": "id-1",
        "score": 2.5,
        "family": "zscore",
        "expected": [8.0, 12.0],
    }
    assert verdicts[6] == {**verdicts[5], "status": "late"} | {"status": "late"}


def test_a_request_without_a_good_sample_has_an_answer_of_the_same_shape() -> None:
    """Nothing was committed, so there are no verdicts to read."""
    parsed = Parsed(Batch([], [], []), [Rejection(0, Cause.VALUE, "bad")])
    body = read(answer(parsed, None, with_verdicts=True))
    assert body["accepted"] == 0
    assert [v["status"] for v in body["verdicts"]] == ["rejected"]


def test_only_the_first_errors_are_named() -> None:
    """The count still tells how many there were."""
    body = read(answer(request(list(range(250))), committed(), with_verdicts=False))
    assert body["rejected"] == 250
    assert [e["index"] for e in body["errors"]] == list(range(MAX_ERRORS))


def test_a_score_that_is_not_finite_is_still_json() -> None:
    """A strict parser must be able to read every answer."""
    verdicts = committed()
    verdicts.z[0] = math.inf
    assert read(answer(request([]), verdicts, with_verdicts=True))["verdicts"][0]["z"] is None


def test_an_error_comes_first() -> None:
    """Who reads only the start of the body learns why."""
    text = with_error('quo"ted', b'{"accepted":0}')
    assert read(text) == {"error": 'quo"ted', "accepted": 0}
    assert text.startswith(b'{"error"')
