"""A pod's process: its event loop and its garbage collector. `run.py` calls it."""

from __future__ import annotations

import asyncio
import gc

import uvloop

from anomaly_dataplane.app import build
from anomaly_dataplane.contract.config import PipelineConfig
from anomaly_dataplane.serve import Listening, serve, stop_on_signals
from anomaly_dataplane.settings import Settings

GC_THRESHOLDS = (20_000, 20, 50)
"""Batches are freed by reference counts; cycles are few, so they are looked for seldom."""


def run(settings: Settings, config: PipelineConfig) -> None:
    """Serve until a signal says to stop.

    Raises:
        OSError: a port cannot be listened on.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(settings, config))


async def _run(settings: Settings, config: PipelineConfig) -> None:
    stop = asyncio.Event()
    stop_on_signals(stop)
    await serve(build(settings, config), stop, _settle)


def _settle(_: Listening) -> None:
    """Take what start-up made out of the garbage collector's sight: it stays."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
