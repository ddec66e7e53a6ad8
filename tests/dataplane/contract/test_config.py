"""Reading config documents: defaults, bounds, and errors that say what would be right."""

from __future__ import annotations

import json

import pytest

from anomaly_dataplane.contract.config import (
    VERSION,
    Direction,
    document,
    parse,
    parse_json,
    restart_relevant,
)
from anomaly_dataplane.contract.fields import Duration, InvalidConfig, camel


def test_an_empty_document_is_a_complete_pipeline() -> None:
    """Every field has a default."""
    config = parse({})

    assert config.detection.window == 120
    assert config.detection.threshold == 2.0
    assert config.detection.direction is Direction.BOTH
    assert config.ingest.allowed_lateness_seconds == 60.0


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"detection": {"window": 5}}, "detection.window: must be 10 to 2880, not 5"),
        ({"detection": {"window": "120"}}, "detection.window: must be a whole number, not '120'"),
        ({"detection": {"window": True}}, "detection.window: must be a whole number, not True"),
        (
            {"detection": {"threshold": 2}},
            'detection.threshold: must be a decimal number as a string, like "2.5", not 2',
        ),
        ({"detection": {"threshold": "0"}}, "detection.threshold: must be 0.1 to 1000, not 0"),
        (
            {"detection": {"direction": "up"}},
            "detection.direction: must be one of Both, Above, Below, not 'up'",
        ),
        ({"detection": {"direction": []}}, "must be one of Both, Above, Below, not []"),
        ({"ingest": {"maxFuture": "5"}}, 'must be a duration like "30s" or "1m30s", not \'5\''),
        ({"ingest": {"maxFuture": "25h"}}, "ingest.maxFuture: must be 0s to 86400s, not 25h"),
        ({"ingest": {"fastPath": "yes"}}, "ingest.fastPath: must be true or false, not 'yes'"),
        ({"ingest": {"fastPath": 1}}, "ingest.fastPath: must be true or false, not 1"),
        ({"redis": {"urls": "a:1"}}, "redis.urls: must be a list of strings, not 'a:1'"),
        ({"redis": {"urls": ["a:1", "b"]}}, "redis.urls[1]: must be a string like"),
        (
            {"redis": {"mode": "Sentinel"}},
            "redis.sentinelMaster: is required with mode Sentinel",
        ),
        (
            {"redis": {"sentinelMaster": "mymaster"}},
            "redis.sentinelMaster: must be empty unless mode is Sentinel",
        ),
        ({"redis": {"tls": {"enabled": 1}}}, "redis.tls.enabled: must be true or false, not 1"),
        (
            {"detektion": {}},
            "detektion: unknown field; did you mean detection?",
        ),
        ({"detection": []}, "detection: must be an object, not []"),
        ({"version": 2}, "version: must be 1 to 1, not 2"),
        ({"basePath": "no-slash"}, "basePath: must be a string like '/default/boiler-room'"),
        (
            {"detection": {"window": 20, "minSamples": 30}},
            "detection.minSamples: must be at most detection.window (20), not 30",
        ),
        ([], "document: must be an object, not []"),
    ],
)
def test_an_error_names_the_field_and_what_would_be_right(raw: object, message: str) -> None:
    """An engineer can mend the document from the message alone."""
    with pytest.raises(InvalidConfig) as caught:
        parse(raw)

    assert message in str(caught.value)


def test_all_errors_are_reported_at_once() -> None:
    """Nobody mends one field only to hear of the next."""
    with pytest.raises(InvalidConfig) as caught:
        parse({"detection": {"window": 1, "threshold": "x"}, "workers": {"maxBatch": 0}, "x": 1})

    paths = [error.path for error in caught.value.errors]
    assert paths == ["workers.maxBatch", "detection.window", "detection.threshold", "x"]


def test_text_that_is_not_json_is_an_error_of_the_document() -> None:
    """A broken file is told apart from a broken field."""
    with pytest.raises(InvalidConfig, match="document: is not JSON"):
        parse_json("{")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("30s", 30.0), ("1m30s", 90.0), ("2h", 7200.0), ("0s", 0.0)],
)
def test_durations_are_written_as_kubernetes_does(text: str, seconds: float) -> None:
    """Units add up."""
    assert Duration(0, 86400).read(text, "x") == seconds


def test_a_built_document_parses_back() -> None:
    """What the operator builds is what the pod reads."""
    groups = {"detection": {"threshold": "3"}, "redis": {"urls": ["redis:6379"]}}
    identity = {"namespace": "plant", "name": "boiler-room", "uid": "u-1"}

    config = parse_json(json.dumps(document(identity, "/plant/boiler-room", groups)))

    assert config.version == VERSION
    assert config.pipeline.name == "boiler-room"
    assert config.detection.threshold == 3.0
    assert config.redis.urls == ("redis:6379",)


def test_a_document_takes_no_group_that_pods_do_not_know() -> None:
    """A field that nobody honours must not look as if it were."""
    with pytest.raises(ValueError, match="expose"):
        document({}, "", {"expose": {}})


def test_thresholds_do_not_matter_for_a_restart_but_the_window_does() -> None:
    """What a running pod picks up leaves the hash of the pod template alone."""
    base = document({}, "", {"detection": {"threshold": "2", "window": 120}})
    threshold = document({}, "", {"detection": {"threshold": "3", "window": 120}})
    window = document({}, "", {"detection": {"threshold": "2", "window": 60}})

    assert restart_relevant(base) == restart_relevant(threshold)
    assert restart_relevant(base) != restart_relevant(window)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("window", "window"),
        ("min_samples", "minSamples"),
        ("allowed_lateness_seconds", "allowedLateness"),
        ("max_body_bytes", "maxBodyBytes"),
    ],
)
def test_field_names_are_those_of_the_resource(name: str, expected: str) -> None:
    """The unit of a duration stands in its value there, in the name here."""
    assert camel(name) == expected
