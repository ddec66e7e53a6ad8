"""One alert for many: when a good share of the series with one label value are in trouble at once.

Pure. The pod that holds partition 0 calls it with the open alerts of all partitions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from anomaly_dataplane.alerting.alert import Alert, Kind, State, key_of_group
from anomaly_dataplane.alerting.episodes import resolved
from anomaly_dataplane.sample import Ending


@dataclass(frozen=True, slots=True)
class Grouping:
    """What makes a group alert.

    Attributes:
        label: series with one value of it are one group; "" for no groups.
        percent: of a group's series that must be in trouble.
        min_series: how many these must be at least.
    """

    label: str
    percent: int
    min_series: int


def troubled(alerts: Iterable[Alert], label: str) -> Counter[str]:
    """By the value of the label, how many series have an open alert."""
    series = {
        (alert.labels[label], alert.series)
        for alert in alerts
        if alert.is_open and alert.kind is Kind.SERIES and label in alert.labels
    }
    return Counter(value for value, _ in series)


def candidates(counts: Mapping[str, int], grouping: Grouping) -> bool:
    """Whether any group may be in trouble, so that it is worth asking how large they are."""
    return any(count >= grouping.min_series for count in counts.values())


def changed(
    known: Mapping[str, Alert],
    counts: Mapping[str, int],
    heard: Mapping[str, int],
    sizes: Mapping[str, int],
    grouping: Grouping,
    now_ms: int,
) -> dict[str, Alert]:
    """The group alerts that open, get worse or better, or resolve.

    A group alert resolves when less than half of what opened it is still in trouble, so that it
    does not come and go with one series.

    Args:
        known: by key.
        counts: series in trouble, by the value of the label.
        heard: those of them that are in no maintenance window: only they open an alert.
        sizes: series that there are.
        grouping: of the pipeline.
        now_ms: Unix time.
    """
    found = {}
    for value, count in counts.items():
        key = key_of_group(grouping.label, value)
        size = max(count, sizes.get(value, 0))
        alert = known.get(key)
        if alert is not None and alert.is_open:
            if (count, size) != alert.members:
                found[key] = _counted(alert, count, size, now_ms)
        elif _troubled(heard.get(value, 0), size, grouping):
            found[key] = _opened(key, value, alert, count, size, grouping, now_ms)
    for key, alert in known.items():
        count, size = found.get(key, alert).members
        value = alert.labels.get(grouping.label, "")
        count = counts.get(value, 0)
        if alert.kind is Kind.GROUP and alert.is_open and _over(count, size, grouping):
            found[key] = resolved(replace(alert, members=(count, size)), now_ms, Ending.CALM)
    return found


def _troubled(count: int, size: int, grouping: Grouping) -> bool:
    return count >= grouping.min_series and 100 * count >= grouping.percent * size


def _over(count: int, size: int, grouping: Grouping) -> bool:
    return 2 * count < grouping.min_series or 200 * count < grouping.percent * size


def _counted(alert: Alert, count: int, size: int, now_ms: int) -> Alert:
    """The alert with new numbers; it is worth telling only when more series are in trouble."""
    worse = count > alert.members[0]
    return replace(
        alert,
        members=(count, size),
        updated_ms=now_ms if worse else alert.updated_ms,
        anomalies=alert.anomalies + worse,
    )


def _opened(
    key: str,
    value: str,
    before: Alert | None,
    count: int,
    size: int,
    grouping: Grouping,
    now_ms: int,
) -> Alert:
    return Alert(
        key=key,
        id=f"group-{grouping.label}-{value}-{now_ms}",
        kind=Kind.GROUP,
        metric="",
        labels={grouping.label: value},
        direction="None",
        state=State.OPEN,
        started_ms=now_ms,
        opened_ms=now_ms,
        updated_ms=now_ms,
        members=(count, size),
        told_ms=before.told_ms if before is not None else 0,
    )
