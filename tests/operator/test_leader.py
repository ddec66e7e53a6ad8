"""The Lease: who holds it, for how long they may believe so, and when another takes it."""

from __future__ import annotations

import pytest

from anomaly_operator import kinds
from anomaly_operator.errors import ApiError
from anomaly_operator.leader import Elector, LostLease
from fake_cluster import FakeCluster
from operators import START


class Candidates:
    """Several candidates for one Lease, on one clock."""

    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.seconds = 0.0

    def candidate(self, who: str) -> Elector:
        return Elector(
            self.cluster,
            "team",
            "operator",
            who,
            10,
            clock=lambda: self.seconds,
            wall_clock=lambda: START,
        )

    def holder(self) -> str:
        lease = self.cluster.find(kinds.LEASE, "operator")
        assert lease is not None
        return str(lease["spec"]["holderIdentity"])


async def test_the_first_gets_the_lease_and_the_second_does_not() -> None:
    """However often it asks, as long as the first renews."""
    stage = Candidates()
    first, second = stage.candidate("first"), stage.candidate("second")

    assert await first.try_once()
    for _ in range(20):
        stage.seconds += 2
        assert await first.try_once()
        assert not await second.try_once()
    assert stage.holder() == "first"


async def test_a_silent_holder_has_lost_it_before_another_gets_it() -> None:
    """In its own eyes: the two never overlap."""
    stage = Candidates()
    first, second = stage.candidate("first"), stage.candidate("second")
    assert await first.try_once()
    assert not await second.try_once()

    while not await second.try_once():
        stage.seconds += 0.5
        assert stage.seconds < 12

    assert first.seconds_left() < -2
    assert second.seconds_left() > 0
    assert not await first.try_once()


async def test_who_stands_by_tries_again_the_moment_the_holder_has_had_its_time() -> None:
    """And not up to a whole pause later: that is part of every handover."""
    stage = Candidates()
    first, second = stage.candidate("first"), stage.candidate("second")
    await first.try_once()

    assert second.pause() == 2
    while not await second.try_once():
        stage.seconds += second.pause()

    assert stage.seconds == pytest.approx(10.05)


async def test_a_released_lease_is_taken_at_once() -> None:
    """A rolling update has no gap."""
    stage = Candidates()
    first, second = stage.candidate("first"), stage.candidate("second")
    await first.try_once()
    await second.try_once()

    await first.release()

    assert first.seconds_left() <= 0
    assert await second.try_once()


async def test_it_is_released_though_a_renewal_was_cut_off() -> None:
    """Which the API server had done by then; what is another's by now is left alone."""
    stage = Candidates()
    first, second = stage.candidate("first"), stage.candidate("second")
    await first.try_once()
    lease = stage.cluster.find(kinds.LEASE, "operator")
    assert lease is not None
    stage.cluster.put(lease)  # by the renewal

    await first.release()
    assert await second.try_once()

    await first.try_once()
    await first.release()
    assert stage.holder() == "second"


async def test_of_two_that_take_it_at_the_same_time_one_gets_it() -> None:
    """The API server lets the second writer of one version fail."""
    stage = Candidates()
    first = stage.candidate("first")
    stage.cluster.failing["create", "leases"] = ApiError(409, "already exists")

    assert not await first.try_once()


async def test_a_holder_that_cannot_renew_gives_up() -> None:
    """Before its time is over for the others."""
    stage = Candidates()
    first = stage.candidate("first")
    await first.try_once()
    stage.cluster.failing["update", "leases"] = ApiError(0, "no answer")
    stage.seconds = 7.5

    with pytest.raises(LostLease, match="could not be renewed"):
        await first.hold()


async def test_a_renewal_whose_answer_was_lost_is_no_loss() -> None:
    """The Lease has moved on, by our own hand; whoever took it really ends us all the same."""
    stage = Candidates()
    first, second = stage.candidate("first"), stage.candidate("second")
    await first.try_once()
    lease = stage.cluster.find(kinds.LEASE, "operator")
    assert lease is not None
    stage.cluster.put(lease)  # what the lost renewal has written

    assert not await first.try_once()
    assert await first.try_once()
    assert stage.holder() == "first"

    stage.seconds += 20
    await second.try_once()
    stage.seconds += 20
    assert await second.try_once()
    with pytest.raises(LostLease, match="another operator"):
        await first.hold()


async def test_taking_it_needs_no_second_wait_if_only_the_answer_was_lost() -> None:
    """It is ours as soon as we read that."""
    stage = Candidates()
    first = stage.candidate("first")
    await first.try_once()
    again = stage.candidate("first")

    assert await again.try_once()
