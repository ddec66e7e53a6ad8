"""The bounded buffer between requests and workers.

`ingest/intake.py` offers batches and awaits their verdicts; the lanes of `workers.py` take them.
Bounded in samples and bytes, counted from offer to answer, so a full buffer is known at once.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

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

        The future fails with StoreUnavailable when the commit did. A caller that goes away may
        cancel it: the batch is committed all the same and nobody is told.

        Raises:
            BufferFull: there is no room; nothing was queued.
            Draining: the pod is stopping; nothing was queued.
        """
        ...
