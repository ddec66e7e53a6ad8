"""`GET /api/v1/anomalies`: what was found, newest first, a page at a time. Mounted by `app.py`."""

from __future__ import annotations

import asyncio
import heapq
import re
from itertools import islice

import msgspec
from aiohttp import web

from anomaly_dataplane.errors import BadPayload
from anomaly_dataplane.ingest.reply import JSON_HEADERS
from anomaly_dataplane.ingest.timestamps import rfc3339
from anomaly_dataplane.parameters import Parameters
from anomaly_dataplane.queries.matching import Matching
from anomaly_dataplane.sample import Anomaly, Kind
from anomaly_dataplane.store.reader import Entry, Reader

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
MOST_LOOKED_AT = 20_000
"""Events that one request looks at; where few match, a page may hold fewer than it might."""

_CURSOR = re.compile(r"([0-9]{1,15})-([0-9]{1,10})-([0-9]{1,3})")
NEWEST_ENTRY: Entry = (2**53, 0)
"""Behind all that there are."""
KINDS = {"Raised": {Kind.RAISED}, "Recovered": {Kind.RECOVERED}, "Any": set(Kind)}

Place = tuple[int, int, int]
"""Of an event among all: time of the commit, number within, partition."""


class AnomaliesHandler:
    """Answers with the anomalies since a time."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        query = request.query
        known = ("since", "limit", "kind", "metric", "label", "before")
        parameters = Parameters(query, known=known)
        since_ms = parameters.time_ms("since", 0.0)
        limit = parameters.count("limit", DEFAULT_LIMIT, MAX_LIMIT)
        parameters.check()
        kinds = KINDS.get(query.get("kind", "Raised"))
        if kinds is None:
            raise BadPayload(f"query parameter kind must be one of {', '.join(KINDS)}")
        matching = Matching(query.get("metric", ""), query.getall("label", []))
        position = _position(query.get("before", ""))
        page: list[Anomaly] = []
        looked_at, more = 0, True
        while more and len(page) < limit and looked_at < MOST_LOOKED_AT:
            events = await self._before(position, int(since_ms), 2 * limit)
            more = len(events) == 2 * limit
            looked_at += len(events)
            for place, event in events:
                if len(page) == limit:
                    more = True
                    break
                position = place
                if event is None or event.kind not in kinds:
                    continue
                if matching(event.metric, event.labels):
                    page.append(event)
        labels = await self._labels() if page else {}
        body = {
            "anomalies": [as_json(event, labels.get(event.id)) for event in page],
            "next": "{}-{}-{}".format(*position) if more and position is not None else None,
        }
        return web.Response(body=msgspec.json.encode(body), headers=JSON_HEADERS)

    async def _labels(self) -> dict[str, bytes]:
        """What people said, by anomaly."""
        partitions = range(self._reader.partitions)
        found = await asyncio.gather(*(self._reader.labels(p) for p in partitions))
        return {anomaly: said for labels in found for anomaly, said in labels.items()}

    async def _before(
        self, position: Place | None, since_ms: int, count: int
    ) -> list[tuple[Place, Anomaly | None]]:
        """The newest events before a position, of all partitions in one order."""
        partitions = range(self._reader.partitions)
        found = await asyncio.gather(
            *(self._reader.before(p, _up_to(position, p), since_ms, count + 1) for p in partitions)
        )
        placed = (
            (((*entry, p), event) for entry, event in events) for p, events in enumerate(found)
        )
        newest = heapq.merge(*placed, key=lambda item: item[0], reverse=True)
        wanted = (item for item in newest if position is None or item[0] < position)
        return list(islice(wanted, count))


def _position(text: str) -> Place | None:
    if not text:
        return None
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise BadPayload("query parameter before must be the `next` of the page before")
    return int(match[1]), int(match[2]), int(match[3])


def _up_to(position: Place | None, partition: int) -> Entry:
    return NEWEST_ENTRY if position is None else position[:2]


def as_json(event: Anomaly, said: bytes | None = None) -> dict[str, object]:
    """An anomaly as the API shows it, with what people said of it."""
    return {
        "id": event.id,
        "series": event.id.partition("-")[0],
        "kind": event.kind,
        "metric": event.metric,
        "labels": event.labels,
        "time": rfc3339(event.time),
        "value": event.value,
        "direction": event.direction,
        "method": event.method,
        "trigger": event.trigger,
        "score": event.score,
        "threshold": event.threshold,
        "family": event.family,
        "weight": event.weight,
        "z": event.z,
        "mean": event.mean,
        "std": event.std,
        "n": event.n,
        "expected": event.expected,
        "transform": event.transform,
        "scored_value": event.scored_value,
        "span_seconds": event.span_seconds,
        "rule": event.rule,
        "episode": event.episode,
        "ending": event.ending,
        "feedback": None if said is None else msgspec.json.decode(said),
    }
