"""Figures and moments as the status shows them: rounded, so that they seldom change. Pure."""

from __future__ import annotations

from datetime import datetime


def rounded(per_second: float) -> str:
    """A rate in two significant digits: 0.53, 12, 1.2k, 46k."""
    if per_second < 0.01:
        return "0"
    value = float(f"{per_second:.2g}")
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if value >= size:
            return (
                f"{value / size:.2g}{unit}" if value < 100 * size else f"{value / size:.0f}{unit}"
            )
    return f"{value:g}"


def timestamp(moment: datetime) -> str:
    """A moment as the API writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
