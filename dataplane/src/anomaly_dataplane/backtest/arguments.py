"""The arguments of the command. Every pod imports this, so it imports nothing itself."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to `anomaly-dataplane`."""
    parser = commands.add_parser(
        "backtest",
        help="what a pipeline would have said of a file of samples",
        description="Run a CSV file through the code that the pods run, in memory, and tell what "
        "it finds. Columns: timestamp,value; or timestamp,metric,value and labels; or timestamp "
        "and a column for each metric. Times without a zone are UTC.",
    )
    parser.add_argument("data", type=Path, metavar="DATA.csv")
    parser.add_argument(
        "--config", type=Path, metavar="CR.yaml", required=True, help="the AnomalyPipeline"
    )
    parser.add_argument(
        "--compare", type=Path, metavar="CR.yaml", help="another one, to tell the difference"
    )
    parser.add_argument(
        "--plot", type=Path, metavar="FILE.html", help="write the series and what was found"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    # Here, since pods never get to it: YAML alone would cost each of them a megabyte.
    from anomaly_dataplane.backtest.command import main

    return main(options)
