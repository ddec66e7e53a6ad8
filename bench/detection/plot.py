"""A series with its labelled windows and what was detected, as a small SVG."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from bench.detection.nab import Labelled, probation

WIDTH, HEIGHT, TITLE = 720, 150, 22
_COLUMNS = 360
"""The curve is drawn as the least and the greatest value of so many stretches."""


def svg(file: Labelled, detections: Sequence[int]) -> str:
    """The picture."""
    rows = len(file.values)
    low, high = min(file.values), max(file.values)

    def x(row: float) -> float:
        return WIDTH * row / max(rows - 1, 1)

    def y(value: float) -> float:
        return TITLE + (HEIGHT - TITLE - 4) * (1.0 - (value - low) / ((high - low) or 1.0))

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<rect x="0" y="{TITLE}" width="{x(probation(rows)):.1f}" height="{HEIGHT - TITLE}" '
        'fill="#f2f2f2"/>',
    ]
    parts += [
        f'<rect x="{x(a):.1f}" y="{TITLE}" width="{max(x(b) - x(a), 1.0):.1f}" '
        f'height="{HEIGHT - TITLE}" fill="#cfe8cf"/>'
        for a, b in file.windows
    ]
    size = max(1, rows // _COLUMNS)
    points = []
    for first in range(0, rows, size):
        part = file.values[first : first + size]
        points += [f"{x(first):.1f},{y(min(part)):.1f}", f"{x(first):.1f},{y(max(part)):.1f}"]
    curve = " ".join(points)
    parts.append(f'<polyline points="{curve}" fill="none" stroke="#446" stroke-width=".7"/>')
    for at in detections:
        hit = any(a <= at <= b for a, b in file.windows)
        color = "#0a7d32" if hit else "#999" if at < probation(rows) else "#d02020"
        parts.append(
            f'<line x1="{x(at):.1f}" x2="{x(at):.1f}" y1="{TITLE}" y2="{HEIGHT}" '
            f'stroke="{color}" stroke-width="1.2"/>'
        )
    parts.append(f'<text x="4" y="15">{escape(file.name)}</text></svg>')
    return "\n".join(parts) + "\n"
