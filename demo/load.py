"""The program that `burst` starts: real load of one kind, for some seconds, then it ends by itself.

`python -m demo.load cpu|memory|network SECONDS`. Standard library only, so that it starts at once.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

_MEBI = 1024 * 1024
_MOST_MEMORY_BYTES = 1024 * _MEBI
_MEMORY_SHARE = 16
"""Of the memory that we may use no more than one part in so many."""
_CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")
_CHUNK = bytes(256 * 1024)


def cpu(seconds: float) -> None:
    """Keep one core busy."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(10_000))


def memory(seconds: float) -> None:
    """Hold memory that is really there: every page is written to."""
    end = time.monotonic() + seconds
    block = bytearray(b"\x01") * min(_MOST_MEMORY_BYTES, _usable_bytes() // _MEMORY_SHARE)
    time.sleep(max(0.0, end - time.monotonic()))
    del block


def _usable_bytes() -> int:
    """The machine's memory, or what a container's limit leaves of it."""
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = _CONTAINER_LIMIT.read_text().strip() if _CONTAINER_LIMIT.exists() else ""
    return min(physical, int(limit)) if limit.isdigit() else physical


def network(seconds: float) -> None:
    """Send over loopback to ourselves as fast as it goes."""
    end = time.monotonic() + seconds
    with socket.create_server(("127.0.0.1", 0)) as server:
        reader = threading.Thread(target=_drain, args=(server,), daemon=True)
        reader.start()
        with socket.create_connection(server.getsockname()) as link:
            while time.monotonic() < end:
                link.sendall(_CHUNK)
        reader.join(timeout=1)


def _drain(server: socket.socket) -> None:
    link, _ = server.accept()
    room = bytearray(len(_CHUNK))
    with link:
        while link.recv_into(room):
            pass


KINDS: dict[str, Callable[[float], None]] = {"cpu": cpu, "memory": memory, "network": network}


if __name__ == "__main__":
    KINDS[sys.argv[1]](float(sys.argv[2]))
