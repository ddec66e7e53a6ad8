"""An alert: all that is one trouble of one series, from the first anomaly to the resolve.

The ledger keeps it as JSON; `episodes.py` and `notices.py` make the next one of the last.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from enum import StrEnum

import msgspec

logger = logging.getLogger(__name__)


class State(StrEnum):
    """Whether the trouble goes on."""

    OPEN = "Open"
    RESOLVED = "Resolved"


class Kind(StrEnum):
    """What is in trouble."""

    SERIES = "Series"
    GROUP = "Group"  # many series that share a label, such as all of one device


class Sighting(msgspec.Struct, frozen=True):
    """The last anomaly of an alert, as far as people are told of it.

    Attributes:
        anomaly: its id.
        time: Unix time of the sample in milliseconds.
    """

    anomaly: str
    time: float
    value: float
    score: float
    threshold: float
    family: str
    expected: tuple[float, float]


class Alert(msgspec.Struct, frozen=True):
    """One alert. Times are Unix milliseconds; 0 where something has not happened.

    Attributes:
        key: whom it is about, and the side: there is one open alert for each.
        id: of this alert; another one of the same key has another.
        series: id of the series; of a group, empty.
        direction: the side of what was expected: Above, Below, or None.
        episode: id of the anomaly that began it.
        trigger: why it began; ending: why it is over (`sample.Trigger`, `sample.Ending`).
        started_ms: of the first sample in trouble.
        opened_ms, updated_ms, resolved_ms: when the anomalies were committed.
        taken_ms: when a pod first heard of it, of a series.
        anomalies: how many there were.
        peak: the highest score of them.
        members: series in trouble and series there are, of a group.
        told: whether its receivers know that it is open, and have not heard that it is resolved.
        told_ms: when they were last told anything; told_open_ms: that it is open.
        told_anomalies: how many anomalies they have heard of.
        hush: why they are not told: a maintenance window, an open alert of the whole group.
    """

    key: str
    id: str
    kind: Kind
    metric: str
    labels: dict[str, str]
    direction: str
    state: State
    started_ms: float
    opened_ms: int
    updated_ms: int
    series: str = ""
    episode: str = ""
    trigger: str = ""
    ending: str = ""
    resolved_ms: int = 0
    taken_ms: int = 0
    anomalies: int = 1
    peak: float = 0.0
    last: Sighting | None = None
    members: tuple[int, int] = (0, 0)
    told: bool = False
    told_ms: int = 0
    told_open_ms: int = 0
    told_anomalies: int = 0
    hush: str = ""

    @property
    def is_open(self) -> bool:
        """Whether the trouble goes on."""
        return self.state is State.OPEN


_decoder = msgspec.json.Decoder(Alert)


def encode(alert: Alert) -> bytes:
    """The alert as the ledger keeps it."""
    return msgspec.json.encode(alert)


def decode(payload: bytes) -> Alert:
    """An alert of the ledger; fields that a newer pod added are passed over."""
    return _decoder.decode(payload)


def readable(stored: Mapping[str, bytes]) -> tuple[dict[str, Alert], list[str]]:
    """The alerts of a ledger, and the keys of those that cannot be read.

    One that cannot must not stand in the way of all others.
    """
    alerts, unreadable = {}, []
    for key, payload in stored.items():
        try:
            alerts[key] = decode(payload)
        except msgspec.MsgspecError as error:
            logger.error("alert %s cannot be read and is passed over: %s", key, error)
            unreadable.append(key)
    return alerts, unreadable


def key_of_series(series: str, direction: str) -> str:
    """What an alert of a series is kept under."""
    return f"{series}/{direction}"


def key_of_group(label: str, value: str) -> str:
    """What an alert of a group is kept under."""
    return f"group/{label}={value}"
