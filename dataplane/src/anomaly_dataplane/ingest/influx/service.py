"""What Influx clients ask beside writing: whether anybody is there, and for a database to be made.

`dialects.py` mounts it. None of it touches samples; what a database would have to know is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qs

import msgspec

from anomaly_dataplane.contract import runtime
from anomaly_dataplane.errors import BadPayload
from anomaly_dataplane.ingest.protocol import Dialect, Facts, Other
from anomaly_dataplane.ingest.reply import JSON_HEADERS, Reply

_VERSION_HEADERS = {"X-Influxdb-Version": runtime.INFLUX_VERSION, "X-Influxdb-Build": "OSS"}
_MAX_FIELDS = 20
_HARMLESS = re.compile(r"\s*(CREATE\s+DATABASE|SHOW)\b", re.IGNORECASE)
"""Telegraf makes its database at each start, and some clients list series to see who is there."""


def others(first: Dialect, second: Dialect, ready: Callable[[], bool]) -> tuple[Other, ...]:
    """All that is no write.

    Args:
        first: words errors as InfluxDB 1.
        second: words errors as InfluxDB 2.
        ready: whether the pod takes samples.
    """

    def health(_: Facts, __: bytes) -> Reply:
        passes = ready()
        body: dict[str, object] = {
            "name": "influxdb",
            "message": "ready for queries and writes" if passes else "not ready",
            "status": "pass" if passes else "fail",
            "checks": [],
            "version": runtime.INFLUX_VERSION,
        }
        return Reply(200 if passes else 503, msgspec.json.encode(body), JSON_HEADERS)

    def readiness(_: Facts, __: bytes) -> Reply:
        passes = ready()
        body: dict[str, object] = {"status": "ready" if passes else "not ready"}
        return Reply(200 if passes else 503, msgspec.json.encode(body), JSON_HEADERS)

    found: list[Other] = []
    for prefix in ("", runtime.PATH_INFLUX_ALIAS):
        ping = prefix + runtime.PATH_INFLUX_PING
        query = prefix + runtime.PATH_INFLUX_QUERY
        found += [
            Other("GET", ping, _ping, first, is_open=True),
            Other("HEAD", ping, _ping, first, is_open=True),
            Other("GET", query, _query, first),
            Other("POST", query, _query, first),
            Other("GET", prefix + runtime.PATH_INFLUX_HEALTH, health, second, is_open=True),
            Other("GET", prefix + runtime.PATH_INFLUX_READY, readiness, second, is_open=True),
        ]
    return tuple(found)


def _ping(facts: Facts, _: bytes) -> Reply:
    if facts.query.get("verbose", "").lower() in ("true", "1"):
        body = msgspec.json.encode({"version": runtime.INFLUX_VERSION})
        return Reply(200, body, {**JSON_HEADERS, **_VERSION_HEADERS})
    return Reply(204, b"", _VERSION_HEADERS)


def _query(facts: Facts, body: bytes) -> Reply:
    asked = facts.query.get("q", "")
    if not asked:
        asked = _form(body).get("q", [""])[0]
    if not asked:
        raise BadPayload('missing required parameter "q"')
    if not _HARMLESS.match(asked):
        raise BadPayload(
            "this is a pipeline, not a database: it takes CREATE DATABASE and SHOW, which have no "
            f"effect, and answers no {asked[:40]!r}; see {runtime.PATH_ANOMALIES}"
        )
    return Reply(200, b'{"results":[]}', {**JSON_HEADERS, **_VERSION_HEADERS})


def _form(body: bytes) -> dict[str, list[str]]:
    try:
        return parse_qs(body.decode("utf-8", "replace"), max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise BadPayload(
            f"the form has more than {_MAX_FIELDS} fields; a query is one field q=..."
        ) from None
