"""The cluster's Prometheus and Alertmanager, asked through the API server's proxy."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from kube import Kubectl

_SERVICES = "/api/v1/namespaces/monitoring/services"


@dataclass(frozen=True, slots=True)
class Prometheus:
    """What `hack/devcluster/monitoring` has put into the cluster."""

    kubectl: Kubectl

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series that an expression gives now: labels and value of each."""
        answer = self._get(f"prometheus-operated:9090/proxy/api/v1/query?query={quote(expression)}")
        assert answer["status"] == "success", answer
        return [
            {"labels": found["metric"], "value": float(found["value"][1])}
            for found in answer["data"]["result"]
        ]

    def rules(self, namespace: str) -> dict[str, str]:
        """Return the health of every alerting rule of a namespace, by the alert's name."""
        answer = self._get("prometheus-operated:9090/proxy/api/v1/rules?type=alert")
        return {
            rule["name"]: rule["health"]
            for group in answer["data"]["groups"]
            if group["file"].rpartition("/")[2].startswith(f"{namespace}-")
            for rule in group["rules"]
        }

    def alerts_received(self, namespace: str) -> list[dict[str, Any]]:
        """Return the active alerts about a namespace that Alertmanager has."""
        matcher = quote(f'namespace="{namespace}"')
        answer = self._get(
            f"alertmanager-operated:9093/proxy/api/v2/alerts?active=true&filter={matcher}"
        )
        assert isinstance(answer, list)
        return answer

    def _get(self, path: str) -> Any:
        return json.loads(self.kubectl.run("get", "--raw", f"{_SERVICES}/{path}"))
