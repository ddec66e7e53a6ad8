"""Composition root: builds the stages in the order of the data flow, and the public application.

`serve.py` runs what is built here. Contexts unwind in reverse: alerting, watches, workers, store.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from anomaly_dataplane import KERNELS
from anomaly_dataplane.alerting.learning import LearningPauses
from anomaly_dataplane.alerting.ledger import Ledger
from anomaly_dataplane.alerting.memory_ledger import MemoryLedger
from anomaly_dataplane.alerting.redis_ledger import RedisLedger, this_pod
from anomaly_dataplane.alerting.tasks import AlertingTasks
from anomaly_dataplane.buffer import Buffer, Room
from anomaly_dataplane.contract.config import IngestProtocol, Match, PipelineConfig
from anomaly_dataplane.contract.runtime import (
    PATH_ALERTS,
    PATH_ANOMALIES,
    PATH_EXPLAIN,
    PATH_FEEDBACK,
    PATH_ONE_SERIES,
    PATH_OPENAPI,
    PATH_PAGE,
    PATH_SERIES,
    PATH_STATS,
    PATH_STREAM,
    RELEASE,
)
from anomaly_dataplane.front.server import Front
from anomaly_dataplane.ingest.body import BodyReader
from anomaly_dataplane.ingest.gate import Gate
from anomaly_dataplane.ingest.intake import Endpoint, Intake
from anomaly_dataplane.ingest.protocol import Parts, WireProtocol
from anomaly_dataplane.ingest.receipts import Receipts, claims
from anomaly_dataplane.ingest.registry import PROTOCOLS
from anomaly_dataplane.ingest.routes import (
    PATHS,
    POSTS,
    Handler,
    IngestHandler,
    OtherHandler,
    SwitchedOffHandler,
    guarded,
)
from anomaly_dataplane.ingest.series_limit import LimitedBuffer, SeriesLimit
from anomaly_dataplane.observer import Unobserved
from anomaly_dataplane.openapi.handler import DescriptionHandler, Route
from anomaly_dataplane.page.handler import PageHandler, to_page
from anomaly_dataplane.queries.alerts import AlertsHandler
from anomaly_dataplane.queries.anomalies import AnomaliesHandler
from anomaly_dataplane.queries.feedback import FeedbackHandler
from anomaly_dataplane.queries.series import (
    Blocks,
    ExplainHandler,
    SeriesHandler,
    SeriesListHandler,
)
from anomaly_dataplane.queries.stats import StatsHandler
from anomaly_dataplane.queries.stream import StreamHandler
from anomaly_dataplane.readiness import Readiness, watch_store
from anomaly_dataplane.reload import ConfigWatch
from anomaly_dataplane.series import SeriesTable
from anomaly_dataplane.settings import Settings
from anomaly_dataplane.shadow import Shadowed, shadow_config
from anomaly_dataplane.silence.register import MemoryRegister, RedisRegister, Register
from anomaly_dataplane.silence.sweep import Sweep
from anomaly_dataplane.store import Store
from anomaly_dataplane.store.connect import connect
from anomaly_dataplane.store.keys import Keys
from anomaly_dataplane.store.memory_store import MemoryStore
from anomaly_dataplane.store.reader import MemoryReader, Reader, RedisReader
from anomaly_dataplane.store.redis_store import RedisStore
from anomaly_dataplane.telemetry import Telemetry
from anomaly_dataplane.workers import Workers

if TYPE_CHECKING:
    from anomaly_dataplane.mqtt.consumer import Consumer


@dataclass(frozen=True, slots=True)
class Pod:
    """The parts of one process that several places need.

    Attributes:
        protocols: all that there are, whether this pipeline takes them or not.
        endpoints: of those that it takes, by path.
    """

    settings: Settings
    config: PipelineConfig
    telemetry: Telemetry
    readiness: Readiness
    store: Store
    workers: Workers
    bodies: BodyReader
    gate: Gate
    series_limit: SeriesLimit
    protocols: Mapping[IngestProtocol, WireProtocol]
    endpoints: Mapping[str, Endpoint]
    ledger: Ledger
    alerting: AlertingTasks
    reader: Reader
    shadow: Shadowed | None = None
    consumer: Consumer | None = None


def build(settings: Settings, config: PipelineConfig) -> Pod:
    """All parts, not yet running, on the store that the settings ask for."""
    telemetry = Telemetry(RELEASE, KERNELS.flavour)
    if settings.store == "memory":
        return assemble(settings, config, MemoryStore(), telemetry)
    to_redis = partial(
        connect,
        username=settings.redis_username or None,
        password=settings.redis_password or None,
        secret_dir=Path(settings.redis_secret_dir) if settings.redis_secret_dir else None,
    )
    tried = shadow_config(config)
    # Its trouble with Redis is the pipeline's own, and told once.
    beside = to_redis(tried, Unobserved()) if tried is not None else None
    return assemble(settings, config, to_redis(config, telemetry), telemetry, beside)


def assemble(
    settings: Settings,
    config: PipelineConfig,
    store: Store,
    telemetry: Telemetry,
    shadow_store: Store | None = None,
) -> Pod:
    """All parts, not yet running, on a given store.

    Args:
        settings: of the process.
        config: of the pipeline.
        store: of the pipeline.
        telemetry: of the process.
        shadow_store: of `detection.shadow`; None for memory.
    """
    workers = Workers(config, store, telemetry)
    shadow: Shadowed | None = None
    if (tried := shadow_config(config)) is not None:
        shadow = Shadowed(workers, tried, shadow_store or MemoryStore(), telemetry.shadow())
    telemetry.watch_buffer(lambda: workers.samples, workers.capacity_samples)
    telemetry.watch_cache(lambda: workers.cached_series)
    limits = config.ingest
    bodies = BodyReader(limits.max_body_bytes, config.buffer.max_bytes, settings.body_seconds)
    readiness = Readiness()
    parts = Parts(
        SeriesTable(config.redis.partitions),
        limits,
        config.buffer.max_samples,
        lambda: readiness.ready,
    )
    protocols = {name: protocol(parts) for name, protocol in PROTOCOLS.items()}
    auth = limits.auth.token_secret_ref.name
    gate = Gate(Path(settings.token_secret_dir) if auth else None, limits.rate_limit)
    limit = SeriesLimit(store, limits.max_series)
    telemetry.watch_series(lambda: limit.count, limits.max_series)
    buffer = LimitedBuffer(shadow or workers, limit, Room(config.buffer))
    receipts = Receipts(claims(store, config.pipeline.uid, config.redis.partitions))
    endpoints = {
        path: Endpoint(
            dialect,
            intake,
            None if gate.is_open else gate,
            receipts if protocol.idempotency_keys else None,
        )
        for protocol in (protocols[name] for name in limits.protocols)
        for intake in (Intake(limits, buffer, telemetry.protocol(protocol.label), limit),)
        for path, dialect in protocol.dialects.items()
    }
    ledger = _ledger(config, store)
    return Pod(
        settings,
        config,
        telemetry,
        readiness,
        store,
        workers,
        bodies,
        gate,
        limit,
        protocols,
        endpoints,
        ledger,
        AlertingTasks(
            ledger,
            config,
            telemetry,
            Path(settings.webhook_secret_dir),
            Path(settings.alertmanager_secret_dir),
        ),
        _reader(config, store),
        shadow,
        _consumer(settings, config, parts.table, buffer, telemetry),
    )


def _consumer(
    settings: Settings,
    config: PipelineConfig,
    series: SeriesTable,
    buffer: Buffer,
    telemetry: Telemetry,
) -> Consumer | None:
    """What takes samples from a broker; None without one."""
    if not config.ingest.mqtt.broker:
        return None
    # Here, since its client takes a megabyte.
    from anomaly_dataplane.mqtt.build import consumer

    return consumer(settings, config, series, buffer, telemetry)


def _ledger(config: PipelineConfig, store: Store) -> Ledger:
    """What alerting keeps, beside what the store keeps."""
    if isinstance(store, RedisStore):
        partitions = config.redis.partitions
        return RedisLedger(store, Keys(config.pipeline.uid, partitions), partitions)
    return MemoryLedger(store if isinstance(store, MemoryStore) else MemoryStore())


def _sweep(pod: Pod) -> Sweep:
    """What looks for series that stopped reporting."""
    config, store = pod.config, pod.store
    partitions = config.redis.partitions
    register: Register
    if isinstance(store, RedisStore):
        keys = Keys(config.pipeline.uid, partitions)
        register = RedisRegister(store, keys, partitions, this_pod())
    else:
        register = MemoryRegister(store if isinstance(store, MemoryStore) else MemoryStore())
    return Sweep(
        register,
        store,
        lambda: pod.workers.book,
        config.detection.method,
        partitions,
        observer=pod.telemetry,
    )


def _reader(config: PipelineConfig, store: Store) -> Reader:
    """What queries read, beside the state of series."""
    if isinstance(store, RedisStore):
        partitions = config.redis.partitions
        return RedisReader(store, Keys(config.pipeline.uid, partitions), partitions)
    return MemoryReader(store if isinstance(store, MemoryStore) else MemoryStore())


def http_app(pod: Pod) -> web.Application:
    """The public application: every route with and without the prefix of the pipeline's route."""
    config = pod.config
    routes: list[tuple[str, str, Handler]] = [
        *(
            ("POST", path, IngestHandler(path, endpoint, pod.bodies, pod.telemetry).handle)
            for path, endpoint in pod.endpoints.items()
        ),
        *(
            (
                other.method,
                other.path,
                OtherHandler(other, pod.bodies, pod.telemetry, pod.gate).handle,
            )
            for name in config.ingest.protocols
            for other in pod.protocols[name].others
        ),
    ]
    queries: list[tuple[str, str, Handler]] = [
        (method, path, guarded(handler, pod.gate)) for method, path, handler in _queries(pod)
    ]
    if config.page.enabled:
        # It holds nothing to hide; what it shows it asks for, with a token if one is wanted.
        queries.append(("GET", PATH_PAGE, PageHandler().handle))
    described = _protocol_routes(pod)
    described += [(method, path, None) for method, path, _ in queries]
    described.append(("GET", PATH_OPENAPI, None))
    tokens = bool(config.ingest.auth.token_secret_ref.name)
    description = DescriptionHandler(described, config.base_path, tokens=tokens)
    queries.append(("GET", PATH_OPENAPI, description.handle))
    app = web.Application()
    app[PATHS] = [f"{method} {config.base_path}{path}" for method, path, _ in [*routes, *queries]]
    app[POSTS] = {
        prefix + path: handler
        for method, path, handler in routes
        for prefix in ("", config.base_path)
        if method == "POST" and "{" not in path
    }
    for method, path, handler in [*routes, *queries, *_switched_off(pod)]:
        for prefix in {"", config.base_path}:
            app.router.add_route(method, prefix + path, handler)
    if config.page.enabled and config.base_path:
        app.router.add_get(config.base_path, to_page)
    app.cleanup_ctx.append(_store(pod))
    if pod.shadow is not None:
        app.cleanup_ctx.append(_following(pod.shadow))
    app.cleanup_ctx.append(_workers(pod))
    app.cleanup_ctx.append(_watches(pod))
    if pod.consumer is not None:
        app.cleanup_ctx.append(_consuming(pod.consumer))
    return app


