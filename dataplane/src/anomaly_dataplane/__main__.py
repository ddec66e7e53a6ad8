"""The command `anomaly-dataplane`: `run` serves until SIGTERM, `backtest` tries out a config,
`purge` removes what a pipeline has in Redis.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence

from anomaly_dataplane.backtest import arguments as backtest
from anomaly_dataplane.contract.runtime import RELEASE
from anomaly_dataplane.purge import arguments as purge
from anomaly_dataplane.settings import Settings


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = _parser().parse_args(argv)
    code: int = options.command(options)
    return code


def _run(options: argparse.Namespace) -> int:
    # Here, since the other commands do not need it.
    from anomaly_dataplane.run import main

    return main(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="anomaly-dataplane", description="The data plane of an AnomalyPipeline."
    )
    parser.add_argument("--version", action="version", version=RELEASE)
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
    run.set_defaults(command=_run)
    for field in dataclasses.fields(Settings):
        if flag := field.metadata["flag"]:
            # Checked by read_settings, together with the environment, so that all errors show.
            metavar = field.metadata["unit"].upper() or None
            run.add_argument(flag, dest=field.name, metavar=metavar, help=field.metadata["help"])
    return parser


def _environment() -> str:
    fields = [field.metadata for field in dataclasses.fields(Settings)]
    width = max(len(field["env"]) for field in fields)
    return "\n".join(f"  {field['env']:<{width}}  {field['help']}" for field in fields)


if __name__ == "__main__":
    sys.exit(main())
