"""The schemas that several routes share."""

from __future__ import annotations

from anomaly_dataplane.ingest import known_series
from anomaly_dataplane.ingest.answer import MAX_ERRORS
from anomaly_dataplane.openapi.parts import Json, array, closed, ref
from anomaly_dataplane.sample import Code

TEXT: Json = {"type": "string"}
NUMBER: Json = {"type": "number"}
COUNT: Json = {"type": "integer", "minimum": 0}
FLAG: Json = {"type": "boolean"}
TIME: Json = {"type": "string", "format": "date-time"}
LABELS: Json = {"type": "object", "additionalProperties": TEXT}
MAYBE_TEXT: Json = {"type": ["string", "null"]}
MAYBE_NUMBER: Json = {"type": ["number", "null"]}
MAYBE_COUNT: Json = {"type": ["integer", "null"], "minimum": 0}
MAYBE_TIME: Json = {"type": ["string", "null"], "format": "date-time"}
RANGE: Json = {"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2}
MAYBE_RANGE: Json = {**RANGE, "type": ["array", "null"]}


def schemas() -> Json:
    """All of them by name."""
    counts = dict.fromkeys(("accepted", "duplicate", "late", "rejected"), COUNT)
    rejection = closed({"index": COUNT, "reason": TEXT, "line": COUNT}, optional=["line"])
    series = {"id": TEXT, "metric": TEXT, "labels": LABELS}
    return {
        "Error": {"type": "object", "properties": {"error": TEXT}, "required": ["error"]},
        "Sample": _sample(),
        "Ingested": closed(
            {
                **counts,
                "errors": {**array(rejection), "maxItems": MAX_ERRORS},
                "verdicts": array(ref("Verdict")),
            },
            optional=["verdicts"],
        ),
        "Verdict": _verdict(),
        "Series": closed(series),
        "Anomaly": _anomaly(),
        "Alert": _alert(),
    }


def _sample() -> Json:
    label = {"type": "string", "maxLength": known_series.MAX_LABEL_VALUE_LENGTH}
    return closed(
        {
            "metric": {
                "type": "string",
                "minLength": 1,
                "maxLength": known_series.MAX_METRIC_LENGTH,
            },
            "value": NUMBER,
            "timestamp": {"type": ["number", "string"]},
            "labels": {
                "type": "object",
                "additionalProperties": label,
                "propertyNames": {"maxLength": known_series.MAX_LABEL_NAME_LENGTH},
                "maxProperties": known_series.MAX_LABELS,
            },
            "device_id": label,
        },
        optional=["timestamp", "labels", "device_id"],
    )


def _verdict() -> Json:
    return closed(
        {
            "status": {"type": "string", "enum": [*(c.name.lower() for c in Code), "rejected"]},
            "z": MAYBE_NUMBER,
            "mean": MAYBE_NUMBER,
            "std": MAYBE_NUMBER,
            "n": MAYBE_COUNT,
            "outlier": FLAG,
            "anomaly": {"type": "object"},
        },
        optional=["anomaly"],
    )


def _anomaly() -> Json:
    texts = ("id", "series", "kind", "metric", "direction", "method", "trigger", "family")
    numbers = ("score", "threshold", "weight")
    figures = ("value", "z", "mean", "std", "scored_value", "span_seconds")
    return closed(
        {
            **dict.fromkeys(texts, TEXT),
            "labels": LABELS,
            "time": TIME,
            **dict.fromkeys(numbers, MAYBE_NUMBER),
            **dict.fromkeys(figures, MAYBE_NUMBER),
            "n": MAYBE_COUNT,
            "expected": MAYBE_RANGE,
            **dict.fromkeys(("transform", "rule", "episode", "ending"), TEXT),
            "feedback": {"type": ["object", "null"]},
        }
    )


def _alert() -> Json:
    texts = ("id", "kind", "state", "summary", "metric", "direction", "series", "trigger")
    return closed(
        {
            **dict.fromkeys(texts, TEXT),
            "labels": LABELS,
            "started": TIME,
            "updated": TIME,
            "resolved": MAYBE_TIME,
            "ending": TEXT,
            "anomalies": COUNT,
            "peak": MAYBE_NUMBER,
            "value": MAYBE_NUMBER,
            "last_anomaly": MAYBE_TEXT,
            "told": FLAG,
            "hush": TEXT,
        }
    )
