"""Committing groups: several pods, lost races, lost replies, crashes; nothing lost or doubled."""

from __future__ import annotations

import asyncio
from array import array
from dataclasses import dataclass, replace
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anomaly_dataplane.commit import FAILURES, Committer, Group
from anomaly_dataplane.contract.config import Detection, Ingest
from anomaly_dataplane.contract.config import Method as Name
from anomaly_dataplane.detectors.kernel import score_group
from anomaly_dataplane.detectors.method import METHODS, Method
from anomaly_dataplane.detectors.rules import Rulebook, Rules
from anomaly_dataplane.errors import StoreUnavailable
from anomaly_dataplane.observer import Unobserved
from anomaly_dataplane.sample import Anomaly, Code, Kind
from anomaly_dataplane.series import Series
from anomaly_dataplane.state.working_set import WorkingSet
from anomaly_dataplane.store import Store
from anomaly_dataplane.store.connect import connect
from anomaly_dataplane.store.memory_store import MemoryStore
from anomaly_dataplane.verdict import Context, anomaly, recovery
from blocks import blank_blocks, samples_in, state_in
from faulty_store import Fault, FaultyStore
from redis_server import RedisServer
from samples import START_MS, a_config, a_series

WINDOW = 64
ZSCORE, FUSED = METHODS[Name.ZSCORE], METHODS[Name.FUSED]
RULES = replace(
    Rules.of(Detection(method=Name.ZSCORE), Ingest()),
    min_samples=4,
    hold_off_samples=2,
    lateness_ms=1e12,
)


def a_committer(store: Store, slots: int = 16, method: Method = ZSCORE) -> Committer:
    working_set = WorkingSet(method, WINDOW, slots)
    return Committer(store, working_set, Rulebook((RULES,)), Unobserved(), first_pause_seconds=0.0)


def series_of(devices: int) -> list[Series]:
    return [a_series(device=str(i)) for i in range(devices)]


def a_group(series: Series, values: list[float], first: int = 0) -> Group:
    times = [START_MS + 1000.0 * (first + i) for i in range(len(values))]
    return Group([series] * len(values), times, values)


async def test_a_warm_pod_and_a_cold_one_give_the_same_verdict() -> None:
    """State lives in the store: a pod that was just born goes on where another left off."""
    store = MemoryStore()
    warm, cold = a_committer(store), a_committer(store)
    await warm.commit(a_group(a_series(), [10.0, 11.0, 9.0, 10.0, 10.5]))
    group = a_group(a_series(), [50.0], first=5)

    await cold.commit(group)

    assert group.verdicts.codes[0] == Code.OUTLIER
    assert group.verdicts.n[0] == 5


async def test_a_pod_whose_cache_is_stale_reads_again_and_repeats() -> None:
    """The version check finds out; the sample is scored against what the other pod wrote."""
    store = MemoryStore()
    one, two = a_committer(store), a_committer(store)
    mine, theirs = a_series(), a_series()
    await one.commit(a_group(mine, [10.0, 11.0]))
    await two.commit(a_group(theirs, [9.0, 10.0], first=2))
    group = a_group(mine, [10.5], first=4)

    await one.commit(group)

    assert group.verdicts.n[0] == 4
    assert (await store.totals()).samples == 5


async def test_a_commit_whose_reply_was_lost_is_not_its_own_duplicate() -> None:
    """Finding its own version in the store, the pod knows that the first try arrived."""
    store = FaultyStore(MemoryStore(), [Fault.NONE, Fault.LOST_REPLY])
    group = a_group(a_series(), [10.0, 11.0])

    await a_committer(store).commit(group)

    assert list(group.verdicts.codes) == [Code.WARMING, Code.WARMING]
    assert (await store.totals()).samples == 2


