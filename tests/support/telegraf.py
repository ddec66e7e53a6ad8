"""A real Telegraf with every output that can send to a pod, and a file that says what it gathered.

Each output sends under a prefix of its own, so that one Telegraf tells what became of each.
"""

from __future__ import annotations

import re
import signal
import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from anomaly_dataplane.series import Series
from devcluster.paths import Cache
from devcluster.senders import TELEGRAF

_AGENT = """
[agent]
  interval = "1s"
  # Else to the second: a slow machine may gather twice in one, and a pod takes the first alone.
  precision = "1ms"
  round_interval = false
  flush_interval = "1s"
  metric_batch_size = 50
  metric_buffer_limit = 100000
  omit_hostname = true
  logfile = "{folder}/telegraf.log"
[[inputs.cpu]]
  percpu = false
[[inputs.mem]]
[[inputs.file]]
  files = ["{folder}/more.lp"]
  data_format = "influx"
[[outputs.file]]
  files = ["{folder}/gathered.lp"]
  data_format = "influx"
"""

OUTPUTS: Mapping[str, str] = {
    "http": """
[[outputs.http]]
  name_prefix = "http_"
  url = "{url}/api/v1/ingest"
  alias = "http"
  data_format = "json"
  json_timestamp_units = "1ns"
  timeout = "5s"
  [outputs.http.headers]
    Content-Type = "application/json"
    Authorization = "Bearer {token}"
""",
    "influxdb": """
[[outputs.influxdb]]
  name_prefix = "influxdb_"
  urls = ["{url}"]
  database = "telegraf"
  username = "telegraf"
  password = "{token}"
  influx_uint_support = true
  timeout = "5s"
""",
    "influxdb_v2": """
[[outputs.influxdb_v2]]
  name_prefix = "influxdb2_"
  urls = ["{url}"]
  organization = "org"
  bucket = "bucket"
  token = "{token}"
  influx_uint_support = true
  timeout = "5s"
""",
    "prometheusremotewrite": """
[[outputs.http]]
  name_prefix = "prw_"
  url = "{url}/api/v1/write"
  alias = "prometheusremotewrite"
  data_format = "prometheusremotewrite"
  # Of several samples of a series in one batch the serializer keeps only the newest.
  use_batch_format = false
  timeout = "5s"
  # What can never be taken is not sent for ever.
  non_retryable_statuscodes = [400]
  [outputs.http.headers]
    Content-Type = "application/x-protobuf"
    Content-Encoding = "snappy"
    X-Prometheus-Remote-Write-Version = "0.1.0"
    Authorization = "Bearer {token}"
""",
}
PREFIXES: Mapping[str, str] = {
    "http": "http_",
    "influxdb": "influxdb_",
    "influxdb_v2": "influxdb2_",
    "prometheusremotewrite": "prw_",
}
_MORE_LABELS: Mapping[str, Mapping[str, str]] = {
    "influxdb": {"db": "telegraf"},
    "influxdb_v2": {"db": "bucket"},
}
"""What an output's protocol adds to the tags."""

Samples = dict[float, float]
"""By time in Unix milliseconds."""

_LINE = re.compile(r"^([^ ,]+)((?:,[^ =]+=[^ ,]+)*) (.+) ([0-9]+)$")


@dataclass
class Telegraf:
    """One Telegraf that runs.

    Attributes:
        more: a file that it reads each second, for lines of the test's own; without a time of
            their own they get that of the reading.
    """

    folder: Path
    url: str
    outputs: tuple[str, ...]
    process: subprocess.Popen[bytes]
    more: Path = field(init=False)
    _stopping: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.more = self.folder / "more.lp"

    def stop(self) -> None:
        """Stop it; it sends what it has before it ends."""
        with self._stopping:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
                self.process.wait(60)

    def take_token(self, token: str) -> None:
        """Have it read its configuration anew, with another token in it."""
        _write_config(self.folder / "telegraf.conf", self.url, self.outputs, token)
        self.process.send_signal(signal.SIGHUP)

    def said(self) -> str:
        """Its log."""
        return (self.folder / "telegraf.log").read_text(errors="replace")

    def gathered(self, output: str) -> dict[Series, Samples]:
        """What this output had to send, by series."""
        found: dict[Series, Samples] = defaultdict(dict)
        known: dict[tuple[str, str, str], Series] = {}
        more = _MORE_LABELS.get(output, {})
        for line in (self.folder / "gathered.lp").read_text().splitlines():
            match = _LINE.match(line)
            assert match is not None, line
            measurement, tags, fields, nanoseconds = match.groups()
            # What outputs that keep less than nanoseconds send of it.
            milliseconds = int(nanoseconds) / 1e6
            for name, value in re.findall(r"([^,=]+)=([^,]+)", fields):
                key = measurement, tags, name
                if key not in known:
                    labels = dict(tag.split("=") for tag in tags.split(",")[1:])
                    metric = f"{PREFIXES[output]}{measurement}_{name}"
                    known[key] = Series(metric, {**labels, **more}, 4)
                exact = milliseconds
                if output == "prometheusremotewrite":
                    exact = int(nanoseconds) // 1_000_000
                else:
                    exact = round(milliseconds * 1e3) / 1e3
                found[known[key]][float(exact)] = float(value.rstrip("iu"))
        return found


@contextmanager
def telegraf(
    folder: Path, url: str, *outputs: str, token: str = "none", more: str = ""
) -> Iterator[Telegraf]:
    """Run Telegraf while the body runs; it must have been built (`make senders`)."""
    program = TELEGRAF.program(Cache.from_environment())
    if not program.exists():
        pytest.fail(f"there is no Telegraf at {program}: `make senders` builds it")
    (folder / "more.lp").write_text(more)
    config = folder / "telegraf.conf"
    _write_config(config, url, outputs, token)
    with (folder / "telegraf.err").open("ab") as errors:
        process = subprocess.Popen(
            [str(program), "--config", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
    running = Telegraf(folder, url, outputs, process)
    try:
        yield running
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _write_config(path: Path, url: str, outputs: Sequence[str], token: str) -> None:
    values = {"folder": path.parent, "url": url, "token": token}
    parts = [_AGENT, *(OUTPUTS[output] for output in outputs)]
    path.write_text("".join(part.format(**values) for part in parts))
