"""Senders of each wire protocol, for the suite that runs over all of them.

Each writes its bodies by hand or by an independent library, never with code of the parser.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from anomaly_dataplane.contract.config import IngestProtocol
from running_pod import Answer


@dataclass(frozen=True, slots=True)
class Told:
    """A sample as every protocol can say it.

    Attributes:
        metric: two words or more with `_` between, as some protocols know only those.
        time_ms: whole milliseconds, as some know only those.
    """

    metric: str
    value: float
    time_ms: int
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Said:
    """A request."""

    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Speaker(Protocol):
    """Says samples in one protocol, and reads what is answered."""

    @property
    def protocol(self) -> IngestProtocol: ...

    @property
    def label(self) -> str:
        """Of the protocol in metrics."""
        ...

    @property
    def success(self) -> int:
        """The status when all is well."""
        ...

    @property
    def partial(self) -> int:
        """The status when a sample of several is rejected."""
        ...

    def say(self, told: Sequence[Told]) -> Said:
        """A request that brings these samples."""
        ...

    def say_with_a_bad_one(self, told: Sequence[Told]) -> Said:
        """The same with one more in the middle that nobody can take."""
        ...

    def say_rubbish(self) -> Said:
        """A request whose body is nothing of the protocol."""
        ...

    def reason(self, answer: Answer) -> str:
        """What an answer says went wrong, in the protocol's own form for errors."""
        ...


@dataclass(frozen=True)
class JsonSpeaker:
    """The native protocol."""

    protocol: IngestProtocol = IngestProtocol.JSON
    label: str = "json"
    success: int = 200
    partial: int = 200

    def say(self, told: Sequence[Told]) -> Said:
        return self._said([self._sample(each) for each in told])

    def say_with_a_bad_one(self, told: Sequence[Told]) -> Said:
        good = [self._sample(each) for each in told]
        half = len(good) // 2
        return self._said([*good[:half], {"metric": "bad", "value": "x"}, *good[half:]])

    def say_rubbish(self) -> Said:
        return Said("/api/v1/ingest", b"\0 rubbish {")

    def reason(self, answer: Answer) -> str:
        if answer.status == 200:
            errors = answer.json["errors"]
            assert isinstance(errors, list)
            return str(errors[0]["reason"])
        return answer.error

    def _sample(self, told: Told) -> dict[str, object]:
        return {
            "metric": told.metric,
            "labels": dict(told.labels),
            "timestamp": told.time_ms / 1e3,
            "value": told.value,
        }

    def _said(self, samples: list[dict[str, object]]) -> Said:
        return Said("/api/v1/ingest", json.dumps(samples).encode())


SPEAKERS: tuple[Speaker, ...] = (JsonSpeaker(),)