async def test_what_began_and_ended_in_one_group_stands_in_the_outbox_in_this_order() -> None:
    """Who reads it would else take an episode to go on that is over."""
    store, series = MemoryStore(), a_series()
    committer = a_committer(store)
    calm = [10.0, 11.0, 9.0, 10.0, 10.5]
    await committer.commit(a_group(series, calm * 2))

    await committer.commit(a_group(series, [99.0, *calm * 4, 999.0, *calm * 4], first=10))

    spike, back, second, over = store.events
    kinds = [event.kind for event in (spike, back, second, over)]
    assert kinds == [Kind.RAISED, Kind.RECOVERED] * 2
    assert (back.episode, over.episode) == (spike.id, second.id)


async def test_an_anomaly_whose_reply_was_lost_stands_in_the_outbox_once() -> None:
    """Appended in the same step as the state, it is neither lost nor invented by the retry."""
    store = FaultyStore(MemoryStore())
    committer = a_committer(store)
    await committer.commit(a_group(a_series(), [10.0, 11.0, 9.0, 10.0, 10.5]))
    store.faults = [Fault.LOST_REPLY] * 2
    group = a_group(a_series(), [99.0], first=5)

    await committer.commit(group)

    assert [event.value for event in await store.anomalies(0, 10)] == [99.0]
    assert [event.value for event in group.verdicts.anomalies.values()] == [99.0]


async def test_a_store_that_stays_away_is_reported_after_bounded_tries() -> None:
    """The sender is told to come back, and the pod has forgotten what it may not know."""
    store = FaultyStore(MemoryStore(), [Fault.BEFORE] * FAILURES)
    committer = a_committer(store)

    with pytest.raises(StoreUnavailable):
        await committer.commit(a_group(a_series(), [10.0]))
    await committer.commit(a_group(a_series(), [10.0]))

    assert (await store.totals()).samples == 1


async def test_a_cache_smaller_than_the_series_gives_the_same_state() -> None:
    """Evicted blocks are read back; memory is bounded, results are not affected."""
    small, large = MemoryStore(), MemoryStore()
    for store, slots in ((small, 4), (large, 64)):
        committer = a_committer(store, slots)
        items = series_of(20)
        for step in range(10):
            for i in range(0, 20, 4):
                times = [START_MS + 1000.0 * step] * 4
                values = [float(step * k % 7) for k in range(4)]
                await committer.commit(Group(items[i : i + 4], times, values))

    for item in series_of(20):
        assert await state_of(small, item) == await state_of(large, item)


async def state_of(store: Store, series: Series, method: Method = ZSCORE) -> bytes:
    """The state that a store holds of a series; empty if there is none."""
    (stored,) = await store.read(series.partition, [series])
    return b"" if stored is None else state_in(stored, method.layout(WINDOW), method)


@dataclass
class Sending:
    """What one pod does in one round."""

    samples: list[tuple[int, int, float]]  # series, time, value
    faults: list[Fault]
    crash: bool


SERIES = 3
STEPS_MS = [1000.0, 0.25, 3_600_000.0]
"""Between the times of each series: the second one's fall into few milliseconds."""

sendings = st.builds(
    Sending,
    samples=st.lists(
        st.tuples(
            st.integers(0, SERIES - 1),
            st.integers(0, 19),
            st.sampled_from([10.0, 11.0, 9.5, 10.5, 60.0, -40.0]),
        ),
        min_size=1,
        max_size=8,
    ),
    faults=st.lists(st.sampled_from(list(Fault)), max_size=6),
    crash=st.booleans(),
)


@pytest.mark.parametrize("method", [ZSCORE, FUSED])
@settings(max_examples=150, deadline=None)
@given(rounds=st.lists(st.lists(sendings, min_size=1, max_size=4), min_size=1, max_size=5))
def test_any_interleaving_of_pods_equals_one_sequential_run(
    method: Method, rounds: list[list[Sending]]
) -> None:
    """Up to four pods, any order, refused races, lost replies, crashes, clients that retry.

    The final state of every series is byte for byte that of one pod fed the samples in commit
    order, and the outbox holds exactly that pod's anomalies.
    """
    asyncio.run(_interleave(rounds, MemoryStore(), method))


