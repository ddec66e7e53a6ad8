"""One sample as remote write spells it: its time and its value, and what is none.

`v1` looks for the usual spellings in its loop, where everything has its place; both versions take
what is unusual through `take`.
"""

from __future__ import annotations

import math
import struct

from anomaly_dataplane.ingest.parsed import Cause, Parsed, Rejection
from anomaly_dataplane.series import Series

STALE = struct.pack("<Q", 0x7FF0000000000002)
"""The value by which Prometheus says that a series has ended: a NaN with these very bits."""

SAMPLE = struct.Struct("<3sdc6s")
"""A sample as a field of its series: head, value, tag of the time, time."""
HEAD = b"\x12\x10\x09"
"""Field 2, 16 bytes, a double."""
ZERO_HEAD = b"\x12\x07\x10"
"""Field 2, 7 bytes, the time: of a value that is 0, which protobuf leaves out."""
TIME_TAG = b"\x10"
TIME_BYTES = 6
"""Of a time as varint, from 1971 to 2109."""
SAMPLE_BYTES = len(HEAD) + 8 + len(TIME_TAG) + TIME_BYTES
ZERO_BYTES = len(ZERO_HEAD) + TIME_BYTES

_MAX_TIMES = 4096

_MORE = 0x8080_8080_8080
_ALL_BUT_LAST = 0x0080_8080_8080
"""Of the bits that say that a varint goes on, those that are set in one of 6 bytes."""


class Times:
    """Unix milliseconds by how they are spelled: the samples of one scrape share theirs.

    Attributes:
        known: for the parsers' loops to look up in; `learn` fills it.
    """

    def __init__(self) -> None:
        self.known: dict[bytes, float] = {}

    def learn(self, spelling: bytes) -> float | None:
        """The time of a spelling that is not in `known`; None if it is not one of 6 bytes."""
        bits = int.from_bytes(spelling, "little")
        if len(spelling) != TIME_BYTES or bits & _MORE != _ALL_BUT_LAST:
            return None
        # Seven bits of each byte, close together.
        time_ms = float(
            bits & 0x7F
            | bits >> 1 & 0x3F80
            | bits >> 2 & 0x1F_C000
            | bits >> 3 & 0xFE0_0000
            | bits >> 4 & 0x7_F000_0000
            | bits >> 5 & 0x3F8_0000_0000
        )
        if len(self.known) >= _MAX_TIMES:
            self.known.clear()
        self.known[spelling] = time_ms
        return time_ms


def reject(parsed: Parsed, cause: Cause, reason: str) -> None:
    """Add the rejection of the sample that is next."""
    parsed.rejected.append(Rejection(parsed.total, cause, reason))


def take(parsed: Parsed, series: Series, timestamp: float, value: float) -> None:
    """Add a sample, or what it stands for if it has no value."""
    if timestamp < 0:
        reject(parsed, Cause.TIMESTAMP, f"{series.name}: timestamp {timestamp:g} ms is before 1970")
        return
    time_ms = float(timestamp)
    if math.isfinite(value):
        batch = parsed.batch
        batch.series.append(series)
        batch.times.append(time_ms)
        batch.values.append(value)
    elif struct.pack("<d", value) == STALE:
        parsed.closed.append((series, time_ms))
    else:
        parsed.valueless += 1
