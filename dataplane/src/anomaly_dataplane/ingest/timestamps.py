"""Timestamps as people send them, into Unix milliseconds. Used by the parsers and the queries.

All forms of one instant give one float, rounded to a microsecond, so that a sample sent again in
another unit is still the same sample.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

SECONDS_BELOW = 5e9
MILLISECONDS_BELOW = 5e12
MICROSECONDS_BELOW = 5e15
"""A number is read as seconds, ms, us or ns by its size: the bounds of InfluxDB's `auto`, which put
every unit between 1970 (seconds), or the spring of 1970 (the others), and the year 2128."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXAMPLES = "send seconds since 1970 (1767225600.5), or RFC 3339 with a zone (2026-01-01T00:00:00Z)"


class BadTimestamp(ValueError):
    """A timestamp that cannot be read; the message says what would be right."""


def milliseconds(raw: float | str) -> float:
    """Unix milliseconds of a timestamp in any accepted form.

    Raises:
        BadTimestamp: it is none, is before 1970, or is not finite.
    """
    if isinstance(raw, str):
        return _from_text(raw)
    # The parser's fast path repeats these lines in its loop; a test keeps them equal.
    if raw < SECONDS_BELOW:
        microseconds = raw * 1e6
    elif raw < MILLISECONDS_BELOW:
        microseconds = raw * 1e3
    elif raw < MICROSECONDS_BELOW:
        microseconds = raw
    elif raw < 2**63:
        microseconds = raw / 1e3
    else:
        raise BadTimestamp(f"timestamp is far beyond nanoseconds of this age; {_EXAMPLES}")
    if not 0 <= microseconds < math.inf:
        raise BadTimestamp(f"timestamp must not be before 1970, not {raw!r}; {_EXAMPLES}")
    return (microseconds + 0.5) // 1.0 / 1e3


def of_clock(seconds: float) -> float:
    """Unix milliseconds of a clock's reading, for samples without a timestamp."""
    return (seconds * 1e6 + 0.5) // 1.0 / 1e3


def next_untimed(time_ms: float) -> float:
    """A microsecond later: samples without timestamp are several, not one and its repeats.

    Rounded at each step, since a thousandth is no sum of powers of two: after forty of them two
    would fall into one microsecond.
    """
    return (time_ms * 1e3 + 1.5) // 1.0 / 1e3


def rfc3339(time_ms: float) -> str:
    """A Unix time in milliseconds as RFC 3339 in UTC, with milliseconds."""
    moment = _EPOCH + timedelta(milliseconds=round(time_ms))
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _from_text(raw: str) -> float:
    try:
        moment = datetime.fromisoformat(raw)
    except ValueError:
        raise BadTimestamp(f"timestamp {raw[:40]!r} cannot be read; {_EXAMPLES}") from None
    if moment.tzinfo is None:
        raise BadTimestamp(f"timestamp {raw[:40]!r} has no zone; {_EXAMPLES}")
    # Integers, since .timestamp() would be off by a rounding error.
    since = moment - _EPOCH
    microseconds = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    if microseconds < 0:
        raise BadTimestamp(f"timestamp must not be before 1970, not {raw!r}; {_EXAMPLES}")
    return microseconds / 1000
