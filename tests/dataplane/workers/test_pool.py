"""The pool: bounds, order, slicing, lanes, failure, draining."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from anomaly_dataplane.commit import FAILURES
from anomaly_dataplane.contract.config import Method
from anomaly_dataplane.detectors.method import METHODS
from anomaly_dataplane.errors import BatchTooLarge, BufferFull, Draining, StoreUnavailable
from anomaly_dataplane.observer import Committed, Unobserved
from anomaly_dataplane.sample import Batch, Code
from anomaly_dataplane.store import Writes
from anomaly_dataplane.store.memory_store import MemoryStore
from anomaly_dataplane.workers import Workers
from faulty_store import Fault, FaultyStore
from samples import START_MS, ZSCORE, a_batch, a_config, a_series

STEADY = [10.0, 11.0, 9.0, 10.5, 9.5] * 8
SMALL = a_config(
    buffer={"maxSamples": 100, "maxBytes": 65536}, workers={"maxBatch": 10}, detection=ZSCORE
)


class Commits(Unobserved):
    """Remembers how many samples each commit held."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def committed(self, done: Committed) -> None:
        self.sizes.append(done.accepted)


@pytest.fixture
async def workers() -> AsyncIterator[Workers]:
    made = Workers(SMALL, MemoryStore(), Unobserved())
    await made.start()
    yield made
    await made.drain()


async def test_a_batch_is_answered_when_it_is_committed() -> None:
    """The verdicts are there no sooner than the samples are in the store."""
    store = MemoryStore()
    made = Workers(a_config(detection=ZSCORE), store, Unobserved())
    await made.start()

    verdicts = await made.offer(a_batch(a_series(), [*STEADY, 99.0]))

    assert (await store.totals()).samples == len(STEADY) + 1
    assert verdicts.codes[-1] == Code.OUTLIER
    assert verdicts.anomalies[len(STEADY)].value == 99.0
    await made.drain()


async def test_what_waits_together_is_committed_together() -> None:
    """Requests that arrive while a commit is in flight share the next one."""
    commits = Commits()
    made = Workers(a_config(), MemoryStore(), commits)
    await made.start()
    batches = [a_batch(a_series(device=str(i)), [1.0]) for i in range(40)]

    await asyncio.gather(*(made.offer(batch) for batch in batches))

    assert commits.sizes == [40]
    await made.drain()


async def test_a_large_request_is_cut_into_groups_and_answered_once(workers: Workers) -> None:
    """Its verdicts come back in its own order, as if it had been one group."""
    batch = a_batch(a_series(), [*STEADY, 99.0])

    verdicts = await workers.offer(batch)

    assert bytes(verdicts.codes[:30]) == bytes([Code.WARMING] * 30)
    assert verdicts.codes[40] == Code.OUTLIER
    assert list(verdicts.n) == list(range(41))
    assert list(verdicts.anomalies) == [40]


async def test_samples_of_a_series_are_scored_in_order_of_arrival(workers: Workers) -> None:
    """Requests offered one after the other reach the window one after the other."""
    answers = [
        workers.offer(Batch([a_series()], [START_MS + 1000.0 * i], [float(i)])) for i in range(60)
    ]

    verdicts = await asyncio.gather(*answers)

    assert [verdict.n[0] for verdict in verdicts] == list(range(60))


async def test_a_batch_that_does_not_fit_now_is_refused_and_nothing_is_queued() -> None:
    """A full buffer is known at once; room comes back with the answers."""
    made = Workers(SMALL, MemoryStore(), Unobserved())
    first = made.offer(a_batch(a_series(), [1.0] * 90))

    with pytest.raises(BufferFull, match="90 of 100 samples"):
        made.offer(a_batch(a_series(), [1.0] * 11))

    assert made.samples == 90
    await made.start()
    await first
    assert made.samples == 0
    await made.offer(a_batch(a_series(), [1.0] * 11))
    await made.drain()


