"""The outcome of a backtest as text and as JSON. Pure; `command.py` prints it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from anomaly_dataplane.backtest.difference import Difference
from anomaly_dataplane.backtest.replay import Outcome
from anomaly_dataplane.backtest.table import BadRow
from anomaly_dataplane.ingest.timestamps import rfc3339
from anomaly_dataplane.sample import Anomaly, Code
from anomaly_dataplane.series import series_name

MOST_LISTED = 50
"""Anomalies in a text; all of them are in the JSON."""


def text(outcome: Outcome) -> str:
    """What one config says of the file."""
    detection = outcome.config.detection
    accepted = sum(outcome.codes[code] for code in (Code.OK, Code.WARMING, Code.OUTLIER))
    scored = accepted - outcome.codes[Code.WARMING]
    share = 100 * len(outcome.outliers) / scored if scored else 0.0
    lines = [
        f"{outcome.name}: {detection.method}, window {detection.window}, "
        f"outliers beyond {detection.threshold:g} sigma",
        f"  samples    {accepted:,} of {outcome.series:,} series over {outcome.days:.1f} days"
        f"{_refused(outcome)}",
        f"  outliers   {len(outcome.outliers):,}, {share:.2f} % of the samples scored",
        f"  anomalies  {len(outcome.anomalies):,}, "
        f"{outcome.anomalies_a_series_and_day:.2f} a series and day",
        *_table([event for _, event in outcome.anomalies]),
    ]
    return "\n".join(lines)


def difference_text(first: Outcome, second: Outcome, found: Difference) -> str:
    """Which anomalies only one of two configs raises."""
    lines = [
        f"{first.name} against {second.name}: {len(found.both)} anomalies in both, "
        f"{len(found.only_first)} only in the first, {len(found.only_second)} only in the second"
    ]
    for words, events in (
        (f"only {first.name}", found.only_first),
        (f"only {second.name}", found.only_second),
    ):
        if events:
            lines += [f"  {words}:", *_table(events)]
    return "\n".join(lines)


def bad_rows_text(bad: Sequence[BadRow]) -> str:
    """The lines of a file that could not be used."""
    listed = [f"  line {row.line}: {row.reason}" for row in bad[:10]]
    more = [f"  and {len(bad) - 10:,} more"] if len(bad) > 10 else []
    return "\n".join([f"samples of the file that cannot be used: {len(bad):,}", *listed, *more])


def as_json(outcomes: Sequence[Outcome], found: Difference | None) -> dict[str, object]:
    """Everything, for programs."""
    document: dict[str, object] = {"runs": [_run(outcome) for outcome in outcomes]}
    if found is not None:
        document["difference"] = {
            "both": [event.id for event, _ in found.both],
            "onlyFirst": [event.id for event in found.only_first],
            "onlySecond": [event.id for event in found.only_second],
        }
    return document


def _run(outcome: Outcome) -> dict[str, object]:
    return {
        "name": outcome.name,
        "series": outcome.series,
        "days": outcome.days,
        "samples": {code.name.lower(): outcome.codes[code] for code in Code},
        "anomaliesPerSeriesAndDay": outcome.anomalies_a_series_and_day,
        "anomalies": [
            {**dataclasses.asdict(event), "time": rfc3339(event.time)}
            for _, event in outcome.anomalies
        ],
    }


def _refused(outcome: Outcome) -> str:
    parts = [
        f"{outcome.codes[code]:,} {code.name.lower()}"
        for code in (Code.DUPLICATE, Code.LATE)
        if outcome.codes[code]
    ]
    return f"; left out: {', '.join(parts)}" if parts else ""


def _table(events: Sequence[Anomaly]) -> Iterator[str]:
    """Aligned lines, one an anomaly, beneath a heading."""
    if not events:
        return
    rows = [("time", "series", "value", "expected", "score", "why")]
    for event in events[:MOST_LISTED]:
        low, high = event.expected
        rows.append(
            (
                rfc3339(event.time),
                series_name(event.metric, event.labels),
                f"{event.value:.6g}",
                f"{low:.6g} to {high:.6g}",
                f"{event.score:.1f}",
                event.family,
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"    {line}".rstrip()
    if len(events) > MOST_LISTED:
        yield f"    and {len(events) - MOST_LISTED:,} more; --json has all of them"
