"""`GET /api/v1/series`, `/series/{id}` and `/series/{id}/explain`. Mounted by `app.py`.

Explaining opens the series' stored block as a committing pod would, and reads it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import msgspec
from aiohttp import web

from anomaly_dataplane.contract.config import PipelineConfig
from anomaly_dataplane.detectors import stamps
from anomaly_dataplane.detectors.method import METHODS
from anomaly_dataplane.detectors.rules import TRANSFORMS, Rules
from anomaly_dataplane.detectors.window import scale, z_score
from anomaly_dataplane.errors import BadPayload
from anomaly_dataplane.ingest.reply import JSON_HEADERS
from anomaly_dataplane.ingest.timestamps import rfc3339
from anomaly_dataplane.parameters import Parameters
from anomaly_dataplane.queries import anomalies
from anomaly_dataplane.queries.anomalies import NEWEST_ENTRY
from anomaly_dataplane.queries.matching import Matching
from anomaly_dataplane.series import ID_BYTES, Series
from anomaly_dataplane.state.layout import (
    ALARM,
    ARMED_BIT,
    COUNT,
    CUMULATIVE_BIT,
    EPISODE,
    FEEDBACK,
    FEEDBACK_MASK,
    FEEDBACK_STEP,
    M2,
    MARKS,
    MEAN,
    NEVER,
    NEWEST,
    OPEN_BIT,
    RAW,
    SINCE_MASK,
    STALE_BIT,
    VALID,
    VALID_MASK,
)
from anomaly_dataplane.state.working_set import WorkingSet
from anomaly_dataplane.store import Store
from anomaly_dataplane.store.reader import Reader

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
MOST_LOOKED_AT = 50_000
_SHOWN_SAMPLES = 60
_SHOWN_EVENTS = 10
_EVENTS_LOOKED_AT = 2_000
_CURSOR = re.compile(r"([0-9]{1,3})-([0-9]{1,20})")


class SeriesListHandler:
    """Answers with the series that match, a page at a time."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        query = request.query
        parameters = Parameters(query, known=("metric", "label", "limit", "cursor"))
        limit = parameters.count("limit", DEFAULT_LIMIT, MAX_LIMIT)
        parameters.check()
        matching = Matching(query.get("metric", ""), query.getall("label", []))
        partition, cursor = self._position(query.get("cursor", ""))
        found: list[Series] = []
        looked_at = 0
        while partition < self._reader.partitions:
            if len(found) >= limit or looked_at >= MOST_LOOKED_AT:
                break
            cursor, series = await self._reader.page(partition, cursor, min(limit, 200))
            looked_at += len(series)
            found += (one for one in series if matching(one.metric, one.labels))
            if cursor == 0:
                partition += 1
        more = partition < self._reader.partitions
        body = {
            "series": [as_json(one) for one in found],
            "next": f"{partition}-{cursor}" if more else None,
        }
        return web.Response(body=msgspec.json.encode(body), headers=JSON_HEADERS)

    def _position(self, text: str) -> tuple[int, int]:
        if not text:
            return 0, 0
        match = _CURSOR.fullmatch(text)
        if match is None:
            raise BadPayload("query parameter cursor must be the `next` of the page before")
        return int(match[1]), int(match[2])


@dataclass(frozen=True, slots=True)
class OpenSeries:
    """A series with its state as scoring sees it.

    Attributes:
        series: that was asked for.
        block: its state.
        pairs: (time, value) of the samples in its window, by time.
        stored: the bytes that the store has.
    """

    series: Series
    block: memoryview[float]
    pairs: Sequence[tuple[float, float]]
    stored: bytes


class Blocks:
    """Opens the state of series by their id.

    Args:
        config: of the pipeline.
        store: has the blocks.
        reader: knows the names.
    """

    def __init__(self, config: PipelineConfig, store: Store, reader: Reader) -> None:
        self._detection = config.detection
        self._store = store
        self._reader = reader

    async def open(self, identity: str) -> OpenSeries:
        """The series with this id.

        Raises:
            BadPayload: 404, there is none.
        """
        series = await named(self._reader, identity)
        (stored,) = await self._store.read(series.partition, [series])
        working_set = WorkingSet(METHODS[self._detection.method], self._detection.window, 2)
        working_set.begin([series])
        working_set.fill(series, stored)
        layout = working_set.layout
        block = working_set.block(series)
        values = block[layout.ring_at : layout.times_at]
        pairs = sorted(zip(stamps.unfold(block, layout), values, strict=False))
        return OpenSeries(series, block, pairs, stored or b"")


