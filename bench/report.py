"""What was measured against what was asked for, as text. Pure: results in, tables out."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench import rounds, targets, variants
from bench.records import Run
from bench.results import Results, variants_of
from bench.rounds import Measured

MET = "reached"
ENOUGH = "met"
MISSED = "NOT MET"
ABSENT = "not measured"


@dataclass(frozen=True, slots=True)
class Judged:
    """A row of the table of targets."""

    words: str
    must: str
    reach: str
    prototype: str
    measured: str
    verdict: str


def judge(results: Results) -> list[Judged]:
    """Every target, and whether it is met."""
    return [
        *(_ratio(results, r) for r in targets.RATIOS),
        *(_bound(results, b) for b in targets.BOUNDS),
    ]


def verdict(
    measured: float | None, must: float, reach: float | None, *, at_least: bool = False
) -> str:
    """Whether a figure is what it must be, and what to reach for."""
    if measured is None:
        return ABSENT
    sign = -1 if at_least else 1
    if sign * measured > sign * must:
        return MISSED
    return MET if reach is not None and sign * measured <= sign * reach else ENOUGH


def text(results: Results) -> str:
    """The whole report."""
    parts = [
        "Targets (ratios: median of the rounds, and their range)",
        _table(
            ("", "must", "reach", "prototype", "measured", ""),
            [
                (j.words, j.must, j.reach, j.prototype, j.measured, j.verdict)
                for j in judge(results)
            ],
        ),
    ]
    for section in dict.fromkeys(run.section for run in results.runs):
        parts += ["", *_section(results.runs, section)]
    if results.written:
        parts += [
            "",
            "Bytes with AOF everysec, a commit being that of one series",
            _written(results),
        ]
    if results.filled:
        parts += ["", "Memory of Redis, bytes", _filled(results)]
    if results.kernels is not None:
        parts += ["", "Kernels", _kernels(results.kernels)]
    if results.notes:
        parts += ["", *(f"Note: {note}" for note in results.notes)]
    if results.problems:
        parts += ["", "RUNS THAT DO NOT COUNT:", *(f"  {problem}" for problem in results.problems)]
    return "\n".join(parts)


def _ratio(results: Results, row: targets.Ratio) -> Judged:
    found = rounds.ratio(
        results.runs, row.section, row.variant.name, row.against.name, row.quantity
    )
    return Judged(
        row.words,
        f"{row.must:g}",
        f"{row.reach:g}",
        row.prototype,
        _range(found, 3),
        verdict(None if found is None else found.median, row.must, row.reach),
    )


def _bound(results: Results, row: targets.Bound) -> Judged:
    found = results.figures.get(row.figure)
    sign = ">=" if row.at_least else "<="
    return Judged(
        row.words,
        f"{sign} {row.must:g} {row.unit}",
        "" if row.reach is None else f"{row.reach:g}",
        "",
        "" if found is None else f"{found:.4g} {row.unit}",
        verdict(found, row.must, row.reach, at_least=row.at_least),
    )


_SECTION_HEAD = (
    "",
    "pod us",
    "Redis us",
    "total us",
    "x",
    "samples/s",
    "x",
    "p99 ms",
    "conflicts/1000",
    "pod MiB",
)


def _section(runs: Sequence[Run], section: str) -> list[str]:
    names = variants_of(runs, section)
    base = variants.GO.name if variants.GO.name in names else names[0]
    rows = [_variant(runs, section, name, base) for name in names]
    return [f"{section}: CPU a sample; x: times {base}", _table(_SECTION_HEAD, rows)]


def _variant(runs: Sequence[Run], section: str, name: str, base: str) -> Sequence[str]:
    """A variant's row in the table of its section."""

    def over(quantity: targets.Quantity, digits: int) -> str:
        return _range(
            rounds.over_rounds(runs, section, name, lambda some: rounds.value(some, quantity)),
            digits,
        )

    def times_base(quantity: targets.Quantity) -> str:
        found = rounds.ratio(runs, section, name, base, quantity)
        return "" if found is None or name == base else f"{found.median:.3g}"

    sound = [r for r in runs if (r.section, r.variant) == (section, name) and not r.problems]
    conflicts = [1000 * run.conflicts / run.samples for run in sound]
    largest = [max(run.pod_rss_bytes) / 2**20 for run in sound]
    return (
        name,
        over("pod_us", 2),
        over("redis_us", 2),
        over("total_us", 2),
        times_base("total_us"),
        over("throughput", 0),
        times_base("throughput"),
        over("p99_ms", 1),
        f"{statistics.median(conflicts):.0f}" if conflicts else "",
        f"{max(largest):.0f}" if largest else "",
    )


def _written(results: Results) -> str:
    head = ("", "AOF/commit", "AOF/sample", "in/commit", "Redis us", "series a group")
    return _table(
        head,
        [
            (
                f"{one.workload}, {one.method}",
                f"{one.aof_bytes_per_commit:.0f}",
                f"{one.aof_bytes / one.samples:.0f}",
                f"{one.wire_in_bytes / one.commits:.0f}",
                f"{one.redis_us:.2f}",
                f"{one.commits / one.groups:.0f}",
            )
            for one in results.written
        ],
    )


def _filled(results: Results) -> str:
    return _table(
        ("", "a series", "its key alone", "outbox", "alerts"),
        [
            (
                state,
                f"{one.series_bytes:.0f}",
                f"{one.key_bytes}",
                f"{one.outbox_bytes}",
                f"{one.alert_bytes}",
            )
            for state, one in results.filled.items()
        ],
    )


def _kernels(measured: Mapping[str, object]) -> str:
    rows = measured.get("rows")
    if not isinstance(rows, Sequence) or not rows:
        return str(dict(measured))
    head = list(rows[0])
    return _table(head, [[_cell(row[name]) for name in head] for row in rows])


def _cell(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _range(measured: Measured | None, digits: int) -> str:
    """The median, and the rounds' range if there are several."""
    if measured is None:
        return ""
    shown = f"{measured.median:.{digits}f}"
    if len(measured.rounds) == 1:
        return shown
    low, high = min(measured.rounds), max(measured.rounds)
    return f"{shown} ({low:.{digits}f}-{high:.{digits}f})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