@pytest.mark.parametrize("method", [ZSCORE, FUSED])
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(rounds=st.lists(st.lists(sendings, min_size=1, max_size=4), min_size=1, max_size=5))
def test_the_same_holds_on_a_real_redis(
    standalone: RedisServer, method: Method, rounds: list[list[Sending]]
) -> None:
    """The Function does to bytes what the store in memory does."""

    async def run() -> None:
        config = a_config(pipeline={"uid": uuid4().hex}, redis={"urls": [standalone.url]})
        store = connect(config, Unobserved(), username=None, password=None)
        try:
            await _interleave(rounds, store, method)
        finally:
            await store.aclose()

    asyncio.run(run())


async def _interleave(rounds: list[list[Sending]], truth: Store, method: Method) -> None:
    pods = [a_committer(FaultyStore(truth), 4, method) for _ in range(4)]
    series = [series_of(SERIES) for _ in pods]  # each pod has its own objects
    sent: dict[tuple[int, int], float] = {}  # every distinct sample, by series and time
    for sendings_of_round in rounds:
        for sending in sendings_of_round:
            for s, t, value in sending.samples:
                sent.setdefault((s, t), value)
        clients = (
            _send(pods, series, pod, replace(sending), sent, method)
            for pod, sending in enumerate(sendings_of_round)
        )
        await asyncio.gather(*clients)

    events: list[Anomaly] = []
    for item in series_of(SERIES):
        (stored,) = await truth.read(item.partition, [item])
        if stored is not None:
            replayed, raised = _replay(item, stored, method)
            assert await state_of(truth, item, method) == replayed
            events += raised
    outbox = await truth.anomalies(0, 1000)
    raised = [event for event in events if event.kind is Kind.RAISED]
    assert sorted(event.id for event in outbox) == sorted(event.id for event in raised)
    if isinstance(truth, MemoryStore):
        assert sorted(event.id for event in truth.events) == sorted(event.id for event in events)
    assert (await truth.totals()).samples == len(sent)


async def _send(
    pods: list[Committer],
    series: list[list[Series]],
    pod: int,
    sending: Sending,
    sent: dict[tuple[int, int], float],
    method: Method,
) -> None:
    """A client: it repeats its request, at whichever pod answers, until it is acknowledged."""
    store = pods[pod]._store
    assert isinstance(store, FaultyStore)
    store.faults = list(sending.faults)
    while True:
        group = Group(
            [series[pod][s] for s, _, _ in sending.samples],
            [START_MS + STEPS_MS[s] * t for s, t, _ in sending.samples],
            [sent[s, t] for s, t, _ in sending.samples],
        )
        task = asyncio.ensure_future(pods[pod].commit(group))
        if sending.crash:
            sending.crash = False
            for _ in range(len(sending.faults)):
                await asyncio.sleep(0)
            task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            # The pod is gone with all it knew; a new one takes its place.
            pods[pod] = a_committer(store, 4, method)
            series[pod] = series_of(SERIES)
        except StoreUnavailable:
            continue
        else:
            return


def _replay(series: Series, stored: bytes, method: Method) -> tuple[bytes, list[Anomaly]]:
    """Feed the samples of a state's ring, in commit order, to one pod that meets no trouble."""
    layout = method.layout(WINDOW)
    times, values = samples_in(stored, layout, method)
    held = len(times)
    block = blank_blocks(layout)
    scores = score_group(
        block, layout, method, array("i", [0]) * held, times, values, Rulebook((RULES,))
    )
    about = [Context(series, times[i], values[i], RULES, method, "None", 0.0) for i in range(held)]
    events = [anomaly(scores, i, found, about[i]) for i, found in scores.raised.items()]
    events += [recovery(scores, ended, about[ended.position]) for ended in scores.ended]
    return state_in(bytes(block.cast("B")), layout, method), events
