"""The Kubernetes kinds the operator deals with: API group, plural, and what it does with each.

Used by `cluster` for paths, by `handlers` for watches and by the RBAC test.
"""

from __future__ import annotations

from dataclasses import dataclass

from anomaly_operator import names


@dataclass(frozen=True, slots=True)
class Kind:
    """One namespaced kind and where the API serves it."""

    api_version: str
    kind: str
    plural: str

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        return self.api_version.rpartition("/")[2]

    def path(self, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
        """The URL path of a collection, an object or its subresource."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.api_version}"
        parts = [root]
        if namespace is not None:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        parts += [part for part in (name, subresource) if part]
        return "/".join(parts)


PIPELINE = Kind(names.API_VERSION, names.KIND, names.PLURAL)
SERVICE_ACCOUNT = Kind("v1", "ServiceAccount", "serviceaccounts")
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
SECRET = Kind("v1", "Secret", "secrets")
SERVICE = Kind("v1", "Service", "services")
POD = Kind("v1", "Pod", "pods")
EVENT = Kind("v1", "Event", "events")
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
JOB = Kind("batch/v1", "Job", "jobs")
STATEFUL_SET = Kind("apps/v1", "StatefulSet", "statefulsets")
INGRESS_CLASS = Kind("networking.k8s.io/v1", "IngressClass", "ingressclasses")
INGRESS = Kind("networking.k8s.io/v1", "Ingress", "ingresses")
HTTP_ROUTE = Kind("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes")
GATEWAY = Kind("gateway.networking.k8s.io/v1", "Gateway", "gateways")
NETWORK_POLICY = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
AUTOSCALER = Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
DISRUPTION_BUDGET = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")
SERVICE_MONITOR = Kind("monitoring.coreos.com/v1", "ServiceMonitor", "servicemonitors")
PROMETHEUS_RULE = Kind("monitoring.coreos.com/v1", "PrometheusRule", "prometheusrules")

CHILDREN = (
    SERVICE_ACCOUNT,
    CONFIG_MAP,
    SERVICE,
    DEPLOYMENT,
    STATEFUL_SET,
    INGRESS,
    HTTP_ROUTE,
    NETWORK_POLICY,
    AUTOSCALER,
    DISRUPTION_BUDGET,
    SERVICE_MONITOR,
    PROMETHEUS_RULE,
)
"""Watched, applied and pruned. Secrets are not among them: nobody may list those cluster-wide.
Nor are Jobs, which there are only while a pipeline goes away."""

OPTIONAL = frozenset({HTTP_ROUTE, SERVICE_MONITOR, PROMETHEUS_RULE})
"""Kinds that a cluster may lack."""

_BY_KIND = {
    (kind.api_version, kind.kind): kind for kind in (*CHILDREN, SECRET, PIPELINE, LEASE, JOB)
}


def of(manifest: dict[str, object]) -> Kind:
    """The kind of a manifest."""
    return _BY_KIND[str(manifest["apiVersion"]), str(manifest["kind"])]
