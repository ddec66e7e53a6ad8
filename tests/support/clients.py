"""Real clients that send to one pod at the same time, and what each has sent and heard.

Each is told to send a sample of each of its series a second, with times, from `start` to `stop`,
and keeps what it was given, so that a test can compare that with what Redis holds.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections import defaultdict
from typing import Any, Protocol

from influxdb_client import InfluxDBClient, Point, WriteOptions

from anomaly_dataplane.series import Series
from mqtt_broker import Broker, Publisher
from telegraf import OUTPUTS, Samples, Telegraf

Sent = dict[Series, Samples]

BAD_TIME_SECONDS = 4_102_444_800
"""Of a sample that no pod takes: the year 2100."""
BAD_METRIC = "bad"


class Client(Protocol):
    """One client."""

    name: str

    def start(self) -> None:
        """Start sending."""
        ...

    def stop(self) -> None:
        """Send what there is, as far as it can be sent, and end."""
        ...

    def sent(self) -> Sent:
        """What it was given to send, by series; the bad sample apart."""
        ...

    def told(self) -> str:
        """What it has said of samples that were not taken; empty if nothing."""
        ...

    def refused(self) -> int | None:
        """How many samples it knows to be refused, with the bad ones; None if it does not count."""
        ...

    def send_bad_sample(self) -> None:
        """Send one that cannot be taken, in one batch with others that can."""
        ...


class _Steady:
    """Sends a sample of three series a second from a thread of its own."""

    name = ""
    period_seconds = 0.5

    def __init__(self, metric: str, **labels: str) -> None:
        # A series is compared by identity, so each is made once.
        self.series = [Series(metric, {**labels, "device": f"d-{n}"}, 4) for n in range(3)]
        self._given: Sent = defaultdict(dict)
        self._bad = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(120)
        assert not self._thread.is_alive(), f"{self.name} does not come to an end"

    def sent(self) -> Sent:
        return self._given

    def refused(self) -> int | None:
        return None

    def send_bad_sample(self) -> None:
        self._bad = True

    def give(self, series: Series, time_ms: float, value: float) -> None:
        """Note what the client was given."""
        self._given[series][time_ms] = value

    def send(self, time_ms: float, value: float, bad: bool) -> None:
        """Give the client one round."""
        raise NotImplementedError

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(self.period_seconds):
            bad, self._bad = self._bad, False
            self.send(float(int(time.time() * 1000)), float(number % 17), bad)
            number += 1


class Curl(_Steady):
    """`curl --retry`, one call a batch of NDJSON."""

    name = "curl"

    def __init__(self, url: str, token: str = "none") -> None:
        super().__init__("curl")
        self._url = url
        self._token = token
        self._told: list[str] = []

    def send(self, time_ms: float, value: float, bad: bool) -> None:
        samples: list[dict[str, Any]] = []
        for series in self.series:
            self.give(series, time_ms, value)
            samples.append(
                {
                    "metric": series.metric,
                    "labels": series.labels,
                    "timestamp": time_ms / 1e3,
                    "value": value,
                }
            )
        if bad:
            samples.insert(1, {"metric": BAD_METRIC, "value": 1, "timestamp": BAD_TIME_SECONDS})
        done = subprocess.run(
            [
                "curl",
                "--silent",
                "--show-error",
                *("--retry", "60", "--retry-delay", "1", "--retry-all-errors"),
                *("--max-time", "10"),
                *("--header", "Content-Type: application/x-ndjson"),
                *("--header", f"Authorization: Bearer {self._token}"),
                *("--data-binary", "@-"),
                *("--write-out", "\n%{http_code}"),
                f"{self._url}/api/v1/ingest",
            ],
            input="\n".join(map(json.dumps, samples)),
            capture_output=True,
            text=True,
            check=False,
        )
        answer, _, status = done.stdout.rpartition("\n")
        if status != "200" or '"errors":[]' not in answer:
            self._told.append(f"{status} {answer}")

    def told(self) -> str:
        return "\n".join(self._told)


class InfluxPython(_Steady):
    """influxdb-client-python as its own docs have it: batches, retries, an error callback."""

    name = "influxdb-client-python"

    def __init__(self, url: str, token: str = "none") -> None:
        super().__init__("python_load", db="bucket")
        self._told: list[str] = []
        self._client = InfluxDBClient(url, token, org="org", timeout=5_000)
        self._api = self._client.write_api(
            write_options=WriteOptions(
                batch_size=20, flush_interval=500, retry_interval=500, max_retries=20
            ),
            error_callback=self._failed,
        )

    def send(self, time_ms: float, value: float, bad: bool) -> None:
        points = []
        for number in range(3):
            self.give(self.series[number], time_ms, value)
            point = Point("python").tag("device", f"d-{number}").field("load", value)
            points.append(point.time(int(time_ms) * 1_000_000))
        if bad:
            point = Point(BAD_METRIC).field("x", 1.0).time(BAD_TIME_SECONDS * 10**9)
            points.insert(1, point)
        self._api.write(bucket="bucket", record=points)

    def stop(self) -> None:
        super().stop()
        self._api.close()
        self._client.close()

    def told(self) -> str:
        return "\n".join(self._told)

    def _failed(self, _: object, data: str, error: Exception) -> None:
        self._told.append(f"{error}: {data}")


class Paho(_Steady):
    """A paho publisher at QoS 1, on a real mosquitto."""

    name = "paho over mosquitto"
    period_seconds = 0.1

    def __init__(self, broker: Broker) -> None:
        super().__init__("load", site="mqtt")
        self._publisher = Publisher(broker)

    def start(self) -> None:
        self._publisher.__enter__()
        super().start()

    def send(self, time_ms: float, value: float, bad: bool) -> None:
        for number in range(3):
            self.give(self.series[number], time_ms, value)
            good = {"value": value, "timestamp": time_ms}
            wrong = {"metric": BAD_METRIC, "value": 1, "timestamp": BAD_TIME_SECONDS}
            payload = [good, wrong] if bad and number == 1 else good
            self._publisher.send(f"sensors/mqtt/d-{number}/load", json.dumps(payload))

    def stop(self) -> None:
        super().stop()
        self._publisher.__exit__(None, None, None)

    def told(self) -> str:
        return ""


class TelegrafOutput:
    """One of the outputs of a Telegraf that runs already."""

    def __init__(self, running: Telegraf, output: str) -> None:
        self.name = f"Telegraf outputs.{output}"
        self._running = running
        self._output = output

    def start(self) -> None:
        """It runs."""

    def stop(self) -> None:
        self._running.stop()

    def sent(self) -> Sent:
        gathered = self._running.gathered(self._output)
        return {s: v for s, v in gathered.items() if BAD_METRIC not in s.metric}

    def told(self) -> str:
        # Two are the same plugin, told apart by their alias.
        about = f"outputs.{self._output}"
        if "[[outputs.http]]" in OUTPUTS[self._output]:
            about = f"outputs.http::{self._output}"
        lines = self._running.said().splitlines()
        found = [line for line in lines if f"{about}]" in line or f"{about}:" in line]
        return "\n".join(line for line in found if " I! " not in line)

    def refused(self) -> int | None:
        return None

    def send_bad_sample(self) -> None:
        """For one reading or two, until it is taken away again."""
        self._running.more.write_text(f"{BAD_METRIC} x=1 {BAD_TIME_SECONDS * 10**9}\n")
        time.sleep(1.1)
        self._running.more.write_text("")
