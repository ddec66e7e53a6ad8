"""Local time: what the bins of a season go by.

Kernels look up the offset of a sample's time in columns, since a time zone changes it twice a year.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

_FIRST_YEAR, _LAST_YEAR = 1990, 2060
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Clock:
    """A time zone.

    Attributes:
        starts: Unix milliseconds from which each offset holds, ascending; the first holds before.
        offsets: seconds that local time is ahead of UTC.
    """

    starts: array[float]
    offsets: array[float]


UTC_CLOCK = Clock(array("d", [0.0]), array("d", [0.0]))


@lru_cache(maxsize=16)
def clock_of(zone: str) -> Clock:
    """The clock of a zone of the IANA database.

    Raises:
        zoneinfo.ZoneInfoNotFoundError: there is none of that name.
    """
    info = ZoneInfo(zone)

    def offset(second: int) -> float:
        there = datetime.fromtimestamp(second, UTC).astimezone(info).utcoffset()
        assert there is not None
        return there.total_seconds()

    first = int(datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC).timestamp())
    last = int(datetime(_LAST_YEAR, 1, 1, tzinfo=UTC).timestamp())
    starts, offsets = [1000.0 * first], [offset(first)]
    for day in range(first, last, 7 * _DAY):
        low, high = day, day + 7 * _DAY
        while offset(high) != offsets[-1]:
            # One change a week is the most that any zone ever had.
            before, after = low, high
            while after - before > 1:
                middle = (before + after) // 2
                if offset(middle) == offsets[-1]:
                    before = middle
                else:
                    after = middle
            starts.append(1000.0 * after)
            offsets.append(offset(after))
            low = after
    return Clock(array("d", starts), array("d", offsets))
