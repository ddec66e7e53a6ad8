"""Runs `anomaly-dataplane purge`: config and credentials as `run` reads them, then `store.purge`.

Exit codes: 0 nothing is left, 1 Redis did not let us, 2 config or settings cannot be used. The last
line is also the termination message by which the operator learns what came of it.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import os
import sys
import time
from pathlib import Path

from anomaly_dataplane.contract import runtime
from anomaly_dataplane.contract.config import PipelineConfig, parse_json
from anomaly_dataplane.contract.fields import FieldError, InvalidConfig
from anomaly_dataplane.settings import InvalidSettings, Settings, read_settings
from anomaly_dataplane.store import redis_errors as exceptions
from anomaly_dataplane.store.connect import purge
from anomaly_dataplane.store.faults import fault_of
from anomaly_dataplane.store.purge import Purged


def main(options: argparse.Namespace) -> int:
    """Purge; returns the exit code."""
    try:
        settings = read_settings(os.environ, {"config": options.config, "redis": options.redis})
        config = _config(settings)
    except (InvalidSettings, InvalidConfig) as invalid:
        for error in invalid.errors:
            _say(f"error: {error}", failed=True)
        return 2
    try:
        purged = asyncio.run(_purge(settings, config, options))
    except exceptions.RedisError as error:
        advice = fault_of(error).advice
        _say(f"error: Redis: {error}{f' ({advice})' if advice else ''}", failed=True)
        return 1
    for kind, count in sorted(purged.keys.items()):
        _say(f"{count:>9} {kind}")
    done = "would be removed" if options.dry_run else "removed"
    servers = ", ".join(sorted(f"{host}:{port}" for host, port in purged.servers))
    _say(f"{purged.total} keys of pipeline {config.pipeline.uid} {done} from {servers}")
    return 0


async def _purge(settings: Settings, config: PipelineConfig, options: argparse.Namespace) -> Purged:
    work = purge(
        config,
        username=settings.redis_username or None,
        password=settings.redis_password or None,
        secret_dir=Path(settings.redis_secret_dir) if settings.redis_secret_dir else None,
        seconds=options.patience,
        clock=time.monotonic,
    )
    return await work.run(dry_run=options.dry_run)


def _config(settings: Settings) -> PipelineConfig:
    """From the variable that the operator's Job has, else from the file that pods have."""
    text = os.environ.get(runtime.PURGE_CONFIG_VARIABLE, "").encode()
    if not text:
        try:
            text = Path(settings.config).read_bytes()
        except OSError as error:
            problem = FieldError(settings.config, f"cannot be read: {error.strerror}")
            raise InvalidConfig([problem]) from None
    config = parse_json(text)
    urls = settings.redis or config.redis.urls
    if not urls:
        raise InvalidConfig([FieldError("redis.urls", "must name a server, or --redis must")])
    return dataclasses.replace(config, redis=dataclasses.replace(config.redis, urls=urls))


def _say(line: str, *, failed: bool = False) -> None:
    print(line, file=sys.stderr if failed else sys.stdout, flush=True)  # a command