async def named(reader: Reader, identity: str) -> Series:
    """The series with this id, to be used by nobody else.

    Raises:
        BadPayload: 404, there is none.
    """
    if not re.fullmatch(rf"[0-9a-f]{{{ID_BYTES}}}", identity):
        raise BadPayload(f"{identity[:40]!r} is no id of a series", status=404)
    series = await reader.series(identity)
    if series is None:
        raise BadPayload(f"there is no series {identity}", status=404)
    return Series(series.metric, series.labels, reader.partitions)


class SeriesHandler:
    """Answers with one series and its newest samples."""

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        Parameters(request.query, known=()).check()
        opened = await self._blocks.open(request.match_info["id"])
        body = {**as_json(opened.series), "samples": samples(opened)}
        return web.Response(body=msgspec.json.encode(body), headers=JSON_HEADERS)


class ExplainHandler:
    """Answers with what scoring thinks of one series just now.

    Args:
        blocks: opens it.
        reader: knows what people said of its anomalies.
        rules_of: which rules apply to a series.
    """

    def __init__(self, blocks: Blocks, reader: Reader, rules_of: Callable[[Series], Rules]) -> None:
        self._blocks = blocks
        self._reader = reader
        self._rules_of = rules_of

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        Parameters(request.query, known=()).check()
        opened = await self._blocks.open(request.match_info["id"])
        series = opened.series
        said = await self._reader.labels(series.partition % self._reader.partitions)
        labels = {k: label for k, label in said.items() if k.startswith(series.id)}
        body = {
            **as_json(series),
            **explained(opened, self._rules_of(series)),
            "events": await self._events(series, labels),
            "labels_of": {k: msgspec.json.decode(label) for k, label in labels.items()},
        }
        return web.Response(body=msgspec.json.encode(body), headers=JSON_HEADERS)

    async def _events(self, series: Series, said: Mapping[str, bytes]) -> list[dict[str, object]]:
        """What was last told of a series, newest first."""
        partition = series.partition % self._reader.partitions
        newest = await self._reader.before(partition, NEWEST_ENTRY, 0, _EVENTS_LOOKED_AT)
        own = (event for _, event in newest if event and event.id.startswith(series.id))
        shown = islice(own, _SHOWN_EVENTS)
        return [anomalies.as_json(event, said.get(event.id)) for event in shown]


def explained(opened: OpenSeries, rules: Rules) -> Mapping[str, object]:
    """What the block and the rules say."""
    block = opened.block
    valid = (int(block[MARKS]) >> VALID) & VALID_MASK
    word = int(block[ALARM])
    since = word & SINCE_MASK
    mean = block[MEAN]
    std = (block[M2] / valid) ** 0.5 if valid else 0.0
    margin = max(
        rules.threshold * scale(mean, std),
        rules.min_abs_deviation,
        rules.min_rel_deviation * abs(mean),
    )
    complaints = (word >> FEEDBACK) & FEEDBACK_MASK
    cumulative = bool(int(block[MARKS]) & CUMULATIVE_BIT)
    warm = valid >= rules.min_samples
    newest = newest_value(opened)
    return {
        "state": "warm" if warm else "warming",
        "samples_missing": max(0, rules.min_samples - valid),
        "samples": int(block[COUNT]),
        "newest": rfc3339(block[NEWEST]) if block[COUNT] else None,
        "newest_value": block[RAW] if block[COUNT] else None,
        "stale": bool(int(block[MARKS]) & STALE_BIT),
        "baseline": {"mean": mean, "std": std, "n": valid} if warm else None,
        "expected": (mean - margin, mean + margin) if warm else None,
        "z_now": z_score(newest, mean, std) if warm and newest is not None else None,
        "outlier_threshold": rules.threshold,
        "anomaly_threshold": rules.alarm_score * FEEDBACK_STEP**complaints,
        "rule": rules.name,
        "excluded": rules.excluded,
        "learns": rules.learns and not rules.excluded,
        "transform": TRANSFORMS[rules.counter_transform if cumulative else rules.transform],
        "armed": bool(word & ARMED_BIT),
        "episode": {
            "open": bool(word & OPEN_BIT),
            "began": rfc3339(block[EPISODE]) if block[EPISODE] else None,
            "samples_since_last_anomaly": None if since == NEVER else since,
        },
        "feedback": {"complaints": complaints, "factor": FEEDBACK_STEP**complaints},
    }


def samples(opened: OpenSeries) -> list[dict[str, object]]:
    """The newest samples that are held, oldest first, as they were scored."""
    return [
        {"time": rfc3339(when), "value": None if what != what else what}
        for when, what in opened.pairs[-_SHOWN_SAMPLES:]
    ]


def newest_value(opened: OpenSeries) -> float | None:
    """The newest sample's value as it was scored, None if it was not."""
    value = opened.pairs[-1][1] if opened.pairs else None
    return None if value is None or value != value else value


def as_json(series: Series) -> dict[str, object]:
    """A series as the API shows it."""
    return {"id": series.id, "metric": series.metric, "labels": series.labels}