async def test_the_buffer_is_bounded_in_bytes_too() -> None:
    """Few samples with huge labels are no way around the bound."""
    made = Workers(SMALL, MemoryStore(), Unobserved())
    heavy = a_batch(a_series(), [1.0])
    heavy.size_bytes = 40_000
    made.offer(heavy)

    with pytest.raises(BufferFull, match="40000 of 65536 bytes"):
        made.offer(heavy)


async def test_a_batch_that_can_never_fit_is_told_so() -> None:
    """Retrying it is pointless, so it is not a 503."""
    made = Workers(SMALL, MemoryStore(), Unobserved())

    with pytest.raises(BatchTooLarge, match="maxSamples is 100"):
        made.offer(a_batch(a_series(), [1.0] * 101))


async def test_an_empty_batch_is_answered_at_once() -> None:
    """A request whose samples were all rejected has nothing to wait for."""
    made = Workers(SMALL, MemoryStore(), Unobserved())

    assert len((await made.offer(Batch([], [], []))).codes) == 0


async def test_a_failed_commit_answers_all_that_waits_and_gives_its_room_back() -> None:
    """Nobody waits for one time-out after the other; what was not committed can be sent again."""
    store = FaultyStore(MemoryStore(), [Fault.BEFORE] * FAILURES)
    made = Workers(SMALL, store, Unobserved())
    answers = [made.offer(a_batch(a_series(device=str(i)), [1.0] * 15)) for i in range(4)]
    await made.start()

    results = await asyncio.gather(*answers, return_exceptions=True)

    assert all(isinstance(result, StoreUnavailable) for result in results)
    assert made.samples == 0
    await made.offer(a_batch(a_series(device="0"), [1.0] * 15))
    assert (await store.totals()).samples == 15
    await made.drain()


async def test_a_client_that_goes_away_disturbs_nobody(workers: Workers) -> None:
    """Its batch is committed all the same; the room it took comes back."""
    gone = workers.offer(a_batch(a_series(), [1.0] * 25))
    stays = workers.offer(a_batch(a_series(device="b"), [1.0] * 25))
    gone.cancel()

    await stays

    assert workers.samples == 0


async def test_draining_refuses_the_new_and_finishes_what_waits() -> None:
    """SIGTERM loses nothing that was taken in."""
    store = MemoryStore()
    made = Workers(SMALL, store, Unobserved())
    await made.start()
    waiting = made.offer(a_batch(a_series(), [1.0] * 50))

    drained = asyncio.create_task(made.drain())
    await asyncio.sleep(0)

    with pytest.raises(Draining):
        made.offer(a_batch(a_series(), [1.0]))
    await drained
    assert waiting.done()
    assert (await store.totals()).samples == 50


async def test_changed_thresholds_take_effect_without_a_restart(workers: Workers) -> None:
    """The next group is judged by the new rules."""
    await workers.offer(a_batch(a_series(), STEADY))
    later = START_MS + 1000.0 * len(STEADY)
    before = await workers.offer(a_batch(a_series(), [13.0], start=later))

    workers.update(a_config(detection={"threshold": "50"}))
    after = await workers.offer(a_batch(a_series(), [13.0], start=later + 1000.0))

    assert (before.codes[0], after.codes[0]) == (Code.OUTLIER, Code.OK)


async def test_a_defect_in_a_commit_does_not_stop_the_lane(
    workers: Workers, caplog: pytest.LogCaptureFixture
) -> None:
    """The batch is refused, the log has the trace, the next one passes."""
    series = a_series()
    await workers.offer(a_batch(series, [1.0]))
    broken = a_batch(series, [2.0], start=START_MS + 1000.0)
    broken.values[0] = "not a number"  # type: ignore[call-overload]

    with pytest.raises(StoreUnavailable, match="internal error"):
        await workers.offer(broken)

    assert "commit of 1 samples failed" in caplog.text
    again = await workers.offer(a_batch(series, [2.0], start=START_MS + 1000.0))
    assert (again.codes[0], again.n[0]) == (Code.WARMING, 1)


