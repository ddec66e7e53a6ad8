"""No body takes so much memory that the pod would be killed for it, whatever it is full of.

The sender of one would do that to pod after pod: it gets no answer, so it sends the same again.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import hostile_bodies

MOST_MIB = 110
"""A pod may have 192 MiB by default, has some 45 with a few series, and the body itself takes 8.
Half of all this would be enough for what is decoded in honest bodies."""


@pytest.fixture(scope="module")
def taken() -> dict[str, float]:
    """What each body takes of memory, in MiB, each read in a process of its own."""
    folder = Path(hostile_bodies.__file__).parent
    command = [sys.executable, hostile_bodies.__file__]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", hostile_bodies.BODIES)
def test_a_body_full_of_parts_takes_bounded_memory(taken: dict[str, float], name: str) -> None:
    """The largest that a pod reads by default, of as many parts as fit."""
    assert taken[name] <= MOST_MIB
