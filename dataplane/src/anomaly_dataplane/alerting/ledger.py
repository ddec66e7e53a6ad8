"""What alerting keeps: the Ledger Protocol, implemented by Redis and, in process, by memory.

One pod at a time holds a partition. Everything that it does there is refused once another one does,
so that a pod that was only slow, or asleep, changes nothing (docs/alerting.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

LEASE_MS = 5_000
"""After so long without a sign of life of its pod, another one takes a partition over."""

MOST_TAKEN = 200
"""Entries of the outbox that are handled in one step."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a pod got when it asked for the news of a partition.

    Attributes:
        held: whether the partition is this pod's; if not, there is nothing else.
        revision: of the partition's alerts; a change must start from it.
        entries: (entry id, payload) of the outbox, oldest first, that nobody has handled yet.
        lost: entries that the outbox had to let go of before anybody handled them.
    """

    held: bool
    revision: int = 0
    entries: Sequence[tuple[str, bytes]] = ()
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """One step of a partition's alerts: all of it happens, or nothing.

    Attributes:
        revision: what it starts from.
        handled: ids of outbox entries that it makes up for.
        alerts: by key, the new alert, or None to forget it.
        notices: (receiver, payload) for the queues of those who are told one by one.
    """

    revision: int
    handled: Sequence[str] = ()
    alerts: Mapping[str, bytes | None] = field(default_factory=dict)
    notices: Sequence[tuple[str, bytes]] = ()


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of a change.

    Attributes:
        done: whether it was made; not if the partition is another pod's by now, or has moved on.
        buried: by receiver, the notices that found its queue full and are dead letters.
    """

    done: bool
    buried: Mapping[str, int] = field(default_factory=dict)


def dead_letter(receiver: str, reason: str, notice: bytes) -> bytes:
    """What is kept of a notice that was given up; one that is no JSON, as text."""
    shown: object = msgspec.Raw(notice)
    try:
        msgspec.json.decode(notice)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        shown = notice.decode(errors="replace")
    return msgspec.json.encode({"receiver": receiver, "reason": reason, "notice": shown})


class Ledger(Protocol):
    """Alerts and queues of one pipeline. Raises StoreUnavailable where it cannot answer."""

    @property
    def partitions(self) -> int:
        """How many there are."""
        ...

    async def take(self, partition: int) -> Taken:
        """Hold the partition, if nobody else does, and get what is new in its outbox.

        Entries come again until a change has them among `handled`.
        """
        ...

    async def change(self, partition: int, change: Change) -> Changed:
        """Make one step, or none of it."""
        ...

    async def release(self, partition: int) -> None:
        """Let another pod hold it, at once."""
        ...

    async def alerts(self, partition: int) -> tuple[int, dict[str, bytes]]:
        """The revision and all alerts of a partition, whoever holds it."""
        ...

    async def queued(
        self, partition: int, receiver: str, count: int, after: str = ""
    ) -> list[tuple[str, bytes]]:
        """(entry id, payload) of the oldest notices that a receiver has not been told.

        Args:
            partition: of the alerts.
            receiver: of the notices.
            count: the most of them.
            after: an entry id; only what is behind it.
        """
        ...

    async def settle(self, partition: int, receiver: str, entry: str, dead: bytes | None) -> None:
        """Take a notice from its queue; `dead` goes to the dead letters in the same step."""
        ...

    async def group_sizes(self, label: str) -> Mapping[str, int]:
        """By the value of a label, how many series have it."""
        ...
