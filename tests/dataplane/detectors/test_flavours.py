"""Compiled and interpreted kernels are one program: byte for byte the same states and results.

Pods of both flavours may share a pipeline, and each must be able to go on where the other stopped.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from anomaly_dataplane.compiled import CYTHON, PYTHON
from anomaly_dataplane.contract.runtime import ENV_KERNELS
from anomaly_dataplane.detectors.method import METHODS

REPLAY = Path(__file__).parents[2] / "support" / "replay.py"


def replayed(flavour: str, *arguments: str) -> list[bytes]:
    """What a process of its own makes of the same samples, as lines."""
    return subprocess.run(
        [sys.executable, str(REPLAY), *arguments],
        env={**os.environ, ENV_KERNELS: flavour},
        stdout=subprocess.PIPE,
        check=True,
    ).stdout.splitlines()


@pytest.mark.parametrize("method", list(METHODS))
@pytest.mark.parametrize("seed", ["1", "2"])
def test_blocks_verdicts_and_changes_are_byte_for_byte_the_same(method: str, seed: str) -> None:
    """Seasons, shifts, spikes, flat stretches, extremes, repeats and late samples."""
    interpreted = replayed(PYTHON, method, seed)
    compiled = replayed(CYTHON, method, seed)

    assert interpreted[0] == b"python"
    assert compiled[0] == b"cython"
    assert len(interpreted) > 100
    assert compiled[1:] == interpreted[1:]
