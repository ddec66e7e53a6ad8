"""What waits for a webhook, in what order and how long: the sender alone, a real receiver."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec
import pytest

from anomaly_dataplane.alerting.alert import Alert, Kind, State
from anomaly_dataplane.alerting.delivery.http import Answer, Outcome, post, session
from anomaly_dataplane.alerting.delivery.http import place as place_of
from anomaly_dataplane.alerting.delivery.webhook import MOST_CHOKED, MOST_QUEUED, WebhookSender
from anomaly_dataplane.alerting.ledger import Change
from anomaly_dataplane.alerting.memory_ledger import MemoryLedger
from anomaly_dataplane.alerting.notices import Notice, What
from anomaly_dataplane.observer import Unobserved
from anomaly_dataplane.store.memory_store import MemoryStore
from samples import START_MS, a_config
from webhooks import Hook, webhook


@pytest.fixture
def hook() -> Iterator[Hook]:
    with webhook() as receiver:
        yield receiver


def notice(alert: str, what: What = What.OPENED) -> Notice:
    """One of an alert of this name; its id is `<name>-<what>`."""
    at_ms = int(START_MS)
    told = Alert(
        key=alert,
        id=alert,
        kind=Kind.SERIES,
        metric="m",
        labels={},
        direction="Above",
        state=State.OPEN,
        started_ms=at_ms,
        opened_ms=at_ms,
        updated_ms=at_ms,
        series=alert,
    )
    return Notice(f"{alert}-{what.lower()}", what, at_ms, told)


async def queue(*notices: Notice) -> MemoryLedger:
    """A ledger with these in the queue of the receiver `h`."""
    ledger = MemoryLedger(MemoryStore())
    waiting = [("h", msgspec.json.encode(each)) for each in notices]
    assert (await ledger.change(0, Change(0, notices=waiting))).done
    return ledger


@dataclass
class Clock:
    """Unix time in seconds; each look at it takes `step` of them."""

    now: float = START_MS / 1e3
    step: float = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


@asynccontextmanager
async def a_sender(hook: Hook, ledger: MemoryLedger, clock: Clock) -> AsyncIterator[WebhookSender]:
    """It empties the queue of the receiver `h`."""
    config = a_config(alerting={"retryFor": "24h", "webhooks": [{"name": "h", "url": hook.url}]})
    (receiver,) = config.alerting.webhooks
    async with session() as client:
        yield WebhookSender(
            receiver, lambda: config, ledger, lambda: [0], client, Unobserved(), wall_clock=clock
        )


def told(hook: Hook) -> list[str]:
    """The ids of what it took."""
    return [body["id"] for body in hook.bodies()]


async def test_many_notices_that_a_receiver_chokes_on_hold_up_none_behind_them(hook: Hook) -> None:
    """More of them than are read at once: some are tried a turn, and each then waits by itself."""
    hook.chokes_on = "poison"
    poison = [notice(f"poison{i}") for i in range(2 * MOST_QUEUED + 1)]
    ledger = await queue(notice("first"), *poison, notice("last"))
    async with a_sender(hook, ledger, Clock()) as sender:
        for _ in range(len(poison) // MOST_CHOKED + 1):
            await sender.deliver()
    assert told(hook) == ["first-opened", "last-opened"]
    assert len(await ledger.queued(0, "h", 1000)) == len(poison)


async def test_a_receiver_that_takes_nothing_is_left_alone_after_some_tries(hook: Hook) -> None:
    """All is told at once when it takes one again."""
    hook.status = 500
    names = [f"alert{i:02}" for i in range(2 * MOST_CHOKED)]
    ledger, clock = await queue(*(notice(name) for name in names)), Clock()
    async with a_sender(hook, ledger, clock) as sender:
        for _ in range(5):
            await sender.deliver()
        assert hook.asked == len(names)
        hook.status = 204
        clock.now += 2.0  # the first pause is a second at most
        for _ in range(2):
            await sender.deliver()
    assert sorted(told(hook)) == [f"{name}-opened" for name in names]
    assert len(hook.posts) == len(names)


async def test_notices_of_an_alert_come_in_order_however_slow_a_refusal_is(hook: Hook) -> None:
    """One that is behind a refused one waits, though its pause is over when it is looked at."""
    hook.chokes_on = "a-opened"
    ledger = await queue(
        notice("a"), notice("b"), notice("a", What.RESOLVED), notice("b", What.RESOLVED)
    )
    clock = Clock(step=60.0)
    async with a_sender(hook, ledger, clock) as sender:
        for _ in range(5):
            await sender.deliver()
        assert told(hook) == ["b-opened", "b-resolved"]
        hook.chokes_on = ""
        clock.now += 600.0
        await sender.deliver()
    assert told(hook)[2:] == ["a-opened", "a-resolved"]


@pytest.mark.parametrize("place", ["receiver:99999", "[::1"])
async def test_a_url_that_cannot_be_used_is_told_without_its_words(place: str) -> None:
    """They may be a secret, such as the path of a chat's webhook."""
    async with session() as client:
        answer = await post(client, f"http://{place}/s3cret", b"", {})
    assert answer == Answer(Outcome.LATER, "its URL cannot be used")
    assert place_of(f"http://{place}/s3cret") == "an address that cannot be used"
