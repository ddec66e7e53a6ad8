"""`POST` and `DELETE /api/v1/anomalies/{id}/feedback`: people say whether an anomaly was one.

Each complaint raises the threshold of its series by a step, within a bound; the count stands in the
series' block, where scoring reads it. Who said what is audited in Redis. Mounted by `app.py`.
"""

from __future__ import annotations

import re
import secrets
import struct
import time
from collections.abc import Callable

import msgspec
from aiohttp import web

from anomaly_dataplane.contract.config import Detection
from anomaly_dataplane.detectors.method import METHODS
from anomaly_dataplane.errors import BadPayload, StoreUnavailable
from anomaly_dataplane.ingest.body import BodyReader
from anomaly_dataplane.ingest.reply import JSON_HEADERS
from anomaly_dataplane.ingest.timestamps import rfc3339
from anomaly_dataplane.ingest.unpack import content_encoding
from anomaly_dataplane.parameters import Parameters
from anomaly_dataplane.queries.series import named
from anomaly_dataplane.series import Series
from anomaly_dataplane.state.layout import (
    ALARM,
    DOUBLE,
    FEEDBACK,
    FEEDBACK_MASK,
    FEEDBACK_STEP,
    SHAPE,
)
from anomaly_dataplane.store import VERSION_BYTES, SeriesWrite, Store, Writes
from anomaly_dataplane.store.reader import Reader
from anomaly_dataplane.verdict import STALE_SUFFIX

MOST_COMPLAINTS = 8
"""That count: they treble the threshold. More of them are kept, but change nothing."""

MOST_LABELS = 2_000
"""That a partition keeps: queries read all of them."""

_TRIES = 20
MOST_NOTE = 1_000
_ID = re.compile(r"([0-9a-f]{24})-[0-9]{1,20}(-stale)?")
_UNIT = 2.0**FEEDBACK


class _Said(msgspec.Struct, forbid_unknown_fields=True):
    label: str
    note: str = ""


_said = msgspec.json.Decoder(_Said)


class FeedbackHandler:
    """Takes what people say of anomalies.

    Args:
        detection: of the pipeline.
        store: has the blocks.
        reader: keeps what was said.
        bodies: reads what is said.
        wall_clock: Unix time in seconds.
    """

    def __init__(
        self,
        detection: Detection,
        store: Store,
        reader: Reader,
        bodies: BodyReader,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._shape = METHODS[detection.method].layout(detection.window).shape
        self._store = store
        self._reader = reader
        self._bodies = bodies
        self._wall_clock = wall_clock

    async def post(self, request: web.Request) -> web.Response:
        """Take a label; the same one again changes nothing."""
        Parameters(request.query, known=()).check()
        anomaly, series = await self._about(request)
        said = _read(await self._bodies.read(request, content_encoding(request.headers)))
        now = self._wall_clock()
        record = msgspec.json.encode(
            {"label": said.label, "note": said.note, "time": rfc3339(now * 1e3)}
        )
        partition = self._partition(series)
        labels = await self._reader.labels(partition)
        if anomaly not in labels and len(labels) >= MOST_LABELS:
            raise BadPayload(
                f"{MOST_LABELS} anomalies are labelled, which is the most there may be; "
                "DELETE some first",
                status=409,
            )
        if not await self._reader.label(partition, anomaly, record):
            before = (await self._reader.labels(partition)).get(anomaly, b"{}")
            if msgspec.json.decode(before).get("label") != said.label:
                raise BadPayload(
                    "somebody labelled this anomaly otherwise; DELETE that first", status=409
                )
            return self._answer(anomaly, series, await self._apply(series), changed=False)
        return self._answer(anomaly, series, await self._apply(series), changed=True)

    async def delete(self, request: web.Request) -> web.Response:
        """Take a label back, and what it did."""
        Parameters(request.query, known=()).check()
        anomaly, series = await self._about(request)
        partition = self._partition(series)
        before = (await self._reader.labels(partition)).get(anomaly)
        if before is None or not await self._reader.label(partition, anomaly, None):
            raise BadPayload("nobody labelled this anomaly", status=404)
        return self._answer(anomaly, series, await self._apply(series), changed=True)

    async def _about(self, request: web.Request) -> tuple[str, Series]:
        anomaly = request.match_info["id"]
        match = _ID.fullmatch(anomaly)
        if match is None:
            raise BadPayload(f"{anomaly[:60]!r} is no id of an anomaly", status=404)
        return anomaly, await named(self._reader, match[1])

    def _partition(self, series: Series) -> int:
        return series.partition % self._reader.partitions

    async def _apply(self, series: Series) -> int:
        """Make the count of complaints in the series' block that of its labels; returns it.

        Counted anew each time, so that whatever broke off before is mended by saying it again.
        Compare and set, as every commit: a pod that scores meanwhile reads the block again.
        """
        for _ in range(_TRIES):
            (stored,) = await self._store.read(series.partition, [series])
            wanted = await self._complaints(series)  # after the block, so that no label is missed
            if stored is None or len(stored) < DOUBLE * (ALARM + 1):
                raise BadPayload(f"there is no state of series {series.id}", status=404)
            (shape,) = struct.unpack_from("<d", stored, DOUBLE * SHAPE)
            (word,) = struct.unpack_from("<d", stored, DOUBLE * ALARM)
            count = (int(word) >> FEEDBACK) & FEEDBACK_MASK
            if wanted == count:
                return count
            if shape != self._shape:
                raise BadPayload(
                    "the series' state is of an older configuration; send again after its next "
                    "sample",
                    status=409,
                )
            # The version, as that of every commit, is one that no other commit has.
            version = struct.pack("<d", float(secrets.randbits(52) or 1))
            changed = struct.pack("<d", word + _UNIT * (wanted - count))
            write = SeriesWrite(series, stored[:VERSION_BYTES], [(0, version), (ALARM, changed)])
            now_ms = int(self._wall_clock() * 1e3)
            if not await self._store.commit(series.partition, Writes.of([write]), now_ms):
                return wanted
        raise StoreUnavailable("the series is committed to all the time; send again")

    async def _complaints(self, series: Series) -> int:
        """The labels of a series that count; no threshold makes a silence an anomaly."""
        labels = await self._reader.labels(self._partition(series))
        said = (
            msgspec.json.decode(label).get("label")
            for anomaly, label in labels.items()
            if anomaly.startswith(f"{series.id}-") and not anomaly.endswith(STALE_SUFFIX)
        )
        return min(sum(1 for label in said if label == "false"), MOST_COMPLAINTS)

    def _answer(self, anomaly: str, series: Series, count: int, *, changed: bool) -> web.Response:
        body = {
            "anomaly": anomaly,
            "series": series.id,
            "changed": changed,
            "complaints": count,
            "factor": FEEDBACK_STEP**count,
        }
        return web.Response(body=msgspec.json.encode(body), headers=JSON_HEADERS)


def _read(body: bytes) -> _Said:
    try:
        said = _said.decode(body)
    except msgspec.MsgspecError as error:
        raise BadPayload(f'the body must be like {{"label": "false"}}: {error}') from error
    if said.label not in ("true", "false"):
        raise BadPayload('label must be "false" (it was none) or "true" (it was one)')
    if len(said.note) > MOST_NOTE:
        raise BadPayload(f"note must have at most {MOST_NOTE} characters")
    return said
