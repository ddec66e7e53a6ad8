"""The bounded buffer between requests and workers.

`ingest/intake.py` offers batches and awaits their verdicts; the lanes of `workers/` take them.
Bounded in samples and bytes, counted from offer to answer, so a full buffer is known at once.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple, Protocol

from anomaly_dataplane.contract import config
from anomaly_dataplane.errors import BatchTooLarge, BufferFull
from anomaly_dataplane.sample import Batch, Verdicts


class Buffer(Protocol):
    """What a request handler sees of the pipeline."""

    @property
    def samples(self) -> int:
        """Samples offered and not yet answered."""
        ...

    @property
    def capacity_samples(self) -> int:
        """Samples that fit at most."""
        ...

    def offer(self, batch: Batch) -> asyncio.Future[Verdicts]:
        """Queue a batch; the future holds its verdicts once every sample is committed.

        The future fails with StoreUnavailable when a commit did, and with Draining when the pod had
        to stop before it was done; part of the batch may be committed then, and sending it again is
        safe. A caller that goes away may cancel it at any time: the batch is committed all the same
        and nobody is told, as some devices hang up without waiting for the answer.

        The samples of a series are committed in the order of the batch. Two batches that wait at
        the same time may be taken in turns; a sender that awaits one before it offers the next
        keeps its order.

        Raises:
            BatchTooLarge: it will never fit; nothing was queued.
            BufferFull: there is no room; nothing was queued.
            Draining: the pod is stopping; nothing was queued.
        """
        ...


class Flow(NamedTuple):
    """What goes through the buffer."""

    samples: int
    """Taken and not yet given back."""
    refused: int
    """Batches until now, for want of room."""
    answered: int
    """Batches until now."""


class Room:
    """What is left of the buffer's bounds.

    Attributes:
        samples, size_bytes: taken and not yet given back.
        refused, answered: batches until now.
    """

    def __init__(self, limits: config.Buffer) -> None:
        self._limits = limits
        self.samples = 0
        self.size_bytes = 0
        self.refused = 0
        self.answered = 0

    def take(self, samples: int, size_bytes: int) -> None:
        """Take room for one batch.

        A single batch may be larger than `maxBytes`, which a body may be too, if it has the buffer
        to itself; else a sender of large bodies would be told for ever to try again.

        Raises:
            BatchTooLarge: it has more samples than the buffer ever holds.
            BufferFull: not enough is left.
        """
        limits = self._limits
        if samples > limits.max_samples:
            raise BatchTooLarge(
                f"{samples} samples in one request; buffer.maxSamples is {limits.max_samples}: "
                "send smaller requests"
            )
        full_bytes = self.size_bytes and self.size_bytes + size_bytes > limits.max_bytes
        if full_bytes or self.samples + samples > limits.max_samples:
            self.refused += 1
            raise BufferFull(
                f"the buffer holds {self.samples} of {limits.max_samples} samples and "
                f"{self.size_bytes} of {limits.max_bytes} bytes"
            )
        self.samples += samples
        self.size_bytes += size_bytes

    def give_back(self, samples: int, size_bytes: int) -> None:
        """Give back what a batch took."""
        self.answered += 1
        self.samples -= samples
        self.size_bytes -= size_bytes
