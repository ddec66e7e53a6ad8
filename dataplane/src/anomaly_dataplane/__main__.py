"""The command `anomaly-dataplane`: `run` serves until SIGTERM, `backtest` tries out a config,
`purge` removes what a pipeline has in Redis.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from anomaly_dataplane.app import build
from anomaly_dataplane.backtest import arguments as backtest
from anomaly_dataplane.contract.config import PipelineConfig, parse_json
from anomaly_dataplane.contract.fields import FieldError, InvalidConfig
from anomaly_dataplane.logs import configure_logging
from anomaly_dataplane.purge import arguments as purge
from anomaly_dataplane.serve import Listening, serve, stop_on_signals
from anomaly_dataplane.settings import InvalidSettings, Settings, read_settings

EXIT_INVALID = 2

GC_THRESHOLDS = (20_000, 20, 50)
"""Batches are freed by reference counts; cycles are few, so they are looked for seldom."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = _parser().parse_args(argv)
    code: int = options.command(options)
    return code


def _serve(options: argparse.Namespace) -> int:
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="anomaly-dataplane", description="The data plane of an AnomalyPipeline."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    backtest.add_parser(commands)
    purge.add_parser(commands)
    run = commands.add_parser(
        "run",
        help="serve until SIGTERM",
        description="Serve until SIGTERM. Flags win over environment variables, which are:",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_environment(),
    )
    run.set_defaults(command=_serve)
    for field in dataclasses.fields(Settings):
        if flag := field.metadata["flag"]:
            # Checked by read_settings, together with the environment, so that all errors show.
            metavar = field.metadata["unit"].upper() or None
            run.add_argument(flag, dest=field.name, metavar=metavar, help=field.metadata["help"])
    return parser


def _environment() -> str:
    fields = [field.metadata for field in dataclasses.fields(Settings)]
    return "\n".join(f"  {field['env']:<26} {field['help']}" for field in fields)


if __name__ == "__main__":
    sys.exit(main())
