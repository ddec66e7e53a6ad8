"""The arguments of the command. Every pod imports this, so it imports nothing itself."""

from __future__ import annotations

import argparse


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to `anomaly-dataplane`."""
    parser = commands.add_parser(
        "purge",
        help="remove all that a pipeline has in Redis",
        description="Remove every key of the pipeline of the config document: windows, names, "
        "counters, anomalies, alerts. Its pods must be gone, or they would write on. Credentials "
        "are those of `run`, by the same variables.",
    )
    parser.add_argument("--config", metavar="PATH", help="the config document")
    parser.add_argument("--redis", metavar="HOST:PORT,...", help="servers instead of its own")
    parser.add_argument("--dry-run", action="store_true", help="count the keys and leave them")
    parser.add_argument(
        "--patience", type=float, default=60.0, metavar="SECONDS", help="for a Redis that is away"
    )
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    # Here, since pods never get to it.
    from anomaly_dataplane.purge.command import main

    return main(options)
