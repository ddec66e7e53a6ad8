"""Snappy blocks, as Prometheus remote write has them: one length, one block, no frames.

The length that a block claims is checked before anything is unpacked, and cramjam makes room for no
more than that, so a bomb costs nothing.
"""

from __future__ import annotations

from anomaly_dataplane.errors import BadPayload

_START_OF_FRAMES = b"\xff\x06\x00\x00sNaPpY"


def unpack_block(body: bytes, max_bytes: int) -> bytes:
    """The content of a Snappy block.

    Raises:
        BadPayload: it is no such block, or holds more than `max_bytes`.
    """
    import cramjam  # here, since only senders of Prometheus need it, and it takes 1.5 MiB

    if body.startswith(_START_OF_FRAMES):
        raise BadPayload(
            "the body is Snappy in frames; send one block, without frames (snappy.Encode in Go, "
            "compress_raw of cramjam)"
        )
    try:
        if cramjam.snappy.decompress_raw_len(body) > max_bytes:
            raise BadPayload(
                f"the body holds more than {max_bytes} bytes once decompressed "
                "(spec.ingest.maxBodyBytes); send fewer samples at once",
                status=413,
            )
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as error:
        raise BadPayload(f"the body is no Snappy block: {error}") from None
