"""Who may speak with the pods and the managed Redis, and with whom they may: NetworkPolicies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from anomaly_dataplane.contract import runtime
from anomaly_operator import kinds, names
from anomaly_operator.desired.metadata import Manifest, manifest
from anomaly_operator.spec import Pipeline

_DNS_PORT = 53
_ADDRESS = re.compile(r"(?:([a-z][a-z0-9+]*)://)?[^\s/@:\[\]]+(?::([0-9]{1,5}))?(?:/\S*)?")
_SCHEME_PORTS = {"http": 80, "https": 443, "mqtt": 1883, "mqtts": 8883}
_HOLD_ADDRESSES = frozenset({"url", "urls", "broker"})


def policies(pipeline: Pipeline) -> list[Manifest]:
    """The policies that are wanted; mostly none."""
    if not pipeline.network_policy.enabled:
        return []
    found = [dataplane_policy(pipeline)]
    if pipeline.redis.managed is not None:
        found.append(redis_policy(pipeline))
    return found


def dataplane_policy(pipeline: Pipeline) -> Manifest:
    """The policy of the pipeline's pods."""
    wanted = pipeline.network_policy
    name = names.dataplane(pipeline.name)
    head = manifest(pipeline, kinds.NETWORK_POLICY, name, names.DATAPLANE)
    senders, scrapers = list(wanted.allow_from), list(wanted.scrape_from)
    if wanted.operator_namespace:
        # The operator asks either port for the pipeline's totals.
        label = {"kubernetes.io/metadata.name": wanted.operator_namespace}
        for allowed in filter(None, (senders, scrapers)):
            allowed.append({"namespaceSelector": {"matchLabels": label}})
    return {
        **head,
        "spec": {
            "podSelector": {"matchLabels": names.selector(pipeline.name, names.DATAPLANE)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [
                _from(senders, runtime.HTTP_PORT),
                _from(scrapers, runtime.ADMIN_PORT),
            ],
            "egress": [
                {"ports": [_port(_DNS_PORT, "UDP"), _port(_DNS_PORT)]},
                *_egress(pipeline),
                *wanted.allow_to,
            ],
        },
    }


def redis_policy(pipeline: Pipeline) -> Manifest:
    """The policy of the managed Redis: its pipeline comes in, nothing goes out."""
    name = names.redis(pipeline.name)
    pods = {"matchLabels": names.selector(pipeline.name, names.DATAPLANE)}
    return {
        **manifest(pipeline, kinds.NETWORK_POLICY, name, names.REDIS),
        "spec": {
            "podSelector": {"matchLabels": names.selector(pipeline.name, names.REDIS)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [_from([{"podSelector": pods}], runtime.REDIS_PORT)],
            "egress": [],
        },
    }


def _egress(pipeline: Pipeline) -> Iterator[dict[str, Any]]:
    if pipeline.redis.managed is not None:
        pods = {"matchLabels": names.selector(pipeline.name, names.REDIS)}
        yield {"to": [{"podSelector": pods}], "ports": [_port(runtime.REDIS_PORT)]}
    groups = {key: value for key, value in pipeline.document.items() if key != "redis"}
    ports = set(_ports(groups))
    if pipeline.redis.managed is None:
        ports |= set(_ports(pipeline.document["redis"]))
        if pipeline.redis.mode != "Standalone":
            ports.add(runtime.REDIS_PORT)  # where primaries mostly are that Sentinels announce
    if ports:
        yield {"ports": [_port(port) for port in sorted(ports)]}


def _ports(node: Any, key: str = "") -> Iterator[int]:
    """The ports of all addresses below a node of the config document."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            yield from _ports(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from _ports(value, key)
    elif isinstance(node, str) and key in _HOLD_ADDRESSES:
        found = _ADDRESS.fullmatch(node)
        if found is not None:
            port = int(found[2]) if found[2] else _SCHEME_PORTS.get(found[1] or "", 0)
            if port:
                yield port


def _from(peers: list[Any], port: int) -> dict[str, Any]:
    rule: dict[str, Any] = {"ports": [_port(port)]}
    if peers:
        rule["from"] = peers
    return rule


def _port(number: int, protocol: str = "TCP") -> dict[str, Any]:
    return {"port": number, "protocol": protocol}
