"""Large messages with far too many parts are refused before they are decoded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly_dataplane.errors import BadPayload, BatchTooLarge
from anomaly_dataplane.ingest.protobuf import check_parts
from protobuf_writer import UNKNOWN, part

FILLING = part(15, bytes(1 << 20))
"""Makes a message large enough to be looked into."""


def test_small_messages_are_not_looked_into() -> None:
    """They cannot do harm."""
    check_parts(b"\x07" * 1000, 1)


def test_parts_of_every_kind_are_counted() -> None:
    """As many as allowed pass, one more does not."""
    message = FILLING + UNKNOWN * 10
    check_parts(message, 41 + 1)
    with pytest.raises(BatchTooLarge):
        check_parts(message, 40)


@pytest.mark.parametrize(
    "end",
    [b"\x0a", b"\x0a\x05abcd", b"\x0a" + b"\xff" * 11, b"\x0b", b"\x09abc"],
    ids=["no length", "cut short", "long length", "group", "half a double"],
)
def test_what_is_cut_short_is_a_bad_payload(end: bytes) -> None:
    with pytest.raises(BadPayload):
        check_parts(FILLING + end, 100)


@given(st.binary(max_size=50))
def test_nothing_but_a_bad_payload_is_ever_raised(rubbish: bytes) -> None:
    """Nor does it go on for ever."""
    try:
        check_parts(FILLING + rubbish, 100)
    except BadPayload:
        return