def _protocol_routes(pod: Pod) -> list[Route]:
    """The routes of the protocols that the pipeline takes."""
    routes: list[Route] = []
    for name in pod.config.ingest.protocols:
        protocol = pod.protocols[name]
        routes += [("POST", path, name) for path in protocol.dialects]
        routes += [(other.method, other.path, name) for other in protocol.others]
    return routes


def stats_handler(pod: Pod) -> StatsHandler:
    """What tells the pipeline's totals, on both ports."""
    return StatsHandler(pod.config.pipeline, pod.store, pod.workers)


def _queries(pod: Pod) -> list[tuple[str, str, Handler]]:
    """What people and machines ask for."""
    config, reader = pod.config, pod.reader
    blocks = Blocks(config, pod.store, reader)
    feedback = FeedbackHandler(config.detection, pod.store, reader, pod.bodies)
    return [
        ("GET", PATH_STATS, stats_handler(pod).handle),
        ("GET", PATH_ANOMALIES, AnomaliesHandler(reader).handle),
        ("POST", PATH_FEEDBACK, feedback.post),
        ("DELETE", PATH_FEEDBACK, feedback.delete),
        ("GET", PATH_ALERTS, AlertsHandler(pod.ledger).handle),
        ("GET", PATH_STREAM, StreamHandler(reader, pod.readiness).handle),
        ("GET", PATH_SERIES, SeriesListHandler(reader).handle),
        ("GET", PATH_ONE_SERIES, SeriesHandler(blocks).handle),
        ("GET", PATH_EXPLAIN, ExplainHandler(blocks, reader, pod.workers.rules_of).handle),
    ]


