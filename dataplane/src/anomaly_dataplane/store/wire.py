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
from anomaly_dataplane.store import NAMED, Writes
from anomaly_dataplane.store.keys import OUTBOX_LENGTH, STATE_TTL_MS, Keys
from anomaly_dataplane.store.request import build

FUNCTION = "anomaly_pipeline_commit_4"
SOURCE = Path(__file__).with_name("commit.lua").read_text(encoding="utf-8")
ALERTING_SOURCE = Path(__file__).with_name("alerting.lua").read_text(encoding="utf-8")
"""Of the Functions that `alerting/redis_ledger.py` calls."""

_CALL = b"$5\r\nFCALL\r\n$%d\r\n%b\r\n" % (len(FUNCTION), FUNCTION.encode())

_decoder = msgspec.json.Decoder(Anomaly)


class Unreadable(Exception):
    """An entry of the outbox is no anomaly that this version knows."""


def request(keys: Keys, partition: int, writes: Writes, now_ms: int) -> bytes:
    """The whole call, in Redis' protocol. One without rows changes nothing.

    Raises:
        ValueError: more samples than 16 bits count.
    """
    opening, closing = _parts(keys, partition)
    events = [_argument(msgspec.json.encode(event)) for _, event in writes.anomalies]
    return build(writes, _CALL, opening, closing, now_ms, _names(writes), events)


def refused(answer: bytes) -> list[int]:
    """The rows that were refused."""
    return list(struct.unpack(f"<{len(answer) // 2}H", answer))


def anomaly(payload: bytes) -> Anomaly:
    """An anomaly as the outbox holds it.

    Raises:
        Unreadable: it is none; of a newer version, perhaps.
    """
    try:
        return _decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Unreadable(str(error)) from error


def readable(payload: bytes) -> Anomaly | None:
    """An anomaly as the outbox holds it, None if it is none: it must not hide all others."""
    try:
        return anomaly(payload)
    except Unreadable:
        return None


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
    return opening, b"".join(map(_argument, fixed))


def _names(writes: Writes) -> dict[int, bytes]:
    """The arguments that name the series of NAMED rows."""
    if max(writes.flags, default=0) < NAMED:
        return {}
    return {
        i: _argument(series.id_bytes) + _argument(_name(series))
        for i, series in enumerate(writes.series)
        if writes.flags[i] & NAMED
    }


def _name(series: Series) -> bytes:
    return msgspec.json.encode({"metric": series.metric, "labels": series.labels})


def _argument(data: bytes) -> bytes:
    """One argument of a request."""
    return b"$%d\r\n%b\r\n" % (len(data), data)
