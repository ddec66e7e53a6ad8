"""The command: `python -m bench [--only W1,W2] [--rounds 3] [--seconds 3]`."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from demo.errors import DemoError

from bench import machine, plan, programs, report, results, session
from bench.document import has_cache_setting, has_fast_path
from bench.errors import BenchError
from bench.results import Results
from bench.workloads import SERIES
from devcluster.errors import DevClusterError
from devcluster.paths import Cache

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; returns the exit code.

    A missed target is a finding and no failure; a run whose samples do not add up is one.
    """
    options = _parser().parse_args(argv)
    for number in (signal.SIGINT, signal.SIGTERM):  # the first is off in a shell's background
        signal.signal(number, _interrupt)
    try:
        return _run(options)
    except (BenchError, DemoError, DevClusterError) as error:
        print(f"The benchmark failed: {error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:
        print("Stopped; every process that the benchmark had started is gone.", file=sys.stderr)
        return EXIT_INTERRUPTED


def _run(options: argparse.Namespace) -> int:
    fast_path, cache_setting = has_fast_path(), has_cache_setting()
    available = plan.sections(fast_path=fast_path, cache_setting=cache_setting)
    sections = plan.chosen(options.only, available)
    expected = plan.estimate(sections, options.rounds, options.warm + options.seconds)
    print(
        f"{', '.join(section.name for section in sections)}: about {expected / 60:.0f} minutes, "
        f"with the machine to itself. Ratios count; microseconds are those of this machine."
    )
    cache = Cache.from_environment()
    built = programs.ensure(cache)
    asked = {name: getattr(options, name) for name in ("rounds", "seconds", "warm", "series")}
    measured = Results(machine.facts(built), asked)
    print(f"Pods run on {built.python.interpreter}.")
    if built.python.note:
        measured.notes.append(built.python.note)
    if not fast_path:
        measured.notes.append("this build has no ingest.fastPath: no rows of the front protocol")
    if not cache_setting:
        measured.notes.append("this build has no workers.maxCacheBytes: no section overflow")
    try:
        session.measure(
            sections,
            built,
            measured,
            _say,
            asked_rounds=options.rounds,
            seconds=options.seconds,
            warm=options.warm,
            series=options.series,
        )
    finally:
        if measured.runs or measured.figures:
            folder = options.results or cache.folder("bench", "results")
            path = results.write(measured, folder, datetime.now(UTC))
            print(f"\n{report.text(measured)}\n\nEvery figure: {path}")
    return EXIT_FAILED if measured.problems else 0


def _parser() -> argparse.ArgumentParser:
    names = ", ".join(section.name for section in plan.sections(fast_path=True, cache_setting=True))
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure what a sample costs, against the usual service written in Go.",
    )
    parser.add_argument("--only", default="", help=f"sections, with commas between: {names}")
    parser.add_argument("--rounds", type=int, default=3, help="each there and back: A B B A")
    parser.add_argument("--seconds", type=float, default=3.0, help="of load in each run")
    parser.add_argument("--warm", type=float, default=1.0, help="seconds before, not measured")
    parser.add_argument("--series", type=int, default=SERIES, help="of all workloads but W3")
    parser.add_argument("--results", type=Path, help="folder of the JSON file")
    return parser


def _say(text: str) -> None:
    print(text, flush=True)


def _interrupt(_: int, __: FrameType | None) -> None:
    """Let either signal unwind, so that every process of ours is stopped."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
