"""The buffer's bounds, as arithmetic."""

from __future__ import annotations

import pytest

from anomaly_dataplane.buffer import Room
from anomaly_dataplane.contract.config import Buffer
from anomaly_dataplane.errors import BatchTooLarge, BufferFull

LIMITS = Buffer(max_samples=100, max_bytes=1000)


def test_room_is_taken_to_the_last_sample_and_byte() -> None:
    """The bound itself is allowed."""
    room = Room(LIMITS)

    room.take(60, 400)
    room.take(40, 600)

    assert (room.samples, room.size_bytes) == (100, 1000)


@pytest.mark.parametrize(("samples", "size_bytes"), [(41, 1), (1, 601)])
def test_what_does_not_fit_takes_nothing(samples: int, size_bytes: int) -> None:
    """Samples and bytes are bounds of their own."""
    room = Room(LIMITS)
    room.take(60, 400)

    with pytest.raises(BufferFull, match="60 of 100 samples and 400 of 1000 bytes"):
        room.take(samples, size_bytes)

    assert (room.samples, room.size_bytes) == (60, 400)


def test_what_is_given_back_can_be_taken_again() -> None:
    """Room comes back with the answers."""
    room = Room(LIMITS)
    room.take(100, 1000)
    room.give_back(100, 1000)

    room.take(100, 1000)


def test_a_batch_of_more_samples_than_the_buffer_is_told_that_it_never_fits() -> None:
    """Retrying it is pointless, so it is not a 503."""
    with pytest.raises(BatchTooLarge, match="101 samples in one request"):
        Room(LIMITS).take(101, 1)


def test_a_body_larger_than_the_buffer_passes_alone() -> None:
    """It would never pass otherwise, and 503 would be a lie."""
    room = Room(LIMITS)

    room.take(1, 5000)

    with pytest.raises(BufferFull):
        room.take(1, 1)
