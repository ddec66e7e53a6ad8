"""One partition of the outbox, while this pod looks after it. `stage.py` lets it step."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field

import msgspec

from anomaly_dataplane.alerting import episodes, notices
from anomaly_dataplane.alerting.alert import Alert, Kind, encode, readable
from anomaly_dataplane.alerting.ledger import MOST_TAKEN, Change, Ledger, Taken
from anomaly_dataplane.alerting.notices import Manners, Notice
from anomaly_dataplane.sample import Anomaly
from anomaly_dataplane.store.wire import Unreadable, anomaly

MOST_CHANGED = 500
"""Alerts that one step changes; more of them wait for the next one."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Policy:
    """What the config says of alerts, in the units that are computed with.

    Attributes:
        hush: why an alert is not to be told of just now, "" if it is.
        receivers: who is told of each notice by itself.
    """

    resolve_after_ms: float
    manners: Manners
    hush: Callable[[Alert, int], str]
    receivers: Sequence[str]


@dataclass(slots=True)
class Step:
    """What a step did.

    Attributes:
        told: notices that went out.
        more: whether there is more to do at once.
        lost: entries of the outbox that nobody could handle any more, or could read.
        opened: the kinds of the alerts that began.
        buried: by receiver, notices that found its queue full.
    """

    told: list[Notice] = field(default_factory=list)
    more: bool = False
    lost: int = 0
    opened: list[Kind] = field(default_factory=list)
    buried: Mapping[str, int] = field(default_factory=dict)


class Partition:
    """The alerts of one partition, as this pod knows them.

    Attributes:
        held: whether this pod looks after it.
        alerts: by key; worth something only while held. Replaced, never changed.
        open: how many of them are.
    """

    def __init__(self, number: int, ledger: Ledger) -> None:
        self.held = False
        self.alerts: Mapping[str, Alert] = {}
        self.open = 0
        self._quiet_until: dict[str, float] = {}
        self._unreadable: list[str] = []
        self._policy: Policy | None = None
        self._number = number
        self._ledger = ledger
        self._revision = -1

    async def step(
        self, now_ms: int, policy: Policy, extra: Mapping[str, Alert] | None = None
    ) -> Step:
        """Take what is new, and tell what has become due, in one atomic step.

        The first step of a pod that did not hold it only reads the alerts.

        Args:
            now_ms: Unix time.
            policy: of the pipeline.
            extra: alerts that somebody else made, such as those of groups.

        Raises:
            StoreUnavailable: nothing happened, or everything did: the next step will see.
        """
        taken = await self._ledger.take(self._number)
        if not taken.held:
            self.held = False
            return Step()
        if not self.held or taken.revision != self._revision:
            await self._load()
            self.held = True
            # What was taken comes again, once who called has looked at these alerts, too.
            return Step(more=True, lost=taken.lost)
        return await self._step(taken, now_ms, policy, extra or {})

    async def release(self) -> None:
        """Let another pod look after it."""
        if self.held:
            self.held = False
            await self._ledger.release(self._number)

    async def _load(self) -> None:
        self._revision, stored = await self._ledger.alerts(self._number)
        alerts, self._unreadable = readable(stored)
        self._keep(alerts)
        self._policy = None

    async def _step(
        self, taken: Taken, now_ms: int, policy: Policy, extra: Mapping[str, Alert]
    ) -> Step:
        if policy is not self._policy:
            self._policy, self._quiet_until = policy, {}
            self._plan(self.alerts)
        after = _Changes(self.alerts)
        after.update(extra)
        lost = taken.lost
        for entry, payload in taken.entries:
            event = _event(entry, payload)
            if event is None:
                lost += 1
            else:
                episodes.fold(after, event, int(entry.partition("-")[0]), now_ms)
        due = [key for key, quiet_ms in self._quiet_until.items() if quiet_ms <= now_ms]
        told = _tell(after, dict.fromkeys([*due, *after.changed]), now_ms, policy)
        changed: dict[str, Alert | None] = dict.fromkeys(self._unreadable)
        changed |= {
            key: alert for key, alert in after.changed.items() if alert is not self.alerts.get(key)
        }
        step = Step(told, len(taken.entries) == MOST_TAKEN, lost, self._opened(changed))
        if not changed and not taken.entries:
            return step
        payloads = [msgspec.json.encode(notice) for notice in told]
        change = Change(
            revision=self._revision,
            handled=[entry for entry, _ in taken.entries],
            alerts={k: None if a is None else encode(a) for k, a in changed.items()},
            notices=[(to, payload) for payload in payloads for to in policy.receivers],
        )
        became = await self._ledger.change(self._number, change)
        if not became.done:
            logger.info("partition %d has moved on to another pod", self._number)
            self.held = False
            return Step(more=True)
        step.buried = became.buried
        self._unreadable = []
        self._revision += 1
        self._keep({k: a for k, a in {**self.alerts, **changed}.items() if a is not None})
        self._plan(changed)
        return step

    def _opened(self, changed: Mapping[str, Alert | None]) -> list[Kind]:
        """The kinds of those that are not known yet."""
        known = self.alerts
        return [
            alert.kind
            for key, alert in changed.items()
            if alert is not None and (key not in known or known[key].id != alert.id)
        ]

    def _keep(self, alerts: Mapping[str, Alert]) -> None:
        self.alerts = alerts
        self.open = sum(alert.is_open for alert in alerts.values())

    def _plan(self, alerts: Mapping[str, Alert | None]) -> None:
        """Note when these are to be looked at again."""
        policy = self._policy
        assert policy is not None
        for key, alert in alerts.items():
            if alert is None:
                self._quiet_until.pop(key, None)
            else:
                self._quiet_until[key] = notices.quiet_until(
                    alert, policy.resolve_after_ms, policy.manners
                )


