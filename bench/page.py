"""`python -m bench.page RESULTS.json`: put what was measured into docs/benchmarks.md and scale.md.

The words of both pages are written by hand; the blocks that a program printed are printed anew.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import capacity, report
from bench.errors import BenchError
from bench.results import Results, from_json

DOCS = Path(__file__).parent.parent / "docs"

_RESULTS = re.compile(r"(<!-- results -->\n```text\n).*?(^```$)", re.DOTALL | re.MULTILINE)
_CAPACITY = re.compile(
    r"(```console\n\$ python -m bench\.capacity ([^\n]*)\n).*?(^```$)", re.DOTALL | re.MULTILINE
)


def with_results(page: str, results: Results) -> str:
    """The page of results with this report instead of the one it has."""
    block = f"{machine(results)}\n\n{report.text(results)}\n"
    return _RESULTS.sub(lambda found: found[1] + block + found[2], page)


def with_answers(page: str) -> str:
    """A page with what `bench.capacity` answers now, for each of its calls that the page shows."""
    return _CAPACITY.sub(lambda found: found[1] + _answer(found[2]) + found[3], page)


def machine(results: Results) -> str:
    """Where and with what, in four lines."""
    facts = results.machine
    options = results.options
    return (
        f"{str(facts['measured_at'])[:10]}, commit {facts['commit']}: {facts['cores']} cores of "
        f"{facts['cpu']},\nRedis {facts['redis']}, {facts['go']},\n"
        f"pods on {facts.get('pod_python', facts['python'])};\n"
        f"rounds: {options['rounds']}, {options['seconds']:g} s a run, {options['series']} series; "
        f"load average before it began: {facts['load_before']:.1f}"
    )


def _answer(arguments: str) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        capacity.main(shlex.split(arguments))
    return printed.getvalue()


def main(argv: Sequence[str] | None = None) -> int:
    """Rewrite both pages in place."""
    parser = argparse.ArgumentParser(prog="python -m bench.page", description=__doc__)
    parser.add_argument("results", type=Path, help="the JSON file that the benchmark wrote")
    options = parser.parse_args(argv)
    try:
        results = from_json(options.results.read_text(encoding="utf-8"))
    except (BenchError, OSError) as error:
        print(f"no page: {error}", file=sys.stderr)
        return 1
    _rewrite(DOCS / "benchmarks.md", lambda page: with_results(page, results))
    _rewrite(DOCS / "scale.md", with_answers)
    return 0


def _rewrite(path: Path, change: Callable[[str], str]) -> None:
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"written: {path}")


if __name__ == "__main__":
    sys.exit(main())
