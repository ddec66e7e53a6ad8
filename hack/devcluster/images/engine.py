"""The Docker engine that builds images: the one that answers, else one of our own for the while.

Our own touches nothing of the host: no bridge, no iptables, its data in the cache, gone when the
build is over.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from devcluster.command import download, run, succeeds
from devcluster.packages import IMAGE_BUILDER, require
from devcluster.paths import Cache
from devcluster.processes import Daemon
from devcluster.screen import say, wait_for

_RUN = Path("/run/anomaly-docker")


@dataclass(frozen=True, slots=True)
class Engine:
    """A Docker engine that answers; `own` if it is the one started here."""

    own: bool
    environment: Mapping[str, str] = field(default_factory=dict)

    def docker(self, *arguments: str, log: Path | None = None, timeout: float = 1800) -> str:
        """Run the docker command against this engine."""
        act = download if arguments[0] == "build" else run
        return act(["docker", *arguments], env=self.environment, log=log, timeout=timeout)

    def has_image(self, name: str) -> bool:
        """Tell whether the engine has an image."""
        return succeeds(["docker", "image", "inspect", name], env=self.environment)

    def can_pull(self, name: str) -> bool:
        """Tell whether an image is there or can be had from a registry."""
        return self.has_image(name) or succeeds(
            ["docker", "pull", "--quiet", name], env=self.environment, timeout=300
        )


def answering_engine() -> Engine | None:
    """Return the engine that the user's docker command talks to, if it answers."""
    if shutil.which("docker") is None or not succeeds(["docker", "info"], timeout=20):
        return None
    modern = succeeds(["docker", "buildx", "version"])
    return Engine(own=False, environment={} if modern else {"DOCKER_BUILDKIT": "0"})


@contextmanager
def engine(cache: Cache) -> Iterator[Engine]:
    """Give an engine for a while."""
    found = answering_engine()
    if found is not None:
        yield found
        return
    require(cache, IMAGE_BUILDER, "building images without a Docker engine")
    daemon = _daemon(cache)
    say("no Docker engine answers: starting one of our own for the build")
    daemon.start()
    own = Engine(
        own=True,
        environment={"DOCKER_HOST": f"unix://{_RUN}/docker.sock", "DOCKER_BUILDKIT": "0"},
    )
    try:
        wait_for("dockerd", lambda: succeeds(["docker", "info"], env=own.environment), 120)
        yield own
    finally:
        stop_own(cache)


def stop_own(cache: Cache) -> None:
    """Stop our own engine, if it runs, and remove what it keeps while running."""
    _daemon(cache).stop(patience=30)
    for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
        point = line.split()[4]
        if Path(point).is_relative_to(_RUN) or Path(point).is_relative_to(cache.root / "docker"):
            run(["umount", "--lazy", point])
    shutil.rmtree(_RUN, ignore_errors=True)


def configuration(cache: Cache) -> dict[str, object]:
    """Return the daemon.json of our own engine."""
    return {
        "data-root": str(cache.root / "docker"),
        "exec-root": str(_RUN / "exec"),
        "pidfile": str(_RUN / "docker.pid"),
        "hosts": [f"unix://{_RUN}/docker.sock"],
        "bridge": "none",
        "iptables": False,
        "ip6tables": False,
        "ip-forward": False,
        "ip-masq": False,
        "storage-driver": "overlay2",
    }


def _daemon(cache: Cache) -> Daemon:
    _RUN.mkdir(parents=True, exist_ok=True)
    config = _RUN / "daemon.json"
    config.write_text(json.dumps(configuration(cache), indent=2))
    return Daemon(
        name="dockerd",
        argv=("dockerd", "--config-file", str(config)),
        identity_file=_RUN / "dockerd.identity",
        log=cache.logs / "dockerd.log",
    )