class _Changes(MutableMapping[str, Alert]):
    """Alerts with changes on top, so that a step costs what it changes and not what there is.

    Attributes:
        changed: by key what was put there; None where it was taken away.
    """

    def __init__(self, alerts: Mapping[str, Alert]) -> None:
        self._alerts = alerts
        self.changed: dict[str, Alert | None] = {}

    def __getitem__(self, key: str) -> Alert:
        alert = self.changed[key] if key in self.changed else self._alerts.get(key)
        if alert is None:
            raise KeyError(key)
        return alert

    def __setitem__(self, key: str, alert: Alert) -> None:
        self.changed[key] = alert

    def __delitem__(self, key: str) -> None:
        self.changed[key] = None

    def __iter__(self) -> Iterator[str]:
        return (key for key in {**self._alerts, **self.changed} if self.get(key) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _event(entry: str, payload: bytes) -> Anomaly | None:
    try:
        return anomaly(payload)
    except Unreadable as error:
        # It must not stand in the way of all that follow.
        logger.error("entry %s of the outbox cannot be read and is passed over: %s", entry, error)
        return None


def _tell(
    alerts: MutableMapping[str, Alert], due: Iterable[str], now_ms: int, policy: Policy
) -> list[Notice]:
    """Resolve and forget what time has come for, and tell what is due; changes `alerts`.

    Args:
        alerts: by key.
        due: keys of those that may have to change; all others would stay as they are.
        now_ms: Unix time.
        policy: of the pipeline.
    """
    told: list[Notice] = []
    for key in due:
        if len(told) == MOST_CHANGED:
            break
        alert = alerts[key]
        later = episodes.settled(
            alert, now_ms, policy.resolve_after_ms, policy.manners.cool_down_ms
        )
        if later is None:
            del alerts[key]
            continue
        changed, notice = notices.due(later, now_ms, policy.hush, policy.manners)
        if changed is not alert:
            alerts[key] = changed
        if notice is not None:
            told.append(notice)
    return told
