"""Snappy blocks: whole, broken, and larger than they may be."""

from __future__ import annotations

import contextlib
import tracemalloc

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_dataplane.errors import BadPayload
from anomaly_dataplane.ingest.snappy import unpack_block


def pack(content: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(content))


@given(st.binary(max_size=1000))
def test_what_was_packed_comes_out(content: bytes) -> None:
    assert unpack_block(pack(content), 1000) == content


@given(st.binary(max_size=100))
def test_nothing_but_a_bad_payload_is_ever_raised(body: bytes) -> None:
    with contextlib.suppress(BadPayload):
        assert len(unpack_block(body, 1000)) <= 1000


def test_the_limit_is_of_the_content() -> None:
    """Exactly so much is allowed."""
    assert len(unpack_block(pack(bytes(1000)), 1000)) == 1000
    with pytest.raises(BadPayload, match="more than 999 bytes") as bad:
        unpack_block(pack(bytes(1000)), 999)
    assert bad.value.status == 413


def test_a_claim_alone_makes_no_room() -> None:
    """A block that says 4 GiB is refused by its first bytes."""
    tracemalloc.start()
    try:
        with pytest.raises(BadPayload) as bad:
            unpack_block(b"\xff\xff\xff\xff\x0f" + bytes(10), 8 << 20)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
    assert bad.value.status == 413


def test_frames_are_told_from_a_block() -> None:
    """A mistake that libraries invite: their usual writer makes frames."""
    with pytest.raises(BadPayload, match="send one block, without frames") as bad:
        unpack_block(bytes(cramjam.snappy.compress(b"samples")), 1000)
    assert bad.value.status == 400


@pytest.mark.parametrize("body", [b"", b"\x05abc", b"\xff" * 12, b"\x05\x10abcd"])
def test_a_broken_block_is_named(body: bytes) -> None:
    with pytest.raises(BadPayload, match="no Snappy block"):
        unpack_block(body, 1000)
