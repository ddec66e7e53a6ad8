"""Decompression within bounds."""

from __future__ import annotations

import contextlib
import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_dataplane.errors import BadPayload
from anomaly_dataplane.ingest.unpack import unpack

LIMIT = 100_000


def raw_deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(content) + packer.flush()


@given(st.binary(min_size=1, max_size=5000), st.integers(1, 50))
def test_what_was_packed_comes_back(content: bytes, repeat: int) -> None:
    """gzip in one or many members, deflate with and without its header."""
    content *= repeat
    half = len(content) // 2
    assert unpack(gzip.compress(content), "gzip", 10**6) == content
    members = gzip.compress(content[:half]) + gzip.compress(content[half:])
    assert unpack(members, "x-gzip", 10**6) == content
    assert unpack(zlib.compress(content), "deflate", 10**6) == content
    assert unpack(raw_deflate(content), "deflate", 10**6) == content


@given(st.binary(min_size=1), st.sampled_from(["gzip", "deflate"]))
def test_rubbish_is_a_bad_payload(body: bytes, encoding: str) -> None:
    """Whatever is sent, the result is bounded content or a BadPayload."""
    with contextlib.suppress(BadPayload):
        assert len(unpack(body, encoding, LIMIT)) <= LIMIT


def test_a_body_of_exactly_the_limit_passes_and_one_byte_more_does_not() -> None:
    """The limit is inclusive."""
    assert len(unpack(gzip.compress(bytes(LIMIT)), "gzip", LIMIT)) == LIMIT
    with pytest.raises(BadPayload) as caught:
        unpack(gzip.compress(bytes(LIMIT + 1)), "gzip", LIMIT)
    assert caught.value.status == 413


BOMBS = {
    "gzip": lambda: gzip.compress(bytes(100_000_000)),
    "gzip in members": lambda: gzip.compress(bytes(100_000)) * 1000,
    "deflate": lambda: zlib.compress(bytes(100_000_000)),
    "deflate without header": lambda: raw_deflate(bytes(100_000_000)),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_takes_no_more_memory_than_the_limit(kind: str) -> None:
    """100 MB in 100 KB are refused after the first limit's worth."""
    bomb = BOMBS[kind]()
    tracemalloc.start()
    try:
        with pytest.raises(BadPayload, match="once decompressed") as caught:
            unpack(bomb, kind.partition(" ")[0], LIMIT)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.status == 413
    assert peak < 10 * LIMIT


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_body_that_is_cut_short_is_refused(encoding: str) -> None:
    """Half a body must not pass as a whole one."""
    packed = gzip.compress(b"x" * 1000) if encoding == "gzip" else zlib.compress(b"x" * 1000)
    for length in range(1, len(packed)):
        with pytest.raises(BadPayload):
            unpack(packed[:length], encoding, LIMIT)


def test_a_body_with_a_wrong_checksum_is_refused() -> None:
    """A bit that flipped on the way is noticed."""
    packed = bytearray(gzip.compress(b"hello"))
    packed[-8] ^= 1
    with pytest.raises(BadPayload, match="not valid gzip"):
        unpack(bytes(packed), "gzip", LIMIT)


def test_countless_empty_members_are_refused() -> None:
    """They hold nothing and would only cost time."""
    with pytest.raises(BadPayload, match="members"):
        unpack(gzip.compress(b"") * 5000, "gzip", LIMIT)


def test_zero_padding_after_the_last_member_is_ignored() -> None:
    """As gzip itself does."""
    assert unpack(gzip.compress(b"x") + bytes(512), "gzip", LIMIT) == b"x"


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "identity"])
def test_nothing_packed_is_an_empty_body(encoding: str) -> None:
    """And so is nothing that is said to be packed; what to make of it is the protocol's matter."""
    assert unpack(gzip.compress(b""), "gzip", LIMIT) == b""
    assert unpack(b"", encoding, LIMIT) == b""
