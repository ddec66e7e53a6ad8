"""Looks after the partitions that no other pod looks after, for ever. Run by `app.py`.

Nothing of it stands between a sender and its 2xx: it reads the outbox, which commits write.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from anomaly_dataplane.alerting import groups
from anomaly_dataplane.alerting.alert import Alert, Kind, key_of_group, readable
from anomaly_dataplane.alerting.groups import Grouping
from anomaly_dataplane.alerting.ledger import Ledger
from anomaly_dataplane.alerting.maintenance import Maintenance
from anomaly_dataplane.alerting.notices import Manners
from anomaly_dataplane.alerting.partition import Partition, Policy, Step
from anomaly_dataplane.contract.config import Alerting
from anomaly_dataplane.errors import StoreUnavailable
from anomaly_dataplane.observer import Observer

POLL_SECONDS = 0.5
GROUPS_SECONDS = 1.0
SIZES_SECONDS = 60.0
"""How long it is believed how many series a group has; asked for only while one is in trouble."""

logger = logging.getLogger(__name__)


class AlertingStage:
    """The alerts of the partitions that this pod holds.

    Args:
        ledger: what is kept.
        config: of alerting; `update` takes another one.
        observer: is told how many alerts are open.
        wake: set whenever there is something new to deliver.
        wall_clock: Unix time in seconds.
        clock: seconds that never jump; says when to look at groups again.
    """

    def __init__(
        self,
        ledger: Ledger,
        config: Alerting,
        observer: Observer,
        wall_clock: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._observer = observer
        self._wall_clock = wall_clock
        self._clock = clock
        self._partitions = [Partition(p, ledger) for p in range(ledger.partitions)]
        self._open_groups: frozenset[str] | None = None  # nobody has looked
        self._groups_at = float("-inf")
        self._sizes: Mapping[str, int] = {}
        self._failing = False
        self._wakers: list[Callable[[], None]] = []
        self.update(config)

    def update(self, config: Alerting) -> None:
        """Go by another config from now on."""
        group = config.group
        self._grouping = Grouping(group.by, group.percent, group.min_series)
        self._sizes_at = float("-inf")  # those known may be of another label
        self._maintenance = Maintenance(config.maintenance)
        self._policy = Policy(
            resolve_after_ms=config.resolve_after_seconds * 1e3,
            manners=Manners(config.cool_down_seconds * 1e3, group.by),
            hush=self._hush,
            receivers=[webhook.name for webhook in config.webhooks],
        )

    def on_news(self, wake: Callable[[], None]) -> None:
        """Have this called whenever there is something new to deliver."""
        self._wakers.append(wake)

    @property
    def held(self) -> list[int]:
        """The partitions that this pod looks after."""
        return [i for i, partition in enumerate(self._partitions) if partition.held]

    def alerts(self) -> Iterator[Alert]:
        """All alerts of the held partitions."""
        for partition in self._partitions:
            if partition.held:
                yield from partition.alerts.values()

    async def run(self) -> None:
        """Step for ever; at the end let other pods take over at once."""
        try:
            while True:
                if not await self.step():
                    await asyncio.sleep(POLL_SECONDS)
        finally:
            # Best effort: the leases end by themselves, too.
            await asyncio.gather(
                *(partition.release() for partition in self._partitions), return_exceptions=True
            )

    async def step(self) -> bool:
        """One step of every partition; whether another one should follow at once."""
        now_ms, held = int(self._wall_clock() * 1e3), self.held
        groups_changed: Mapping[str, Alert] = {}
        try:
            groups_changed = await self._groups(now_ms)
        except StoreUnavailable as error:
            if self._open_groups is None:
                # What belongs to a group that is open would be told else.
                self._report((), error)
                return False
        results = await asyncio.gather(
            *(
                partition.step(now_ms, self._policy, None if i else groups_changed)
                for i, partition in enumerate(self._partitions)
            ),
            return_exceptions=True,
        )
        steps: list[Step] = []
        failure: StoreUnavailable | None = None
        for result in results:
            if isinstance(result, StoreUnavailable):
                failure = result
            elif isinstance(result, BaseException):
                raise result
            else:
                steps.append(result)
        if set(self.held) - set(held):
            self._open_groups = None
        self._report(steps, failure)
        return failure is None and any(step.more for step in steps)

    def _report(self, steps: Sequence[Step], failure: StoreUnavailable | None) -> None:
        if failure is not None and not self._failing:
            logger.warning("alerts wait for Redis: %s", failure)
        self._failing = failure is not None
        lost = sum(step.lost for step in steps)
        if lost:
            logger.error("%d anomalies left the outbox before they could become alerts", lost)
            self._observer.anomalies_lost(lost)
        for step in steps:
            for kind in step.opened:
                self._observer.alert_opened(kind)
            for receiver, count in step.buried.items():
                logger.error("webhook/%s: its queue is full, gave up notices: %d", receiver, count)
                self._observer.delivered(f"webhook/{receiver}", "dead", count)
        self._observer.alerts_open(
            sum(partition.open for partition in self._partitions if partition.held)
        )
        if any(step.told for step in steps):
            for wake in self._wakers:
                wake()

    def _hush(self, alert: Alert, now_ms: int) -> str:
        window = self._maintenance.of(alert, now_ms)
        if window:
            return f"maintenance: {window}"
        value = alert.labels.get(self._grouping.label)
        if alert.kind is Kind.SERIES and value is not None:
            key = key_of_group(self._grouping.label, value)
            if key in (self._open_groups or ()):
                return f"part of {key}"
        return ""

    async def _groups(self, now_ms: int) -> Mapping[str, Alert]:
        """Group alerts that change now, if they are this pod's business; and which are open.

        Raises:
            StoreUnavailable: nobody can tell.
        """
        label, now = self._grouping.label, self._clock()
        first = self._partitions[0].held
        # Without groups there may still be alerts of them, to be resolved.
        wanted = self.held if label else first
        due = self._open_groups is None or now - self._groups_at >= GROUPS_SECONDS
        if not (wanted and due):
            return {}
        self._groups_at = now
        of_groups = {a.key: a for a in await self._alerts(0) if a.kind is Kind.GROUP}
        self._open_groups = _open(of_groups)
        if not first:
            return {}
        troubled = [a for a in await self._everywhere() if a.is_open] if label else []
        counts = groups.troubled(troubled, label)
        heard = groups.troubled((a for a in troubled if not self._maintenance.of(a, now_ms)), label)
        if groups.candidates(counts, self._grouping) and now - self._sizes_at > SIZES_SECONDS:
            self._sizes, self._sizes_at = await self._ledger.group_sizes(label), now
        changes = groups.changed(of_groups, counts, heard, self._sizes, self._grouping, now_ms)
        self._open_groups = _open({**of_groups, **changes})
        return changes

    async def _everywhere(self) -> list[Alert]:
        found = await asyncio.gather(*(self._alerts(p) for p in range(len(self._partitions))))
        return [alert for alerts in found for alert in alerts]

    async def _alerts(self, number: int) -> list[Alert]:
        partition = self._partitions[number]
        if partition.held:
            return list(partition.alerts.values())
        _, stored = await self._ledger.alerts(number)
        return list(readable(stored)[0].values())


def _open(alerts: Mapping[str, Alert]) -> frozenset[str]:
    """The keys of those that are open."""
    return frozenset(key for key, alert in alerts.items() if alert.is_open)
