"""Real senders that tests run against a pod, each built once from its own module, pinned.

Unlike the programs of the cluster they keep the go.mod of their own release: they shall be what
people run, not what our modules would make of them.
"""

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devcluster.command import download
from devcluster.golang import build_environment, go_command
from devcluster.paths import Cache
from devcluster.screen import step


@dataclass(frozen=True, slots=True)
class Sender:
    """A program, its Go package and version, its build tags and more flags for the linker."""

    name: str
    package: str
    version: str
    tags: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()

    def folder(self, cache: Cache) -> Path:
        """Return where it lives; another version or other tags live elsewhere."""
        built = "\n".join((self.package, self.version, *sorted(self.tags), *self.flags))
        return (
            cache.root
            / "senders"
            / f"{self.name}-{hashlib.sha256(built.encode()).hexdigest()[:12]}"
        )

    def program(self, cache: Cache) -> Path:
        """Return the path of the program, built or not."""
        return self.folder(cache) / self.name


TELEGRAF = Sender(
    "telegraf",
    "github.com/influxdata/telegraf/cmd/telegraf",
    "v1.37.2",
    (
        "custom",
        "inputs.cpu",
        "inputs.file",
        "inputs.mem",
        "outputs.file",  # what it has gathered, for tests to compare with what arrived
        "outputs.http",
        "outputs.influxdb",
        "outputs.influxdb_v2",
        "parsers.influx",
        "serializers.influx",
        "serializers.json",
        "serializers.prometheusremotewrite",
    ),
)
PROMETHEUS = Sender(
    "prometheus",
    "github.com/prometheus/prometheus/cmd/prometheus",
    "v0.316.0",  # what Go calls 3.16.0
    # Of all the clouds that it can ask for targets only Kubernetes, which halves the build.
    ("remove_all_sd", "enable_kubernetes_sd"),
    ("-X", "github.com/prometheus/common/version.Version=3.16.0"),
)
SENDERS = (TELEGRAF, PROMETHEUS)


def ensure(cache: Cache, wanted: Sequence[Sender] = SENDERS) -> None:
    """Build the wanted senders that are missing."""
    for sender in wanted:
        if not sender.program(cache).exists():
            with step(f"building {sender.name} {sender.version} (the first time takes minutes)"):
                _build(cache, sender)


def _build(cache: Cache, sender: Sender) -> None:
    folder = sender.folder(cache)
    partial = cache.folder("senders") / f".{folder.name}-{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        download(
            [
                go_command(cache),
                "install",
                "-trimpath",
                "-ldflags",
                " ".join(("-s", "-w", *sender.flags)),
                "-tags",
                ",".join(sender.tags),
                f"{sender.package}@{sender.version}",
            ],
            env={**build_environment(), "GOBIN": str(partial)},
            log=cache.logs / f"{sender.name}-build.log",
        )
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
