"""The pool under any interleaving of offers, cancellations, store failures and the drain.

Hypothesis plays senders, store and shutdown; the blocks in the store say what was committed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from anomaly_dataplane.contract.config import Method
from anomaly_dataplane.detectors.method import METHODS
from anomaly_dataplane.errors import BufferFull, Draining, StoreUnavailable
from anomaly_dataplane.observer import Unobserved
from anomaly_dataplane.sample import Batch, Code, Verdicts
from anomaly_dataplane.series import Series
from anomaly_dataplane.store import Store
from anomaly_dataplane.store.memory_store import MemoryStore
from anomaly_dataplane.workers import Workers
from blocks import samples_in
from faulty_store import Fault, FaultyStore
from samples import START_MS, ZSCORE, a_config, a_series
from virtual_time import VirtualTime

CAPACITY = 100
DEVICES = 7
STEPS = 30
LARGEST = 50
WINDOW = STEPS * LARGEST
LAYOUT = METHODS[Method.ZSCORE].layout(WINDOW)
CONFIG = a_config(
    buffer={"maxSamples": CAPACITY},
    workers={"maxBatch": 16},
    # Nothing is late, however requests overtake each other, and every sample stays in the ring.
    ingest={"allowedLateness": "24h"},
    detection={**ZSCORE, "window": WINDOW},
)


class SeveralPrimaries(FaultyStore):
    """A faulty store on several primaries, which `lanes` tells only after some refusals."""

    def __init__(self, store: Store, primaries: Sequence[int]) -> None:
        super().__init__(store)
        self.primaries = primaries
        self.refusals = 0

    async def lanes(self) -> Sequence[int]:
        await asyncio.sleep(0)
        if self.refusals:
            self.refusals -= 1
            raise StoreUnavailable("no primary is known")
        return self.primaries


@dataclass
class Request:
    batch: Batch
    answer: asyncio.Future[Verdicts]


class Interleavings(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualTime()
        self.requests: list[Request] = []
        self.spoilt = False
        self.patience: int | None = None
        self.clock = START_MS
        # Of this run only: a series knows its place in the pod's cache.
        self.series = [a_series(device=str(i)) for i in range(DEVICES)]

    @initialize(
        primaries=st.sampled_from([(0, 0, 0, 0), (0, 1, 1, 0), (2, 0, 1, 2)]),
        refusals=st.sampled_from([0, 0, 0, 1, 2]),
        patience=st.none() | st.integers(1, 20),
    )
    def start(self, primaries: Sequence[int], refusals: int, patience: int | None) -> None:
        """At the end the pod drains: to the end, or given up after so many turns of the loop."""
        self.patience = patience
        self.memory = MemoryStore()
        self.store = SeveralPrimaries(self.memory, primaries)
        self.store.refusals = refusals
        self.spoilt = refusals > 0
        self.workers = Workers(CONFIG, self.store, Unobserved())
        self.loop.run_until_complete(self.workers.start())

    @rule(indices=st.lists(st.integers(0, DEVICES - 1), min_size=1, max_size=LARGEST))
    def offer(self, indices: list[int]) -> None:
        times = [self.clock + i for i in range(len(indices))]
        self.clock += len(indices)
        batch = Batch([self.series[i] for i in indices], times, [1.0] * len(indices), 10)
        answer = self.loop.run_until_complete(self._offer(batch))
        if answer is not None:
            # Some fail with nobody waiting; asyncio would log that they did.
            answer.add_done_callback(lambda done: done.cancelled() or done.exception())
            self.requests.append(Request(batch, answer))

    async def _offer(self, batch: Batch) -> asyncio.Future[Verdicts] | None:
        waiting = self.workers.samples
        try:
            answer = self.workers.offer(batch)
        except BufferFull:
            assert waiting + len(batch) > CAPACITY
            return None
        assert waiting + len(batch) <= CAPACITY
        return answer

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """A sender goes away, sooner or later or too late."""
        data.draw(st.sampled_from(self.requests)).answer.cancel()

    @rule(
        faults=st.lists(st.sampled_from(list(Fault)), min_size=1, max_size=6)
        # Long enough for a commit to be given up.
        | st.integers(4, 12).map(lambda calls: [Fault.BEFORE] * calls)
    )
    def spoil(self, faults: list[Fault]) -> None:
        self.spoilt = True
        self.store.faults += faults

    @rule(count=st.integers(1, 12))
    def turns(self, count: int) -> None:
        """Let everybody run for a few turns of the loop."""
        self.loop.run_until_complete(self._turns(count))

    async def _turns(self, count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    @rule(seconds=st.sampled_from([0.05, 0.5, 5.0]))
    def wait(self, seconds: float) -> None:
        """Let pauses after failures pass."""
        self.loop.run_until_complete(asyncio.sleep(seconds))

    @invariant()
    def room_is_taken_by_who_waits(self) -> None:
        """Exactly, but for those who went away: theirs comes back when they would be answered."""
        if not hasattr(self, "workers"):
            return
        waiting = sum(len(r.batch) for r in self.requests if not r.answer.done())
        gone = sum(len(r.batch) for r in self.requests if r.answer.cancelled())
        assert waiting <= self.workers.samples <= waiting + gone

    def teardown(self) -> None:
        try:
            if hasattr(self, "workers"):
                self._finish()
        finally:
            self.loop.close()

    def _finish(self) -> None:
        drain = self.loop.create_task(self.workers.drain())
        if self.patience is not None:
            self.loop.run_until_complete(self._turns(self.patience))
            self.spoilt |= not drain.done()
            drain.cancel()
        self.loop.run_until_complete(asyncio.wait([drain]))
        with pytest.raises(Draining):
            self.workers.offer(Batch([], [], []))
        # At most once, whatever happened, and in the order of each request.
        committed = self.loop.run_until_complete(self._committed())
        for position, series in enumerate(self.series):
            times = committed[position]
            assert max(Counter(times).values(), default=1) == 1
            for request in self.requests:
                own = [t for t, s in self._samples(request) if s is series]
                assert [t for t in times if t in own] == own[: len([t for t in times if t in own])]
        assert self.workers.samples == 0
        for request in self.requests:
            assert request.answer.done()
            if request.answer.cancelled():
                if not self.spoilt:
                    # Nobody was told, but what was taken in is committed all the same.
                    for time, series in self._samples(request):
                        assert time in committed[self.series.index(series)]
                continue
            if isinstance(request.answer.exception(), StoreUnavailable | Draining):
                assert self.spoilt
                continue
            self._check_verdicts(request, committed)

    def _samples(self, request: Request) -> list[tuple[float, Series]]:
        return list(zip(request.batch.times, request.batch.series, strict=True))

    def _check_verdicts(self, request: Request, committed: list[list[float]]) -> None:
        """Every sample is committed, and its verdict is that of its place in its series."""
        verdicts = request.answer.result()
        for i, (time, series) in enumerate(self._samples(request)):
            assert verdicts.codes[i] in (Code.WARMING, Code.OK)
            assert committed[self.series.index(series)][verdicts.n[i]] == time

    async def _committed(self) -> list[list[float]]:
        """The times of each series' samples in the order of their commits."""
        times = []
        for series in self.series:
            (stored,) = await self.memory.read(series.partition, [series])
            found, _ = samples_in(stored or b"", LAYOUT, METHODS[Method.ZSCORE])
            times.append(found.tolist())
        return times


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(max_examples=100, stateful_step_count=STEPS, deadline=None)
