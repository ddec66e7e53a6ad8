"""Decompression whose memory is bounded by the limit, whatever the input claims to hold.

`body.py` calls it with a body that is itself within the limit.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping

from aiohttp import hdrs

from anomaly_dataplane.errors import BadPayload
from anomaly_dataplane.ingest.snappy import unpack_block

ENCODINGS = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})
"""Values of Content-Encoding that are understood; empty if there is none."""
SNAPPY = "snappy"
"""The one encoding of Prometheus, and of nobody else."""

_GZIP = 31  # zlib's window bits for "with gzip header and checksum"
_ZLIB = 15
_RAW = -15
_MAX_MEMBERS = 1024
"""Of one gzip body. Block compressors make one per 64 KiB; a body of millions of empty members
would cost minutes of CPU and hold nothing."""
_STEP_BYTES = 65536


def content_encoding(
    headers: Mapping[str, str], understood: Collection[str] = ENCODINGS, told: str = "gzip, deflate"
) -> str:
    """How a body is packed, by the headers of its request.

    Args:
        headers: by name, in any case.
        understood: what the protocol takes, of `ENCODINGS` and SNAPPY.
        told: the same in words, to who sends something else.

    Raises:
        BadPayload: in a way that is not understood (415).
    """
    encoding = headers.get(hdrs.CONTENT_ENCODING)
    if encoding is None:
        return ""
    encoding = encoding.strip().lower()
    if encoding not in understood:
        raise BadPayload(
            f"Content-Encoding {encoding[:40]!r} is not understood; send {told} or none", status=415
        )
    return encoding


def unpack(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """The content of a compressed body.

    Raises:
        BadPayload: it is corrupt, cut short, or holds more than `max_bytes`.
    """
    if not body or encoding == "identity":
        return body
    if encoding == SNAPPY:
        return unpack_block(body, max_bytes)
    try:
        if encoding == "deflate":
            # The standard says zlib; some senders leave its header off, as browsers always took it.
            wrapped = body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
            return _inflate(body, _ZLIB if wrapped else _RAW, max_bytes)
        return _inflate(body, _GZIP, max_bytes)
    except zlib.error as error:
        raise BadPayload(f"the body is not valid {encoding}: {error}") from None


def _inflate(body: bytes, window_bits: int, max_bytes: int) -> bytes:
    view = memoryview(body)
    out = bytearray()
    member = zlib.decompressobj(window_bits)
    members = 1
    position = 0
    while True:
        # One byte of room above the limit tells "too large" from "exactly full".
        out += member.decompress(view[position : position + _STEP_BYTES], max_bytes + 1 - len(out))
        if len(out) > max_bytes:
            raise BadPayload(
                f"the body holds more than {max_bytes} bytes once decompressed "
                "(spec.ingest.maxBodyBytes); send fewer samples at once",
                status=413,
            )
        position = min(position + _STEP_BYTES, len(body)) - len(
            member.unused_data if member.eof else member.unconsumed_tail
        )
        if member.eof:
            rest = view[position:]
            if window_bits != _GZIP or not bytes(rest[:_STEP_BYTES]).strip(b"\0"):
                return bytes(out)
            members += 1
            if members > _MAX_MEMBERS:
                raise BadPayload(f"the gzip body has more than {_MAX_MEMBERS} members")
            member = zlib.decompressobj(window_bits)
        elif position == len(body):
            raise BadPayload("the compressed body is cut short")
