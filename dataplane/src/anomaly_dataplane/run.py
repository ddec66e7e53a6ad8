"""The command `run`: read settings and config, then serve until SIGTERM. `__main__.py` calls it."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from pathlib import Path

from anomaly_dataplane import openssl
from anomaly_dataplane.contract.config import PipelineConfig, parse_json
from anomaly_dataplane.contract.fields import FieldError, InvalidConfig
from anomaly_dataplane.deferred import slim
from anomaly_dataplane.logs import configure_logging
from anomaly_dataplane.settings import InvalidSettings, Settings, read_settings

EXIT_INVALID = 2


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
    if not openssl.is_needed(config):
        openssl.leave_out()
    slim()
    # Behind these two, which decide what of other packages is imported with it.
    from anomaly_dataplane.process import run

    try:
        run(settings, config)
    except OSError as error:
        print(f"error: cannot listen: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _read_config(settings: Settings) -> PipelineConfig:
    try:
        text = Path(settings.config).read_bytes()
    except OSError as error:
        raise InvalidConfig(
            [FieldError(settings.config, f"cannot be read: {error.strerror}")]
        ) from None
    config = parse_json(text, settings.config)
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
