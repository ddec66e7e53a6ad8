"""The config document of a benchmarked pipeline, by the operator's own code, as its pods get it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from anomaly_dataplane.contract import runtime
from anomaly_operator import spec
from anomaly_operator.desired.configmap import config_map
from anomaly_operator.errors import InvalidSpec
from anomaly_operator.settings import Settings
from bench.errors import BenchError

CLUSTER_PARTITIONS = 12
"""Of a pipeline on a Cluster: four for each of three primaries."""


def document(
    method: str,
    *,
    fast_path: bool = False,
    cache_bytes: int = 0,
    cluster: Sequence[str] = (),
    uid: str = "",
) -> str:
    """The content of the ConfigMap of a pipeline with defaults but for these.

    Args:
        method: of detection.
        fast_path: with the front protocol, as pipelines have it by default.
        cache_bytes: workers.maxCacheBytes; 0 for the default.
        cluster: host:port of the nodes of a Redis Cluster; none for a single Redis.
        uid: of the pipeline; a new one if empty.

    Raises:
        BenchError: the operator refuses it.
    """
    body: dict[str, object] = {
        "detection": {"method": method},
        "ingest": {"fastPath": fast_path},
    }
    if cache_bytes:
        body["workers"] = {"maxCacheBytes": cache_bytes}
    if cluster:
        urls = list(cluster)
        body["redis"] = {"mode": "Cluster", "urls": urls, "partitions": CLUSTER_PARTITIONS}
    metadata = {
        "name": "bench",
        "namespace": "bench",
        "uid": uid or str(uuid.uuid4()),
        "generation": 1,
    }
    try:
        pipeline = spec.parse({"metadata": metadata, "spec": body}, Settings())
    except InvalidSpec as error:
        raise BenchError(f"the operator refuses the benchmark's pipeline: {error}") from None
    text: str = config_map(pipeline)["data"][runtime.CONFIG_FILE]
    return text


def has_fast_path() -> bool:
    """Tell whether this build has the front protocol."""
    return _accepts(fast_path=True)


def has_cache_setting() -> bool:
    """Tell whether the cache of this build can be made smaller."""
    return _accepts(cache_bytes=2**21)


def _accepts(*, fast_path: bool = False, cache_bytes: int = 0) -> bool:
    try:
        document("Fused", fast_path=fast_path, cache_bytes=cache_bytes)
    except BenchError:
        return False
    return True
