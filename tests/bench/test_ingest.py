"""The ingest benchmark measures what it says."""

from __future__ import annotations

import pytest
from bench.errors import BenchError
from bench.ingest import dialects, measure_parsers, parser_table, parsing
from bench.ingest_bodies import Body, bodies
from bench.snappy import compress

from anomaly_dataplane.ingest.registry import PROTOCOLS

SERVED = dialects()


def test_every_protocol_of_the_registry_has_a_body() -> None:
    """Else it would be missing from the table without anybody noticing."""
    assert set(SERVED) & {body.path for body in bodies()}
    assert len({body.protocol for body in bodies() if body.path in SERVED}) == len(PROTOCOLS)


@pytest.mark.parametrize(
    "body", [body for body in bodies() if body.path in SERVED], ids=lambda body: body.words
)
def test_a_body_is_taken_whole(body: Body) -> None:
    figure = parsing(body, SERVED[body.path], seconds=0.0001)
    assert figure.us > 0
    assert figure.verdict in ("", "met", "MISSED")


def test_a_body_that_is_not_taken_whole_is_no_measurement() -> None:
    body = Body("json", "one sample", "/api/v1/ingest", {}, b'{"metric":"m","value":1}')
    with pytest.raises(BenchError, match="1 of 500"):
        parsing(body, SERVED[body.path])


def test_the_table_says_what_was_asked_for_and_whether_it_was_met(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bench.ingest._PASSES", 1)
    table = parser_table(measure_parsers())
    assert "JSON array" in table
    assert "0.8 us" in table


@pytest.mark.parametrize("content", [b"", b"a", b"ab" * 500, bytes(range(256)) * 3])
def test_snappy_blocks_hold_what_they_were_made_of(content: bytes) -> None:
    block = compress(content)
    size = shift = at = 0
    while True:
        byte = block[at]
        size |= (byte & 127) << shift
        shift, at = shift + 7, at + 1
        if byte < 128:
            break
    out = bytearray()
    while at < len(block):
        tag = block[at]
        if tag & 3 == 0:
            length, at = (tag >> 2) + 1, at + 1
            if length == 63:
                length, at = int.from_bytes(block[at : at + 3], "little") + 1, at + 3
            out += block[at : at + length]
            at += length
        else:
            length, back = (tag >> 2) + 1, int.from_bytes(block[at + 1 : at + 3], "little")
            for _ in range(length):
                out.append(out[-back])
            at += 3
    assert bytes(out) == content
    assert len(content) == size
