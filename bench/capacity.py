"""`python -m bench.capacity --series 100000 --interval 10s`: what it takes to carry that.

Coefficients come from `coefficients.json`, measured on one machine; others are faster or slower, by
about the same factor for pods and Redis. `python -m bench.fit` makes them anew.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from anomaly_dataplane.contract.fields import Duration, FieldError
from bench import model, sizing
from bench.model import Model
from bench.sizing import Answer, Question


def text(question: Question, found: Answer, method: str, known: Model) -> str:
    """An answer as people read it."""
    coefficients = known.methods[method]
    sent = f"{question.request} samples a request" if question.request > 1 else "one a request"
    pods = "any pod" if not question.affinity else "always the same pod"
    lines = [
        f"{question.series:,} series, a sample every {question.interval_seconds:g} s: "
        f"{found.rate:,.0f} samples/s, {sent}, to {pods}; {method}, window {question.window}",
        "",
        f"pods            {found.pods} ({found.pod_cores:.2f} cores busy, "
        f"{question.utilisation:.0%} of a core planned for each), "
        f"{found.pod_bytes / 2**20:.0f} MiB each",
        f"Redis           {_primaries(found)}, {found.redis_cores:.2f} cores busy, "
        f"{_bytes(found.redis_bytes)} of memory",
        f"a sample costs  {found.pod_us:.1f} us in pods + {found.redis_us:.1f} us in Redis, "
        f"in groups of {found.group:.0f}",
        f"AOF             {_bytes(found.aof_bytes_per_day)} a day before rewriting",
        f"network         {_bits(found.http_bytes)} from clients, {_bits(found.wire_bytes)} to "
        f"Redis, {_bits(found.read_bytes)} of blocks back",
    ]
    notes = list(sizing.warnings(question, found, coefficients))
    if notes:
        lines += ["", *(f"- {note}" for note in notes)]
    lines += ["", f"By figures of {_origin(known)}."]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Answer one question."""
    options = _parser().parse_args(argv)
    known = model.load(options.coefficients)
    question = Question(
        series=options.series,
        interval_seconds=options.interval,
        request=options.samples_per_request,
        per_series=options.samples_per_series,
        affinity=options.affinity,
        fast_path=options.fast_path,
        window=options.window,
        partitions=options.partitions,
        utilisation=options.utilisation,
        primary_bytes=int(options.primary_memory_gb * 1e9),
        cache_bytes=int(options.cache_mib * 2**20),
        least_pods=options.pods,
    )
    found = sizing.answer(question, known.methods[options.method])
    print(text(question, found, options.method, known))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.capacity", description=__doc__)
    parser.add_argument("--series", type=_positive, required=True)
    parser.add_argument("--interval", type=_seconds, required=True, help="of a series, such as 10s")
    parser.add_argument("--method", choices=("Fused", "ZScore"), default="Fused")
    parser.add_argument("--samples-per-request", type=_positive, default=1, metavar="N")
    parser.add_argument(
        "--samples-per-series",
        type=_positive,
        default=1,
        metavar="N",
        help="samples of one series in a request, for senders that collect",
    )
    parser.add_argument("--affinity", action="store_true", help="a client meets one pod only")
    parser.add_argument(
        "--fast-path",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="with ingest.fastPath, as is the default",
    )
    parser.add_argument("--pods", type=_positive, default=1, help="at least so many")
    parser.add_argument("--window", type=_positive, default=120)
    parser.add_argument("--partitions", type=_positive, default=model.PARTITIONS)
    parser.add_argument("--utilisation", type=float, default=0.5, help="of a core, 0 to 1")
    parser.add_argument("--primary-memory-gb", type=float, default=16.0, metavar="GB")
    parser.add_argument("--cache-mib", type=float, default=sizing.CACHE_BYTES / 2**20)
    parser.add_argument("--coefficients", type=Path, default=model.COEFFICIENTS)
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


def _seconds(text: str) -> float:
    """A duration as the resource has it: 500ms, 10s, 1m."""
    try:
        return float(Duration(0.001, 86_400 * 30).read(text, ""))
    except FieldError as error:
        raise argparse.ArgumentTypeError(error.problem) from None


def _primaries(found: Answer) -> str:
    return "1 server" if found.primaries == 1 else f"a Cluster of {found.primaries} primaries"


def _bytes(size: float) -> str:
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if size >= scale:
            return f"{size / scale:.3g} {unit}"
    return f"{size / 1e3:.3g} kB"


def _bits(bytes_per_second: float) -> str:
    bits = bytes_per_second * 8
    if bits >= 1e9:
        return f"{bits / 1e9:.1f} Gbit/s"
    return f"{bits / 1e6:.0f} Mbit/s" if bits >= 1e7 else f"{bits / 1e6:.2g} Mbit/s"


def _origin(known: Model) -> str:
    machine = known.machine
    return (
        f"{str(machine['measured_at'])[:10]}, {machine['cores']} cores of {machine['cpu']}, "
        f"Redis {machine['redis']}, Python {machine['python']}, commit {machine['commit']}"
    )


if __name__ == "__main__":
    sys.exit(main())