def _switched_off(pod: Pod) -> list[tuple[str, str, Handler]]:
    """The paths of the protocols that the pipeline does not take."""
    taken = pod.config.ingest.protocols
    told = f"this pipeline takes {', '.join(taken) or 'none'} (spec.ingest.protocols)"
    routes: list[tuple[str, str, Handler]] = []
    for name, protocol in pod.protocols.items():
        if name in taken:
            continue
        message = f"{name} is not switched on; {told}"
        mounts = [("POST", path, dialect) for path, dialect in protocol.dialects.items()]
        mounts += [(other.method, other.path, other.dialect) for other in protocol.others]
        routes += [
            (method, path, SwitchedOffHandler(dialect, pod.telemetry, message).handle)
            for method, path, dialect in mounts
        ]
    return routes


def front(pod: Pod, aiohttp: Callable[[], web.RequestHandler]) -> Front:
    """The short way to the same intake; `aiohttp` makes the connections that need more."""
    endpoints = {
        prefix + path: endpoint
        for path, endpoint in pod.endpoints.items()
        for prefix in {"", pod.config.base_path}
    }
    return Front(
        aiohttp,
        endpoints,
        pod.bodies,
        pod.telemetry,
        pod.readiness,
        max_body_bytes=pod.config.ingest.max_body_bytes,
        keepalive_seconds=pod.settings.keepalive_seconds,
    )


