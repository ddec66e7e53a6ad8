"""What people and machines ask for."""

from __future__ import annotations

from typing import cast

from anomaly_dataplane.contract import runtime
from anomaly_dataplane.openapi.parts import (
    Json,
    answer,
    array,
    body,
    closed,
    path_id,
    query,
    ref,
    refusals,
)
from anomaly_dataplane.openapi.schemas import (
    COUNT,
    FLAG,
    LABELS,
    MAYBE_COUNT,
    MAYBE_NUMBER,
    MAYBE_RANGE,
    MAYBE_TEXT,
    MAYBE_TIME,
    NUMBER,
    TEXT,
    TIME,
)
from anomaly_dataplane.queries import alerts, anomalies, feedback, series
from anomaly_dataplane.series import ID_BYTES

_SERIES_ID = f"^[0-9a-f]{{{ID_BYTES}}}$"
_MATCHING = (
    query("metric", TEXT, "pattern of a shell for the whole name"),
    query("label", array(TEXT), "NAME:PATTERN; may come several times"),
)


def operation(method: str, path: str) -> Json:
    """One of the query routes."""
    return {"tags": ["queries"], **_OPERATIONS[method, path]()}


def _asked(summary: str, schema: Json, *parameters: Json, also: tuple[int, ...] = ()) -> Json:
    return {
        "summary": summary,
        "parameters": list(parameters),
        "responses": {
            "200": answer(200, schema, "application/json"),
            **refusals((400, *also, 500, 503)),
        },
    }


def _limit(default: int, maximum: int) -> Json:
    schema: Json = {"type": "integer", "minimum": 1, "maximum": maximum, "default": default}
    return query("limit", schema, "most that a page holds")


def _stats() -> Json:
    totals = ("samples", "outliers", "anomalies", "anomalies_last_hour", "series")
    schema = closed(
        {
            "pipeline": closed(dict.fromkeys(("namespace", "name", "uid"), TEXT)),
            **dict.fromkeys(totals, MAYBE_COUNT),
            "last_sample_time": MAYBE_TIME,
            "redis": closed({"up": FLAG, "error": TEXT}),
            "buffer": closed({"samples": COUNT, "capacity": COUNT}),
        }
    )
    return _asked("Totals of the pipeline, state of this pod", schema)


def _anomalies() -> Json:
    return _asked(
        "What was found, newest first",
        closed({"anomalies": array(ref("Anomaly")), "next": MAYBE_TEXT}),
        query("since", TEXT, "time of the commit, as a timestamp"),
        _limit(anomalies.DEFAULT_LIMIT, anomalies.MAX_LIMIT),
        query("kind", {"type": "string", "enum": list(anomalies.KINDS)}, "Raised by default"),
        *_MATCHING,
        query("before", TEXT, "`next` of the page before"),
    )


def _feedback() -> Json:
    schema = closed(
        {"anomaly": TEXT, "series": TEXT, "changed": FLAG, "complaints": COUNT, "factor": NUMBER}
    )
    anomaly = path_id(f"^[0-9a-f]{{{ID_BYTES}}}-[0-9]{{1,20}}(-stale)?$")
    return _asked("Whether an anomaly was one", schema, anomaly, also=(404, 409))


def _say() -> Json:
    label: Json = {"type": "string", "enum": ["true", "false"]}
    note: Json = {**TEXT, "maxLength": feedback.MOST_NOTE}
    said = closed({"label": label, "note": note}, optional=["note"])
    described = _feedback()
    responses = cast(dict[str, Json], described["responses"])
    return {
        **described,
        "requestBody": body({"application/json": said}),
        "responses": {**responses, **refusals((413, 415))},
    }


def _take_back() -> Json:
    return {**_feedback(), "summary": "Take a label and its effect back"}


def _alerts() -> Json:
    return _asked(
        "What is in trouble now",
        closed({"open": COUNT, "alerts": array(ref("Alert"))}),
        _limit(alerts.DEFAULT_LIMIT, alerts.MAX_LIMIT),
        query("resolved", FLAG, "those resolved a moment ago, too"),
    )


def _stream() -> Json:
    described = _asked(
        "Anomalies as they are committed (Server-Sent Events)",
        TEXT,
        *_MATCHING,
        query("last", TEXT, "as Last-Event-ID"),
        {"name": "Last-Event-ID", "in": "header", "schema": TEXT},
    )
    opened = {"200": answer(200, TEXT, "text/event-stream")}
    return {**described, "responses": {**opened, **refusals((400, 500, 503))}}


def _series() -> Json:
    return _asked(
        "Series by name and labels",
        closed({"series": array(ref("Series")), "next": MAYBE_TEXT}),
        *_MATCHING,
        _limit(series.DEFAULT_LIMIT, series.MAX_LIMIT),
        query("cursor", TEXT, "`next` of the page before"),
    )


def _one_series() -> Json:
    sample = closed({"time": TIME, "value": MAYBE_NUMBER})
    schema = closed({"id": TEXT, "metric": TEXT, "labels": LABELS, "samples": array(sample)})
    return _asked("One with its newest samples", schema, path_id(_SERIES_ID), also=(404,))


def _explain() -> Json:
    baseline: Json = {
        **closed({"mean": NUMBER, "std": NUMBER, "n": COUNT}),
        "type": ["object", "null"],
    }
    schema = closed(
        {
            **{"id": TEXT, "metric": TEXT, "labels": LABELS},
            "state": {"type": "string", "enum": ["warm", "warming"]},
            "samples_missing": COUNT,
            "samples": COUNT,
            "newest": MAYBE_TIME,
            "newest_value": MAYBE_NUMBER,
            "stale": FLAG,
            "baseline": baseline,
            "expected": MAYBE_RANGE,
            "z_now": MAYBE_NUMBER,
            **dict.fromkeys(("outlier_threshold", "anomaly_threshold"), MAYBE_NUMBER),
            "rule": TEXT,
            "excluded": FLAG,
            "learns": FLAG,
            "transform": TEXT,
            "armed": FLAG,
            "episode": closed(
                {"open": FLAG, "began": MAYBE_TIME, "samples_since_last_anomaly": MAYBE_COUNT}
            ),
            "feedback": closed({"complaints": COUNT, "factor": NUMBER}),
            "events": array(ref("Anomaly")),
            "labels_of": {
                "type": "object",
                "additionalProperties": closed({"label": TEXT, "note": TEXT, "time": TIME}),
            },
        }
    )
    return _asked("What scoring thinks of it just now", schema, path_id(_SERIES_ID), also=(404,))


def _open(summary: str, media_type: str, schema: Json) -> Json:
    responses = {"200": answer(200, schema, media_type)}
    return {"summary": summary, "security": [], "responses": responses}


def _page() -> Json:
    return _open("The live page", "text/html", TEXT)


def _description() -> Json:
    return _open("This description", "application/json", {"type": "object"})


_OPERATIONS = {
    ("GET", runtime.PATH_STATS): _stats,
    ("GET", runtime.PATH_ANOMALIES): _anomalies,
    ("POST", runtime.PATH_FEEDBACK): _say,
    ("DELETE", runtime.PATH_FEEDBACK): _take_back,
    ("GET", runtime.PATH_ALERTS): _alerts,
    ("GET", runtime.PATH_STREAM): _stream,
    ("GET", runtime.PATH_SERIES): _series,
    ("GET", runtime.PATH_ONE_SERIES): _one_series,
    ("GET", runtime.PATH_EXPLAIN): _explain,
    ("GET", runtime.PATH_PAGE): _page,
    ("GET", runtime.PATH_OPENAPI): _description,
}
