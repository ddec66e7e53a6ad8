"""A device whose readings go wrong when a test says so; it sends to a pod of its own process."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.request import Request, urlopen

from polling import eventually


@dataclass
class Device:
    """Sends to a pipeline like a device whose readings go wrong now and then."""

    url: Callable[[], str]
    metric: str
    at: float = 0.0
    labels: Mapping[str, str] = field(
        default_factory=lambda: {"device": "boiler-1", "unit name": "°C"}
    )
    headers: Mapping[str, str] = field(default_factory=dict)

    def send(self, *values: float) -> None:
        """Values a second apart; tried again until they are taken."""
        self._deliver(self._samples(*values))

    def _samples(self, *values: float) -> list[dict[str, object]]:
        self.at = self.at or time.time() - 200
        samples: list[dict[str, object]] = []
        for value in values:
            self.at += 1
            samples.append(
                {"metric": self.metric, "labels": self.labels, "timestamp": self.at, "value": value}
            )
        return samples

    def _deliver(self, samples: Sequence[object]) -> None:
        body = json.dumps(samples).encode()

        def accepted() -> bool:
            try:
                request = Request(f"{self.url()}/api/v1/ingest", body, dict(self.headers))
                with urlopen(request, timeout=30) as answer:
                    return bool(answer.status == 200)
            except OSError:
                return False

        eventually("the samples are taken", accepted)

    def warm_up(self) -> None:
        self.send(*(10 + 0.1 * (i % 3) for i in range(40)))


def send_together(devices: Sequence[Device], value: float) -> None:
    """The same value of all of them, in one request."""
    devices[0]._deliver([sample for device in devices for sample in device._samples(value)])
