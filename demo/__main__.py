"""The command: `python -m demo [--cluster local|kind|current] [--quick] [--keep]`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import FrameType

from demo import session
from demo.console import Console
from demo.errors import DemoError
from demo.plan import FULL, QUICK
from demo.target import Target, cluster, local

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo; returns the exit code."""
    options = _parser().parse_args(argv)
    console = Console()
    for number in (signal.SIGINT, signal.SIGTERM):  # shells have background jobs ignore SIGINT
        signal.signal(number, _interrupt)
    try:
        with _target(options, console) as target:
            session.run(target, QUICK if options.quick else FULL, console, keep=options.keep)
            target.farewell(console)
    except DemoError as error:
        console.failure(str(error))
        return EXIT_FAILED
    except KeyboardInterrupt:
        console.note("Stopped; everything that the demo had started is gone.")
        return 0 if options.keep else EXIT_INTERRUPTED
    return 0


def _target(options: argparse.Namespace, console: Console) -> AbstractContextManager[Target]:
    if options.cluster:
        return cluster.pipeline(options.cluster, console)
    return local.pipeline(options.port, os.environ.get("REDIS_URL", ""), console)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m demo",
        description="Replay real data through an AnomalyPipeline and show what it finds.",
        epilog="REDIS_URL=host:port makes the local pipeline keep its state in that Redis.",
    )
    parser.add_argument(
        "--cluster",
        choices=("auto", "local", "kind", "current"),
        help="run on Kubernetes, through operator, ingress and Redis, instead of in one process",
    )
    parser.add_argument("--quick", action="store_true", help="a shorter live part")
    parser.add_argument("--keep", action="store_true", help="go on with live readings until Ctrl-C")
    parser.add_argument(
        "--port", type=int, default=0, help="of the local pipeline; any free one by default"
    )
    return parser


def _interrupt(_: int, __: FrameType | None) -> None:
    """Unwind as Ctrl-C does, so that every process of ours is stopped."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
