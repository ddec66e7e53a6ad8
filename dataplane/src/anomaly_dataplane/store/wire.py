"""How a commit is put into the arguments of the Redis Function, and how its answer reads.

The other end is commit.lua; docs/commit-protocol.md describes both.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import msgspec

from anomaly_dataplane.sample import Anomaly
from anomaly_dataplane.series import Series
from anomaly_dataplane.store import ABSENT, SeriesWrite
from anomaly_dataplane.store.keys import OUTBOX_LENGTH, STATE_TTL_MS, Keys
from anomaly_dataplane.store.link import Argument

FUNCTION = "anomaly_pipeline_commit_1"
SOURCE = Path(__file__).with_name("commit.lua").read_text(encoding="utf-8")

_WHOLE, _TOUCH, _NAMED = 1, 2, 4

_decoder = msgspec.json.Decoder(Anomaly)


def encode(
    keys: Keys, partition: int, writes: Sequence[SeriesWrite], now_ms: int
) -> tuple[list[bytes], list[Argument]]:
    """The KEYS and ARGV of one call."""
    names = [keys.state(write.series) for write in writes]
    names += [keys.outbox(partition), keys.names(partition), keys.totals(partition)]
    shorts = [sum(len(write.anomalies) for write in writes)]
    payload: list[Argument] = []
    for write in writes:
        named = write.expected == ABSENT
        flags = write.whole * _WHOLE + write.touch * _TOUCH + named * _NAMED
        shorts += (flags, write.accepted, write.outliers, len(write.ranges))
        payload.append(write.expected)
        if named:
            payload += (write.series.id, _name(write.series))
        for offset, data in write.ranges:
            shorts.append(offset)
            payload.append(data)
    for i, write in enumerate(writes):
        for anomaly in write.anomalies:
            shorts.append(i)
            payload.append(msgspec.json.encode(anomaly))
    header = struct.pack(f"<{len(shorts)}H", *shorts)
    return names, [header, now_ms, STATE_TTL_MS, OUTBOX_LENGTH, *payload]


def refused(answer: bytes) -> list[int]:
    """The positions of the writes that were refused."""
    return list(struct.unpack(f"<{len(answer) // 2}H", answer))


def anomaly(payload: bytes) -> Anomaly:
    """An anomaly as the outbox holds it."""
    return _decoder.decode(payload)


def _name(series: Series) -> bytes:
    return msgspec.json.encode({"metric": series.metric, "labels": series.labels})