def _store(pod: Pod) -> Callable[[web.Application], AsyncIterator[None]]:
    async def context(_: web.Application) -> AsyncIterator[None]:
        yield
        await pod.store.aclose()

    return context


def _workers(pod: Pod) -> Callable[[web.Application], AsyncIterator[None]]:
    async def context(_: web.Application) -> AsyncIterator[None]:
        await pod.workers.start()
        yield
        await pod.workers.drain()

    return context


def _following(shadow: Shadowed) -> Callable[[web.Application], AsyncIterator[None]]:
    async def context(_: web.Application) -> AsyncIterator[None]:
        await shadow.start()
        yield
        await shadow.stop()

    return context


def _consuming(consumer: Consumer) -> Callable[[web.Application], AsyncIterator[None]]:
    async def context(_: web.Application) -> AsyncIterator[None]:
        await consumer.start()
        yield
        await consumer.stop()

    return context


def _watches(pod: Pod) -> Callable[[web.Application], AsyncIterator[None]]:
    async def context(_: web.Application) -> AsyncIterator[None]:
        def pause_learning(series: Sequence[Match]) -> None:
            pod.workers.pause_learning(series)
            if pod.shadow is not None:
                pod.shadow.pause_learning(series)

        pauses = LearningPauses(pod.config.alerting, pause_learning)
        pauses.look()  # before the first sample

        def take_over(config: PipelineConfig) -> None:
            pod.workers.update(config)
            if pod.shadow is not None:
                pod.shadow.update(config)
            pod.alerting.update(config)
            pauses.update(config.alerting)

        reload = ConfigWatch(Path(pod.settings.config), pod.config, take_over)
        watches = running(
            watch_store(pod.store, lambda: pod.workers.flow, pod.readiness, pod.telemetry),
            reload.run(),
            pauses.run(),
            pod.gate.watch(),
            _sweep(pod).run(),
            pod.series_limit.watch(),
        )
        async with watches, pod.alerting.running():
            yield

    return context


@contextlib.asynccontextmanager
async def running(*coroutines: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Run endless coroutines beside the body, and end them with it."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
