"""What a spec names and somebody else makes: Secrets, the IngressClass, Gateways.

Pure; `lookup` looks whether they exist, and the condition ReferencesResolved tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from anomaly_operator import kinds
from anomaly_operator.kinds import Kind
from anomaly_operator.spec import Pipeline


@dataclass(frozen=True, slots=True)
class Reference:
    """An object that a field names; the namespace is None for one of the whole cluster."""

    field: str
    kind: Kind
    namespace: str | None
    name: str


def named(pipeline: Pipeline) -> Iterator[Reference]:
    """All that the pipeline cannot do its work without."""
    secrets = {"spec.ingest.auth.tokenSecretRef": pipeline.token_secret}
    if pipeline.mqtt is not None:
        secrets["spec.ingest.mqtt.secretRef"] = pipeline.mqtt.secret
    if pipeline.redis.managed is None:
        secrets["spec.redis.secretRef"] = pipeline.redis.credentials_secret
    for webhook in pipeline.document["alerting"]["webhooks"]:
        field = f'spec.alerting.webhooks["{webhook["name"]}"].secretRef'
        secrets[field] = webhook["secretRef"]["name"]
    peers = pipeline.document["alerting"]["alertmanager"]
    secrets["spec.alerting.alertmanager.secretRef"] = peers["secretRef"]["name"]
    expose = pipeline.expose
    if expose.ingress:
        secrets["spec.expose.tls.secretName"] = expose.tls_secret
    for field, name in secrets.items():
        if name:
            yield Reference(field, kinds.SECRET, pipeline.namespace, name)
    if expose.ingress and expose.class_name:
        yield Reference(
            "spec.expose.ingressClassName", kinds.INGRESS_CLASS, None, expose.class_name
        )
    for parent in expose.parent_refs:
        namespace = parent.get("namespace") or pipeline.namespace
        yield Reference("spec.expose.parentRefs", kinds.GATEWAY, namespace, parent["name"])
