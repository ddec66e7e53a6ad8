"""`GET /api/v1/stream`: events as they are committed, as Server-Sent Events. Mounted by `app.py`.

One task a pod reads the outbox, and only while somebody listens. Who is too slow is let go of, and
comes back with Last-Event-ID; nobody waits for anybody.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator

import msgspec
from aiohttp import hdrs, web

from anomaly_dataplane.errors import BadPayload, Refused, StoreUnavailable
from anomaly_dataplane.parameters import Parameters
from anomaly_dataplane.queries.anomalies import as_json
from anomaly_dataplane.queries.matching import Matching
from anomaly_dataplane.readiness import Readiness
from anomaly_dataplane.sample import Anomaly
from anomaly_dataplane.store.reader import Entry, Event, Reader

POLL_SECONDS = 0.5
BEAT_SECONDS = 15.0
"""Between signs of life, so that nothing on the way takes the connection to be dead."""

MOST_LISTENERS = 100
MOST_WAITING = 500
"""Events that a listener may be behind before it is let go of."""

STALLED_SECONDS = 30.0
"""After so long a client that takes nothing of what was written is let go of."""

OVERLAP_MS = 5_000
"""How far before the last event a resumed stream begins: partitions have clocks of their own. So an
event may come twice; its id tells."""

MOST_MISSED = 10_000
_COUNT = 500
_ENTRY = re.compile(r"([0-9]{1,15})-([0-9]{1,10})")

logger = logging.getLogger(__name__)


class TooManyListeners(Refused):
    """The pod serves as many streams as it will."""

    reason = "too_many_streams"


class _Listener:
    """One open stream."""

    def __init__(self, matching: Matching) -> None:
        self.matching = matching
        self.waiting: asyncio.Queue[bytes | None] = asyncio.Queue(MOST_WAITING)
        self.dropped = False

    def tell(self, event: Anomaly, text: bytes) -> None:
        if self.dropped or not self.matching(event.metric, event.labels):
            return
        try:
            self.waiting.put_nowait(text)
        except asyncio.QueueFull:
            self.dropped = True


class StreamHandler:
    """Serves streams of events.

    Args:
        reader: has the outbox.
        readiness: tells when the pod leaves, so that streams move on to another one.
        wall_clock: Unix time in seconds.
    """

    def __init__(
        self,
        reader: Reader,
        readiness: Readiness,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._reader = reader
        self._readiness = readiness
        self._wall_clock = wall_clock
        self._listeners: set[_Listener] = set()
        self._reading: asyncio.Task[None] | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one stream until either side ends it."""
        query = request.query
        Parameters(query, known=("metric", "label", "last")).check()
        matching = Matching(query.get("metric", ""), query.getall("label", []))
        last = _entry(request.headers.get("Last-Event-ID", "") or query.get("last", ""))
        if len(self._listeners) >= MOST_LISTENERS:
            raise TooManyListeners(f"this pod serves {MOST_LISTENERS} streams already")
        response = web.StreamResponse(
            headers={
                hdrs.CONTENT_TYPE: "text/event-stream",
                hdrs.CACHE_CONTROL: "no-store",
                "X-Accel-Buffering": "no",
            }
        )
        with self._listening(matching) as listener:
            missed = [text async for text in self._missed(last, matching)] if last else []
            await response.prepare(request)
            try:
                await _write(response, b"retry: 3000\n\n" + b"".join(missed))
                await self._serve(listener, response)
            except ConnectionError:
                pass
            except TimeoutError:
                if request.transport is not None:
                    request.transport.abort()
        return response

    async def _serve(self, listener: _Listener, response: web.StreamResponse) -> None:
        quiet = 0.0
        while not (listener.dropped or self._readiness.leaving):
            try:
                async with asyncio.timeout(1.0):
                    text = await listener.waiting.get()
            except TimeoutError:
                quiet += 1.0
                if quiet < BEAT_SECONDS:
                    continue
                text = b": still there\n\n"
            if text is None:
                return
            quiet = 0.0
            await _write(response, text)

    @contextlib.contextmanager
    def _listening(self, matching: Matching) -> Iterator[_Listener]:
        listener = _Listener(matching)
        self._listeners.add(listener)
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    async def _missed(self, last: Entry, matching: Matching) -> AsyncIterator[bytes]:
        """What was committed since the last event that a listener saw, and a little before."""
        found: list[Event] = []
        for partition in range(self._reader.partitions):
            position = (max(0, last[0] - OVERLAP_MS), 0)
            while len(found) < MOST_MISSED:
                events = await self._reader.after(partition, position, _COUNT)
                found += events
                if len(events) < _COUNT:
                    break
                position = events[-1][0]
        for entry, event in sorted(found, key=lambda item: item[0]):
            if event is not None and matching(event.metric, event.labels):
                yield _text(entry, event)

    async def _read(self) -> None:
        """Read the outbox and tell every listener, for as long as there is one."""
        start = (int(self._wall_clock() * 1e3) - 1000, 0)
        positions = [start] * self._reader.partitions
        try:
            while self._listeners:
                await self._round(positions)
                await asyncio.sleep(POLL_SECONDS)
        finally:
            self._reading = None
            for listener in self._listeners:  # of a moment ago, or after a defect: they come back
                listener.dropped = True

    async def _round(self, positions: list[Entry]) -> None:
        found: list[Event] = []
        for partition, position in enumerate(positions):
            try:
                events = await self._reader.after(partition, position, _COUNT)
            except StoreUnavailable:
                continue
            found += events
            if events:
                positions[partition] = events[-1][0]
        for entry, event in sorted(found, key=lambda item: item[0]):
            if event is None:
                continue
            text = _text(entry, event)
            for listener in self._listeners:
                listener.tell(event, text)


async def _write(response: web.StreamResponse, text: bytes) -> None:
    """Write to a client that reads.

    Raises:
        TimeoutError: it does not.
    """
    async with asyncio.timeout(STALLED_SECONDS):
        await response.write(text)


def _text(entry: Entry, event: Anomaly) -> bytes:
    """An event as the protocol has it; JSON has no line breaks that could end it early."""
    name = b"anomaly" if event.kind == "Raised" else b"recovered"
    return b"id: %d-%d\nevent: %b\ndata: %b\n\n" % (
        *entry,
        name,
        msgspec.json.encode(as_json(event)),
    )


def _entry(text: str) -> Entry | None:
    if not text:
        return None
    match = _ENTRY.fullmatch(text)
    if match is None:
        raise BadPayload("Last-Event-ID must be the id of an event of this stream")
    return int(match[1]), int(match[2])
