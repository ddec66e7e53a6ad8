"""On what and with what was measured: facts that belong beside every number."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import anomaly_dataplane
from bench.programs import Programs
from bench.servers import redis_program

_PACKAGES = ("anomaly-dataplane", "aiohttp", "uvloop", "hiredis", "redis", "msgspec")
_ROOT = Path(__file__).parent.parent


def facts(programs: Programs) -> dict[str, object]:
    """The machine and the versions of everything that took part."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release(),
        "load_before": os.getloadavg()[0],
        "python": programs.python.interpreter.number,
        "pod_python": str(programs.python.interpreter),
        "redis": _first_match(r"v=([0-9.]+)", [redis_program(), "--version"]),
        "go": programs.go_version,
        "kernels": getattr(getattr(anomaly_dataplane, "KERNELS", None), "flavour", "python"),
        "packages": {name: version(name) for name in _PACKAGES},
        "commit": _output(["git", "-C", str(_ROOT), "describe", "--always", "--dirty"]),
    }


def _cpu() -> str:
    found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()


def _first_match(pattern: str, argv: list[str]) -> str:
    found = re.search(pattern, _output(argv))
    return found[1] if found else "unknown"


def _output(argv: list[str]) -> str:
    try:
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""
