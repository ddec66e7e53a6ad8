"""A second way of detection on the same samples, whose findings only metrics tell of.

`app.py` puts a `Shadowed` between intake and workers where `spec.detection.shadow` asks for one. It
follows what was committed and never holds it up: what the shadow has no room for it does not see.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from anomaly_dataplane.buffer import Buffer
from anomaly_dataplane.contract.config import Match, PipelineConfig, shadowed
from anomaly_dataplane.errors import BadPayload, Refused
from anomaly_dataplane.sample import Batch, Verdicts
from anomaly_dataplane.series import Series, SeriesTable
from anomaly_dataplane.store import Store
from anomaly_dataplane.telemetry import ShadowMetrics
from anomaly_dataplane.workers import Workers

UID_SUFFIX = "-shadow"
"""Of the pipeline's uid: the shadow's state lies beside the pipeline's, under keys of its own."""


def shadow_config(config: PipelineConfig) -> PipelineConfig | None:
    """The config of the shadow, None if there is to be none."""
    detection = shadowed(config.detection)
    if detection is None:
        return None
    identity = replace(config.pipeline, uid=config.pipeline.uid + UID_SUFFIX)
    return replace(config, pipeline=identity, detection=detection)


class Shadowed:
    """A `buffer.Buffer` that lets a shadow see what was committed.

    Args:
        buffer: commits and answers; whatever becomes of the shadow is no matter to it.
        config: of the shadow, as `shadow_config` makes it.
        store: of the shadow alone.
        metrics: are told what it finds, and what it did not see.
    """

    def __init__(
        self, buffer: Buffer, config: PipelineConfig, store: Store, metrics: ShadowMetrics
    ) -> None:
        self._buffer = buffer
        self._store = store
        self._metrics = metrics
        self._workers = Workers(config, store, metrics)
        # Of its own: a series knows its place in one cache of blocks only.
        self._twins = SeriesTable(config.redis.partitions)

    async def start(self) -> None:
        """Start the shadow."""
        await self._workers.start()

    async def stop(self) -> None:
        """Let the shadow finish what waits, and stop; the buffer has stopped before."""
        await self._workers.drain()
        await self._store.aclose()

    def update(self, config: PipelineConfig) -> None:
        """Take over changed rules that the shadow inherits."""
        changed = shadow_config(config)
        if changed is not None:
            self._workers.update(changed)

    def pause_learning(self, series: Sequence[Match]) -> None:
        """Learn nothing from these series until told otherwise."""
        self._workers.pause_learning(series)

    @property
    def samples(self) -> int:
        """Samples offered and not yet answered, the shadow's aside."""
        return self._buffer.samples

    @property
    def capacity_samples(self) -> int:
        """Samples that fit at most."""
        return self._buffer.capacity_samples

    def offer(self, batch: Batch) -> asyncio.Future[Verdicts]:
        """Queue a batch; see `buffer.Buffer.offer`."""
        answer = self._buffer.offer(batch)
        answer.add_done_callback(lambda done: self._follow(batch, done))
        return answer

    def _follow(self, batch: Batch, done: asyncio.Future[Verdicts]) -> None:
        """Offer to the shadow what is committed; cancelled means only that nobody waits for it."""
        if not done.cancelled() and done.exception() is not None:
            return  # it comes again
        twins = self._twins_of(batch.series)
        followed = Batch(twins, batch.times, batch.values, batch.size_bytes, batch.history)
        try:
            seen = self._workers.offer(followed)
        except (Refused, BadPayload):
            self._metrics.missed(len(batch))
        else:
            seen.add_done_callback(self._missed_if_failed(len(batch)))

    def _missed_if_failed(self, samples: int) -> Callable[[asyncio.Future[Verdicts]], None]:
        def look(done: asyncio.Future[Verdicts]) -> None:
            if done.cancelled() or done.exception() is not None:
                self._metrics.missed(samples)

        return look

    def _twins_of(self, series: Sequence[Series]) -> list[Series]:
        twins = [self._twins.get(each.metric, each.labels) for each in series]
        for twin, each in zip(twins, series, strict=True):
            if each.cumulative:
                twin.cumulative = True
        return twins
