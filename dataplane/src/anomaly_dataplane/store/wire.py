"""The call of the Redis Function that commits, and how its answer reads.

The other end is commit.lua; docs/commit-protocol.md describes both.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from pathlib import Path

import msgspec

from anomaly_dataplane.sample import Anomaly
from anomaly_dataplane.series import ID_BYTES, Series
from anomaly_dataplane.state.layout import DOUBLE
from anomaly_dataplane.store import NAMED, Writes
from anomaly_dataplane.store.keys import OUTBOX_LENGTH, STATE_TTL_MS, Keys
from anomaly_dataplane.store.request import (
    FRAME_BYTES,
    HEADER_BYTES_A_ROW,
    argument,
    put,
    total,
    write_header,
    write_keys,
    write_ranges,
)

FUNCTION = "anomaly_pipeline_commit_2"
_CALL = argument(b"FCALL") + argument(FUNCTION.encode())
SOURCE = Path(__file__).with_name("commit.lua").read_text(encoding="utf-8")

_LARGEST_COUNT = 2**16 - 1

_decoder = msgspec.json.Decoder(Anomaly)

_buffer = bytearray(2**16)
"""Requests are put together here, one after the other: nothing is awaited meanwhile."""


def request(keys: Keys, partition: int, writes: Writes, now_ms: int) -> bytes:
    """The whole call, in Redis' protocol. One without rows changes nothing.

    Raises:
        ValueError: more samples than 16 bits count.
    """
    global _buffer
    rows, ranges = len(writes), len(writes.offsets)
    accepted, outliers = total(writes.accepted), total(writes.outliers)
    if accepted > _LARGEST_COUNT:
        raise ValueError(f"{accepted} samples in one commit; {_LARGEST_COUNT} is the most")
    names = _names(writes)
    events = b"".join([argument(msgspec.json.encode(event)) for _, event in writes.anomalies])
    opening, closing = _parts(keys, partition)
    header_size = HEADER_BYTES_A_ROW * rows + 2 * (ranges - rows + len(writes.anomalies))
    arguments = 12 + rows + ranges + 2 * len(names) + len(writes.anomalies)
    head = b"*%d\r\n%b%b" % (arguments, _CALL, argument(b"%d" % (rows + 3)))
    counts = b"%b%b%b$%d\r\n" % (
        argument(b"%d" % now_ms),
        argument(b"%d" % accepted),
        argument(b"%d" % outliers),
        header_size,
    )
    texts = sum(map(len, (head, closing, counts, events, *names.values())))
    size = texts + rows * (len(opening) + ID_BYTES + 2) + header_size + 2
    size += ranges * FRAME_BYTES + DOUBLE * total(writes.lengths)
    if size > len(_buffer):
        _buffer = bytearray(2 * size)
    buffer = _buffer
    at = put(buffer, 0, head)
    at = write_keys(buffer, at, opening, writes.series)
    at = put(buffer, at, closing)
    at = put(buffer, at, counts)
    at = write_header(buffer, at, writes)
    at = put(buffer, at, b"\r\n")
    at = write_ranges(buffer, at, writes, names)
    at = put(buffer, at, events)
    return bytes(memoryview(buffer)[:at])


def refused(answer: bytes) -> list[int]:
    """The rows that were refused."""
    return list(struct.unpack(f"<{len(answer) // 2}H", answer))


def anomaly(payload: bytes) -> Anomaly:
    """An anomaly as the outbox holds it."""
    return _decoder.decode(payload)


@lru_cache(maxsize=1024)
def _parts(keys: Keys, partition: int) -> tuple[bytes, bytes]:
    """What is the same in all requests of a partition: what opens a state key, and what follows."""
    states = keys.states(partition)
    opening = b"$%d\r\n%b" % (len(states) + ID_BYTES, states)
    fixed = (
        keys.outbox(partition),
        keys.names(partition),
        keys.totals(partition),
        b"%d" % STATE_TTL_MS,
        b"%d" % OUTBOX_LENGTH,
    )
    return opening, b"".join(map(argument, fixed))


def _names(writes: Writes) -> dict[int, bytes]:
    """The arguments that name the series of NAMED rows."""
    if max(writes.flags, default=0) < NAMED:
        return {}
    return {
        i: argument(series.id_bytes) + argument(_name(series))
        for i, series in enumerate(writes.series)
        if writes.flags[i] & NAMED
    }


def _name(series: Series) -> bytes:
    return msgspec.json.encode({"metric": series.metric, "labels": series.labels})
