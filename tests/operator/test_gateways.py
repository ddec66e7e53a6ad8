"""What is read of a Gateway, and how often."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator import kinds
from anomaly_operator.errors import ApiError
from anomaly_operator.gateways import KEPT_SECONDS, Gateways
from anomaly_operator.listeners import Listener
from fake_cluster import FakeCluster

LIVE: dict[str, Any] = {
    "apiVersion": kinds.GATEWAY.api_version,
    "kind": "Gateway",
    "metadata": {"name": "public", "namespace": "gateways"},
    "spec": {
        "listeners": [
            {"name": "a", "port": 80, "protocol": "HTTP"},
            {"name": "b", "port": 443, "protocol": "HTTPS", "hostname": "*.example"},
            {"name": "c", "port": 53, "protocol": "UDP"},
        ]
    },
    "status": {"addresses": [{"type": "IPAddress", "value": "192.0.2.7"}]},
}
PARENT = {"name": "public", "namespace": "gateways"}


async def test_listeners_of_http_and_addresses_are_kept() -> None:
    """What serves no HTTPRoute is left out."""
    cluster = FakeCluster()
    cluster.put(LIVE)

    found = await Gateways(cluster, lambda: 0.0).of(PARENT, "team")

    assert found is not None
    assert found.listeners == (
        Listener("a", "", 80, secure=False),
        Listener("b", "*.example", 443, secure=True),
    )
    assert found.addresses == ("192.0.2.7",)


async def test_many_pipelines_cost_one_request() -> None:
    """Until what was read is old."""
    now = 0.0
    cluster = FakeCluster()
    cluster.put(LIVE)
    gateways = Gateways(cluster, lambda: now)

    for _ in range(100):
        await gateways.of(PARENT, "team")
    now = KEPT_SECONDS
    await gateways.of(PARENT, "team")

    assert cluster.requests == [("get", "gateways", "public")] * 2


async def test_a_gateway_that_may_not_be_read_is_not_known() -> None:
    """An operator of some namespaces has no right to look into others."""
    cluster = FakeCluster()
    cluster.failing["get", "gateways"] = ApiError(403, "forbidden")

    assert await Gateways(cluster, lambda: 0.0).of(PARENT, "team") is None


async def test_a_failing_api_server_is_not_taken_for_an_answer() -> None:
    """The reconcile is repeated."""
    cluster = FakeCluster()
    cluster.failing["get", "gateways"] = ApiError(503, "busy")

    with pytest.raises(ApiError):
        await Gateways(cluster, lambda: 0.0).of(PARENT, "team")
