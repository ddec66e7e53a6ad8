"""The request of a commit, byte for byte, read by readers that know nothing of its writer."""

from __future__ import annotations

import struct

import hiredis
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_dataplane.sample import Anomaly, Ending, Kind, Side, Trigger
from anomaly_dataplane.series import Series
from anomaly_dataplane.store import ABSENT, VERSION_BYTES, SeriesWrite, Writes, wire
from anomaly_dataplane.store.keys import OUTBOX_LENGTH, STATE_TTL_MS, Keys
from samples import a_series

KEYS = Keys("5f3c0000-uid", 4)
NOW = 1_767_225_600_000

numbers = st.integers(0, 2**16 - 1)
series = st.builds(
    lambda name, device: a_series(name, device=device), st.text(max_size=20), st.text(max_size=20)
)
anomalies = st.builds(
    Anomaly,
    id=st.text(max_size=30),
    metric=st.text(max_size=10),
    labels=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
    time=st.floats(0, 2e12),
    value=st.floats(-1e100, 1e100),
    score=st.floats(0, 100),
    threshold=st.floats(0, 100),
    family=st.sampled_from(["level", "jump"]),
    z=st.floats(-1e6, 1e6),
    mean=st.floats(-1e100, 1e100),
    std=st.floats(0, 1e100),
    n=st.integers(0, 120),
    expected=st.tuples(st.floats(-1e100, 1e100), st.floats(-1e100, 1e100)),
    kind=st.sampled_from(Kind),
    direction=st.sampled_from(Side),
    trigger=st.sampled_from(Trigger),
    scored_value=st.none() | st.floats(-1e100, 1e100),
    episode=st.text(max_size=30),
    ending=st.sampled_from(Ending),
)
octets = st.integers(1, 40).flatmap(lambda n: st.binary(min_size=8 * n, max_size=8 * n))
rows = st.builds(
    lambda first, others, **fields: SeriesWrite(ranges=[(0, first), *others], **fields),
    series=series,
    expected=st.sampled_from([ABSENT]) | st.binary(min_size=VERSION_BYTES, max_size=VERSION_BYTES),
    first=octets,
    others=st.lists(st.tuples(numbers, octets), max_size=4),
    whole=st.booleans(),
    touch=st.booleans(),
    accepted=st.integers(0, 2000),
    outliers=st.integers(0, 2000),
    anomalies=st.lists(anomalies, max_size=2),
)


def arguments(request: bytes) -> list[bytes]:
    """The arguments of a request, by the book."""
    found = []
    assert request.startswith(b"*")
    end = request.index(b"\r\n")
    count, at = int(request[1:end]), end + 2
    for _ in range(count):
        assert request[at : at + 1] == b"$"
        end = request.index(b"\r\n", at)
        size, at = int(request[at + 1 : end]), end + 2
        found.append(request[at : at + size])
        assert request[at + size : at + size + 2] == b"\r\n"
        at += size + 2
    assert at == len(request)
    return found


def understood(keys: list[bytes], args: list[bytes]) -> tuple[list[SeriesWrite], list[bytes]]:
    """The rows and the payloads of anomalies as docs/commit-protocol.md has them."""
    header, rest = args[5], iter(args[6:])
    count = len(keys) - 3
    columns = struct.unpack_from(f"<{count}s{8 * count}s{2 * count}H", header)
    flags, expected, counts = columns[0], columns[1], columns[2:]
    shorts = iter(struct.unpack(f"<{(len(header) - 13 * count) // 2}H", header[13 * count :]))
    found = []
    for i in range(count):
        if flags[i] & 4:
            assert keys[i].endswith(next(rest))
            assert set(msgspec.json.decode(next(rest))) == {"metric", "labels"}
        ranges = [(0, next(rest))]
        ranges += [(next(shorts), next(rest)) for _ in range(flags[i] // 8)]
        found.append(
            SeriesWrite(
                None,  # type: ignore[arg-type]  # a request has only its key
                expected[8 * i : 8 * i + 8],
                ranges,
                whole=bool(flags[i] & 1),
                touch=bool(flags[i] & 2),
                accepted=counts[2 * i],
                outliers=counts[2 * i + 1],
            )
        )
    payloads = list(rest)
    for i, payload in zip(shorts, payloads, strict=True):
        event = wire.anomaly(payload)
        assert (i >= 32768) == (event.kind is Kind.RECOVERED)
        found[i % 32768].anomalies.append(event)
    return found, payloads


@given(st.lists(rows, max_size=8))
def test_a_request_says_what_was_to_be_written(written: list[SeriesWrite]) -> None:
    """Whatever the rows, a reader of the documented format finds them again."""
    writes = Writes.of(written)

    request = wire.request(KEYS, 3, writes, NOW)

    command = arguments(request)
    assert request == hiredis.pack_command(tuple(command))  # type: ignore[arg-type]  # its stub means one argument
    count = len(written)
    keys, args = command[3 : 6 + count], command[6 + count :]
    assert command[:3] == [b"FCALL", wire.FUNCTION.encode(), b"%d" % (count + 3)]
    states = [b"{5f3c0000-uid:3}:s:" + row.series.id.encode() for row in written]
    assert keys == [*states, KEYS.outbox(3), KEYS.names(3), KEYS.totals(3)]
    assert [int(arg) for arg in args[:5]] == [
        STATE_TTL_MS,
        OUTBOX_LENGTH,
        NOW,
        sum(row.accepted for row in written),
        sum(row.outliers for row in written),
    ]
    found, _ = understood(keys, args)
    for row, original in zip(found, writes, strict=True):
        row.series = original.series
        assert row == original


@given(st.lists(rows, max_size=4))
def test_rows_read_back_from_columns(written: list[SeriesWrite]) -> None:
    """`Writes` is the same to read a row at a time."""
    assert list(Writes.of(written)) == written


def test_a_request_may_be_larger_than_any_before() -> None:
    """The buffer that it is put together in grows."""
    one = SeriesWrite(a_series(), ABSENT, [(0, bytes(8 * 100_000))], whole=True, accepted=1)

    command = arguments(wire.request(KEYS, 0, Writes.of([one]), NOW))

    assert len(command[-1]) == 800_000


def test_a_request_stays_as_it_is_when_the_next_one_is_made() -> None:
    """It may wait for its turn on the socket, or be sent again."""
    items = [a_series(device=str(i)) for i in range(2)]
    one, two = (
        Writes.of([SeriesWrite(item, b"1" * 8, [(0, bytes([i]) * 80)], accepted=1)])
        for i, item in enumerate(items)
    )

    first = wire.request(KEYS, 0, one, NOW)
    copy = bytes(bytearray(first))
    wire.request(KEYS, 0, two, NOW)

    assert first == copy


def test_more_samples_than_the_header_counts_are_refused() -> None:
    """Rather than counted modulo 65536."""
    row = SeriesWrite(Series("m", {}, 4), ABSENT, [(0, bytes(8))], accepted=2**16)

    with pytest.raises(ValueError, match="65536 samples and 0 outliers in one commit"):
        wire.request(KEYS, 0, Writes.of([row]), NOW)
