"""The whole circle on this machine: up, half broken, up again, down; for root, with no cluster up.

`make cluster-test`, and not part of `make test`: there the cluster is up for the stories, and this
compares all of the host, on which nothing else may start or stop meanwhile.
"""

import os
import re
import signal
import subprocess
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

from devcluster.alone import alone
from devcluster.local import Local
from devcluster.paths import Cache

pytestmark = [pytest.mark.devcluster, pytest.mark.timeout(3600)]

PROGRAMS = re.compile(r"kube|etcd|containerd|coredns|contour|envoy|metrics-server|/storage|pause")
FOLDERS = ("/run", "/run/containerd", "/run/netns", "/var/lib", "/var/log", "/opt", "/etc")
SWITCHES = ("net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables")


@dataclass(frozen=True)
class Traces:
    """What a cluster could leave on its host."""

    processes: frozenset[str]
    mounts: frozenset[str]
    links: frozenset[str]
    nftables: frozenset[str]
    iptables: frozenset[str]
    cgroups: frozenset[str]
    folders: frozenset[str]
    switches: tuple[str, ...]


def traces() -> Traces:
    """Return the host as it is now."""
    return Traces(
        processes=frozenset(
            line
            for line in filter(PROGRAMS.search, lines("ps", "-eo", "pid=,args="))
            if "<defunct>" not in line  # this test is their parent, and does not wait for them
        ),
        mounts=frozenset(line.split()[4] for line in lines("cat", "/proc/self/mountinfo")),
        links=frozenset(os.listdir("/sys/class/net")),
        nftables=frozenset(lines("nft", "list", "tables")),
        iptables=frozenset(line for line in lines("iptables", "-S") if line.startswith("-")),
        cgroups=frozenset(lines("find", "/sys/fs/cgroup", "-type", "d")),
        folders=frozenset(
            str(path) for name in FOLDERS if Path(name).is_dir() for path in Path(name).iterdir()
        ),
        switches=tuple(Path("/proc/sys", name).read_text() for name in SWITCHES),
    )


def lines(*argv: str) -> list[str]:
    """Return the lines that a command prints; a missing command prints none."""
    try:
        answer = subprocess.run(argv, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return []
    return answer.stdout.splitlines()


def test_down_leaves_the_host_as_it_was_before_up() -> None:
    """Also after a kill -9 of half of the node, and with pods still running."""
    cache = Cache.from_environment()
    local = Local(cache)
    with alone(cache):  # a command that would make a cluster waits
        assert not local.is_up(), "take your cluster down first"
        before = traces()

        local.up()
        assert local.is_up()
        pids = [line.split()[2] for line in local.report()]
        for pid in pids[::2]:
            os.kill(int(pid), signal.SIGKILL)
        assert not local.is_up()

        local.up()
        assert local.is_up()
        local.down()

        after = traces()
    left = {
        one.name: sorted(set(getattr(after, one.name)) ^ set(getattr(before, one.name)))
        for one in fields(Traces)
    }
    assert not {name: what for name, what in left.items() if what}
