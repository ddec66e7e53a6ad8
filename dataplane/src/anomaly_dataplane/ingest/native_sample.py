"""One sample of the native protocol: as it is decoded, and what can be wrong with it.

`salvage.py` calls `check_sample` with the JSON value of each sample of a faulty body.
"""

from __future__ import annotations

import math

import msgspec

from anomaly_dataplane.ingest.known_series import KnownSeries
from anomaly_dataplane.ingest.parsed import BadSample, Cause
from anomaly_dataplane.ingest.timestamps import BadTimestamp, milliseconds
from anomaly_dataplane.series import Series

FIELDS = ("metric", "labels", "timestamp", "value", "device_id")
EXAMPLE = '{"metric": "temperature", "labels": {"device": "boiler-1"}, "value": 71.3}'

_JSON_NAMES = {
    bool: "a boolean",
    str: "a string",
    list: "an array",
    dict: "an object",
    type(None): "null",
    int: "a number",
    float: "a number",
}


NO_LABELS = msgspec.Raw(b"{}")


class Sample(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A sample in which nothing is of the wrong type; its labels are read when they are new."""

    metric: str
    value: float
    timestamp: int | float | str | None = None
    labels: msgspec.Raw = NO_LABELS
    device_id: str | None = None


def check_sample(item: object, known: KnownSeries) -> tuple[Series, float | None, float]:
    """The series, the time in Unix milliseconds (None if not given) and the value of a sample.

    Raises:
        BadSample: with the first fault found.
    """
    fields = _fields(item)
    value = _value(fields["value"])
    time_ms = _time(fields.get("timestamp"))
    series = known.resolve(_metric(fields), _labels(fields), _device_id(fields))
    return series, time_ms, value


def _fields(item: object) -> dict[str, object]:
    if not isinstance(item, dict):
        raise BadSample(Cause.SYNTAX, f"is {_name(item)}, not an object like {EXAMPLE}")
    unknown = [name for name in item if name not in FIELDS]
    if unknown:
        names = ", ".join(repr(name[:40]) for name in unknown[:5])
        raise BadSample(Cause.FIELD, f"unknown field {names}; known: {', '.join(FIELDS)}")
    for name in ("metric", "value"):
        if name not in item:
            raise BadSample(Cause.FIELD, f"{name} is missing; send a sample like {EXAMPLE}")
    return item


def _metric(fields: dict[str, object]) -> str:
    metric = fields["metric"]
    if not isinstance(metric, str):
        raise BadSample(Cause.FIELD, f"metric must be a string, not {_name(metric)}")
    return metric


def _value(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        shown = f" ({value[:40]!r})" if isinstance(value, str) else ""
        raise BadSample(Cause.VALUE, f"value must be a number, not {_name(value)}{shown}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise BadSample(Cause.VALUE, "value must be a finite number, not NaN or infinite")
    return number


def _time(raw: object) -> float | None:
    if raw is None:
        return None
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise BadSample(
            Cause.TIMESTAMP, f"timestamp must be a number or RFC 3339 text, not {_name(raw)}"
        )
    try:
        return milliseconds(raw)
    except BadTimestamp as bad:
        raise BadSample(Cause.TIMESTAMP, str(bad)) from None


def _labels(fields: dict[str, object]) -> dict[str, str]:
    labels = fields.get("labels")
    if labels is None:
        return {}
    if not isinstance(labels, dict):
        raise BadSample(Cause.FIELD, f"labels must be an object of strings, not {_name(labels)}")
    for name, value in labels.items():
        if not isinstance(value, str):
            raise BadSample(
                Cause.FIELD, f"label {name[:40]!r} must be a string, not {_name(value)}"
            )
    return labels


def _device_id(fields: dict[str, object]) -> str | None:
    device_id = fields.get("device_id")
    if device_id is None or isinstance(device_id, str):
        return device_id
    raise BadSample(Cause.FIELD, f"device_id must be a string, not {_name(device_id)}")


def _name(value: object) -> str:
    return _JSON_NAMES.get(type(value), "something else")
