"""The command `run`: read settings and config, then serve until SIGTERM. `__main__.py` calls it."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import gc
import os
import sys
from pathlib import Path

import uvloop

from anomaly_dataplane.app import build
from anomaly_dataplane.contract.config import PipelineConfig, parse_json
from anomaly_dataplane.contract.fields import FieldError, InvalidConfig
from anomaly_dataplane.logs import configure_logging
from anomaly_dataplane.serve import Listening, serve, stop_on_signals
from anomaly_dataplane.settings import InvalidSettings, Settings, read_settings

EXIT_INVALID = 2

GC_THRESHOLDS = (20_000, 20, 50)
"""Batches are freed by reference counts; cycles are few, so they are looked for seldom."""


def main(options: argparse.Namespace) -> int:
    """Serve; returns the exit code."""
    try:
        settings = read_settings(os.environ, vars(options))
        config = _read_config(settings)
    except (InvalidSettings, InvalidConfig) as invalid:
        for error in invalid.errors:
            print(f"error: {error}", file=sys.stderr)  # noqa: T201  # before logging is set up
        return EXIT_INVALID
    configure_logging(settings.log_format, settings.log_level)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(settings, config))
    except OSError as error:
        print(f"error: cannot listen: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


async def _run(settings: Settings, config: PipelineConfig) -> None:
    stop = asyncio.Event()
    stop_on_signals(stop)
    await serve(build(settings, config), stop, _settle)


def _settle(_: Listening) -> None:
    """Take what start-up made out of the garbage collector's sight: it stays."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def _read_config(settings: Settings) -> PipelineConfig:
    try:
        text = Path(settings.config).read_bytes()
    except OSError as error:
        raise InvalidConfig(
            [FieldError(settings.config, f"cannot be read: {error.strerror}")]
        ) from None
    config = parse_json(text)
    if settings.redis:
        config = dataclasses.replace(
            config, redis=dataclasses.replace(config.redis, urls=settings.redis)
        )
    if settings.store == "redis" and not config.redis.urls:
        raise InvalidConfig(
            [
                FieldError(
                    "redis.urls", "must name a server, unless --store memory or --redis is given"
                )
            ]
        )
    return config