PRIMARIES = (0, 1, 1, 0)
"""Of each partition."""
_MANY = [a_series(device=str(i)) for i in range(20)]
HERE, ALSO_HERE = [series for series in _MANY if PRIMARIES[series.partition] == 0][:2]
THERE = next(series for series in _MANY if PRIMARIES[series.partition] == 1)


@pytest.fixture(autouse=True)
def in_no_cache() -> None:
    """A series knows its place in its pod's cache; each test is another pod."""
    for series in _MANY:
        series.slot = -1


class TwoPrimaries(MemoryStore):
    """Primary 1 answers when `gate` is set, and not at all while it is `down`."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.down = False
        self.unplannable: Exception | None = None
        self.asked = 0

    async def lanes(self) -> Sequence[int]:
        self.asked += 1
        if self.unplannable is not None:
            raise self.unplannable
        return PRIMARIES

    async def commit(self, partition: int, writes: Writes, now_ms: int) -> list[int]:
        if PRIMARIES[partition] == 1:
            await self.gate.wait()
            if self.down:
                raise StoreUnavailable("primary 1 is down")
        return await super().commit(partition, writes, now_ms)


async def test_a_request_to_several_primaries_is_answered_when_all_of_it_is_committed() -> None:
    """Each primary gets its series in one lane; the verdicts come in the request's order."""
    store = TwoPrimaries()
    made = Workers(SMALL, store, Unobserved())
    await made.start()
    mixed = Batch(
        [HERE, THERE] * 40,
        [START_MS + 1000.0 * (i // 2) for i in range(80)],
        [STEADY[i // 2] for i in range(80)],
    )
    store.gate.clear()

    answer = made.offer(mixed)
    await made.offer(a_batch(ALSO_HERE, [1.0] * 15))

    assert not answer.done()
    store.gate.set()
    verdicts = await answer
    assert list(verdicts.n) == [i // 2 for i in range(80)]
    assert (await store.totals()).samples == 95
    await made.drain()


async def test_a_slow_primary_holds_up_only_its_own_series() -> None:
    """Lanes do not wait for each other."""
    store = TwoPrimaries()
    made = Workers(SMALL, store, Unobserved())
    await made.start()
    store.gate.clear()
    held = made.offer(a_batch(THERE, [1.0]))

    for i in range(3):
        await made.offer(a_batch(HERE, [1.0], START_MS + 1000.0 * i))

    assert not held.done()
    store.gate.set()
    await made.drain()
    assert held.done()


async def test_a_request_fails_with_one_of_its_primaries_and_what_the_other_took_stays() -> None:
    """Sent again, nothing of it counts twice."""
    store = TwoPrimaries()
    made = Workers(SMALL, store, Unobserved())
    await made.start()
    store.down = True
    mixed = Batch([HERE, THERE], [START_MS, START_MS], [1.0, 2.0])

    with pytest.raises(StoreUnavailable, match="primary 1 is down"):
        await made.offer(mixed)

    assert (await store.totals()).samples == 1
    assert made.samples == 0
    store.down = False
    again = await made.offer(mixed)
    assert list(again.codes) == [Code.DUPLICATE, Code.WARMING]
    assert (await store.totals()).samples == 2
    await made.drain()


async def test_the_store_counts_as_up_when_all_lanes_reach_it() -> None:
    """One lane's success says nothing of the other's primary."""
    told: list[bool] = []

    class Up(Unobserved):
        def store_up(self, up: bool) -> None:
            told.append(up)

    store = TwoPrimaries()
    made = Workers(SMALL, store, Up())
    await made.start()
    store.down = True
    with pytest.raises(StoreUnavailable):
        await made.offer(a_batch(THERE, [1.0]))
    await made.offer(a_batch(HERE, [1.0]))
    store.down = False
    await made.offer(a_batch(THERE, [1.0]))
    await made.drain()

    assert told == [False, False, True]


@pytest.mark.parametrize("error", [StoreUnavailable("not yet"), ValueError("a defect")])
async def test_the_lanes_are_planned_when_the_store_is_there(error: Exception) -> None:
    """What waits meanwhile is refused; a plan, once made, stays."""
    store = TwoPrimaries()
    made = Workers(SMALL, store, Unobserved())
    await made.start()
    store.unplannable = error
    with pytest.raises(StoreUnavailable, match=str(error)):
        await made.offer(a_batch(HERE, [1.0]))
    assert made.samples == 0

    store.unplannable = None
    for i in range(3):
        await made.offer(a_batch(HERE, [1.0], START_MS + 1000.0 * i))

    assert store.asked == 2
    await made.drain()


async def test_one_sample_does_not_wait_for_a_large_request() -> None:
    """They take turns, so it is answered long before."""
    made = Workers(
        a_config(buffer={"maxSamples": 6000}, workers={"maxBatch": 256}),
        MemoryStore(),
        Unobserved(),
    )
    large = made.offer(a_batch(a_series(), [1.0] * 5000))
    small = made.offer(a_batch(a_series(device="b"), [1.0]))
    await made.start()

    await small

    assert not large.done()
    await made.drain()
    assert large.done()


async def test_a_drain_that_is_given_up_answers_all_that_waits() -> None:
    """Nobody is left hanging: each is told to send again, and nothing runs on."""
    store = TwoPrimaries()
    store.gate.clear()
    made = Workers(SMALL, store, Unobserved())
    await made.start()
    answers = [made.offer(a_batch(THERE, [1.0] * 15)) for _ in range(3)]

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await made.drain()

    results = await asyncio.gather(*answers, return_exceptions=True)
    assert all(isinstance(result, Draining) for result in results)
    assert made.samples == 0
    await made.drain()


async def test_a_drain_before_anything_was_committed_leaves_nobody_waiting() -> None:
    """Told to stop at once, or while the store is still away."""
    made = Workers(SMALL, MemoryStore(), Unobserved())
    waiting = made.offer(a_batch(a_series(), [1.0]))
    await made.drain()
    with pytest.raises(Draining):
        await waiting

    store = TwoPrimaries()
    store.unplannable = StoreUnavailable("away")
    made = Workers(SMALL, store, Unobserved())
    await made.start()
    waiting = made.offer(a_batch(a_series(), [1.0]))
    await made.drain()
    with pytest.raises(StoreUnavailable):
        await waiting


async def test_a_drain_while_the_lanes_are_planned_finishes_what_waits() -> None:
    """The lanes that open then close again by themselves."""

    class Slow(TwoPrimaries):
        async def lanes(self) -> Sequence[int]:
            await self.gate.wait()
            return PRIMARIES

    store = Slow()
    store.gate.clear()
    made = Workers(SMALL, store, Unobserved())
    await made.start()
    waiting = made.offer(a_batch(a_series(), [1.0] * 25))
    drained = asyncio.create_task(made.drain())
    await asyncio.sleep(0)

    store.gate.set()

    await drained
    assert len((await waiting).codes) == 25


async def test_the_cache_is_bounded_by_a_setting_over_all_lanes() -> None:
    """Series beyond it are read again, with the same result."""
    block = METHODS[Method.ZSCORE].layout(120).size_bytes
    fit = 2**20 // block
    config = a_config(workers={"maxBatch": 10, "maxCacheBytes": 2**20}, detection=ZSCORE)
    made = Workers(config, TwoPrimaries(), Unobserved())
    await made.start()
    series = [a_series(device=str(i)) for i in range(2 * fit)]
    for turn in range(2):
        at = START_MS + 1000.0 * turn
        for some in range(0, len(series), 50):
            batch = series[some : some + 50]
            verdicts = await made.offer(Batch(batch, [at] * len(batch), [1.0] * len(batch)))
            assert set(verdicts.n) == {turn}

    assert fit * 0.9 < made.cached_series <= fit
    await made.drain()
