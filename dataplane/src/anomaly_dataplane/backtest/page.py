"""The plot of a backtest: one HTML file that needs nothing else. Pure; `command.py` writes it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from anomaly_dataplane.backtest.curve import thinned
from anomaly_dataplane.backtest.difference import Difference
from anomaly_dataplane.backtest.replay import Outcome
from anomaly_dataplane.backtest.report import difference_text, text
from anomaly_dataplane.backtest.table import Samples
from anomaly_dataplane.ingest.timestamps import rfc3339
from anomaly_dataplane.sample import Anomaly

MOST_PLOTS = 20
"""Series on a page: those with most anomalies first."""

_WIDTH, _HEIGHT, _PAD = 1000, 180, 12
_BUCKETS = 700

_STYLE = """
:root { color-scheme: light dark; --line: #4477aa; --first: #cc3311; --second: #009988; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
pre { overflow-x: auto; padding: .8rem; background: color-mix(in srgb, CanvasText 6%, Canvas); }
figure { margin: 2rem 0; }
figcaption { font-weight: 600; overflow-wrap: anywhere; }
svg { width: 100%; height: auto; background: color-mix(in srgb, CanvasText 3%, Canvas); }
path { fill: none; stroke: var(--line); stroke-width: 1.2; }
.first { fill: var(--first); } .second { fill: var(--second); }
svg text { font-size: 11px; fill: CanvasText; opacity: .7; }
"""


def page(samples: Samples, outcomes: Sequence[Outcome], found: Difference | None) -> str:
    """The page for one outcome, or for two and their difference."""
    name = " against ".join(outcome.name for outcome in outcomes)
    reports = [text(outcome) for outcome in outcomes]
    if found is not None:
        reports.append(difference_text(outcomes[0], outcomes[1], found))
    marks = [
        f'<span class="{kind}" style="color: var(--{kind})">&#9679;</span> {escape(outcome.name)}'
        for kind, outcome in zip(("first", "second"), outcomes, strict=False)
    ]
    body = [
        f"<h1>Backtest of {escape(name)}</h1>",
        f"<p>Anomalies: {' '.join(marks)}</p>",
        *_figures(samples, outcomes),
        *(f"<pre>{escape(report)}</pre>" for report in reports),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Backtest of {escape(name)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _figures(samples: Samples, outcomes: Sequence[Outcome]) -> list[str]:
    raised = [[event for _, event in outcome.anomalies] for outcome in outcomes]
    positions: dict[str, list[int]] = {}
    for i, series in enumerate(samples.series):
        positions.setdefault(series.id, []).append(i)
    counts = dict.fromkeys(positions, 0)
    for outcome in outcomes:
        for position, _ in outcome.anomalies:
            counts[samples.series[position].id] += 1
    chosen = sorted(counts, key=lambda key: -counts[key])[:MOST_PLOTS]
    figures = [_figure(samples, positions[key], raised) for key in chosen]
    if len(positions) > MOST_PLOTS:
        figures.append(f"<p>{len(positions) - MOST_PLOTS:,} more series are not drawn.</p>")
    return figures


def _figure(samples: Samples, at: Sequence[int], raised: Sequence[Sequence[Anomaly]]) -> str:
    times = [samples.times[i] for i in at]
    values = [samples.values[i] for i in at]
    series = samples.series[at[0]]
    low, high = min(values), max(values)
    span, height = max(times[-1] - times[0], 1.0), (high - low) or 1.0

    def place(time: float, value: float) -> tuple[float, float]:
        x = _PAD + (time - times[0]) / span * (_WIDTH - 2 * _PAD)
        return x, _HEIGHT - _PAD - (value - low) / height * (_HEIGHT - 2 * _PAD)

    line = " ".join(
        f"{x:.1f},{y:.1f}" for x, y in (place(*p) for p in thinned(times, values, _BUCKETS))
    )
    dots = []
    for kind, radius, events in zip(("first", "second"), (5, 3), raised, strict=False):
        for event in events:
            if (event.metric, event.labels) == (series.metric, series.labels):
                x, y = place(event.time, event.value)
                words = f"{rfc3339(event.time)}: {event.value:g}, {event.family} {event.score:.1f}"
                dots.append(
                    f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}">'
                    f"<title>{escape(words)}</title></circle>"
                )
    name = escape(series.name)
    return (
        f"<figure><figcaption>{name}</figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{name}: {len(dots)} anomalies">'
        f'<path d="M{line}"/>{"".join(dots)}'
        f'<text x="{_PAD}" y="{_PAD}">{high:g}</text>'
        f'<text x="{_PAD}" y="{_HEIGHT - 2}">{low:g}, {rfc3339(times[0])}</text>'
        f'<text x="{_WIDTH - _PAD}" y="{_HEIGHT - 2}" text-anchor="end">{rfc3339(times[-1])}</text>'
        "</svg></figure>"
    )
