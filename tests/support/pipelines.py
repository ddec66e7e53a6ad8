"""One AnomalyPipeline on a real cluster: its resource, its route, its children."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from anomaly_dataplane.contract.runtime import PATH_ANOMALIES, PATH_INGEST, PATH_STATS
from device import Answer, Sample, call, sample
from kube import Kubectl, Manifest, Refused, condition, says
from polling import PATIENCE, eventually

API_VERSION = "anomalypipeline.io/v1alpha1"
RESOURCE = "anomalypipelines.anomalypipeline.io"
READY_WITHIN = 60.0
"""What a person is promised for a five-line CR."""


LIGHT: dict[str, Any] = {"resources": {"requests": {"cpu": "50m"}}}
"""Lets the pods of several files fit on a node of two cores, whose scheduler adds up requests."""


def resource(name: str, spec: dict[str, Any] | None = None) -> Manifest:
    """A CR; without a spec it is the five-line one."""
    return {
        "apiVersion": API_VERSION,
        "kind": "AnomalyPipeline",
        "metadata": {"name": name},
        "spec": spec or {},
    }


def noise(
    metric: str, device: str, count: int, *, first: int = 0, level: float = 20
) -> list[Sample]:
    """A stable series: one sample a second around a level, the same on every run."""
    dice = random.Random(f"{device}/{first}")
    return [
        sample(metric, device, first + i, round(dice.gauss(level, 0.5), 3)) for i in range(count)
    ]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline that a test looks after."""

    kubectl: Kubectl
    name: str
    ingress: str
    """Base URL of the cluster's ingress on loopback."""

    @property
    def base(self) -> str:
        """The URL that the outside world has for this pipeline."""
        return f"{self.ingress}/{self.kubectl.namespace}/{self.name}"

    @property
    def selector(self) -> str:
        """Label selector of everything that belongs to it."""
        return f"app.kubernetes.io/instance={self.name}"

    def apply(self, spec: dict[str, Any] | None = None) -> None:
        """Create or change the CR."""
        self.kubectl.apply(resource(self.name, spec))

    def read(self) -> Manifest:
        """The CR as it stands."""
        return self.kubectl.need(RESOURCE, self.name)

    def ready(self) -> bool:
        """Tell whether Ready is True for the current spec."""
        return says(self.read(), "Ready", "True")

    def await_ready(self, within: float = PATIENCE) -> None:
        """Wait for Ready=True; the message on failure says what stands in the way."""

        def probe() -> bool:
            conditions = self.read().get("status", {}).get("conditions", [])
            assert self.ready(), [
                f"{c['type']}={c['status']} {c.get('reason', '')}: {c.get('message', '')}"
                for c in conditions
                if c["status"] != "True"
            ]
            return True

        eventually(f"{self.name} is Ready", probe, within=within)

    def kubectl_wait(self, condition: str, seconds: int) -> bool:
        """`kubectl wait --for=condition=...`: whether it held before the time was up."""
        asked = [f"--for=condition={condition}", f"{RESOURCE}/{self.name}", f"--timeout={seconds}s"]
        try:
            self.kubectl.run("wait", *asked, timeout=seconds + 60)
        except Refused as refused:
            if "timed out waiting" not in str(refused):
                raise
            return False
        return True

    def await_condition(
        self, kind: str, status: str, reason: str = "", *, within: float = PATIENCE
    ) -> Manifest:
        """Wait for a condition and return it."""

        def probe() -> Manifest:
            current = self.read()
            assert says(current, kind, status, reason), condition(current, kind)
            return condition(current, kind)

        return eventually(f"{kind}={status} {reason}", probe, within=within)

    def send(self, samples: Sequence[Sample], *, verdicts: bool = False, host: str = "") -> Answer:
        """Post samples once."""
        query = "?verdicts=true" if verdicts else ""
        return call("POST", self.base + PATH_INGEST + query, content=samples, host=host)

    def send_until_taken(
        self, samples: Sequence[Sample], *, verdicts: bool = False, host: str = ""
    ) -> Answer:
        """Post samples as a device does: again and again until a 2xx."""

        def probe() -> Answer:
            answer = self.send(samples, verdicts=verdicts, host=host)
            assert 200 <= answer.status < 300, answer
            return answer

        return eventually(f"{self.name} takes samples", probe)

    def stats(self) -> dict[str, Any]:
        """Totals of the whole pipeline."""
        body = call("GET", self.base + PATH_STATS).ok().body
        assert isinstance(body, dict)
        return body

    def anomalies(self) -> list[dict[str, Any]]:
        """The anomalies that the query API knows."""
        body = call("GET", self.base + PATH_ANOMALIES).ok().body
        found = body["anomalies"]
        assert isinstance(found, list)
        return found

    def pods(self, component: str = "dataplane") -> list[Manifest]:
        """Its pods of one component that are not on their way out."""
        found = self.kubectl.list(
            "pods", f"{self.selector},app.kubernetes.io/component={component}"
        )
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def children(self, kinds: Iterable[str]) -> dict[str, Manifest]:
        """Everything labelled as its own, by `Kind/name`."""
        found = self.kubectl.list(",".join(kinds), self.selector)
        return {f"{o['kind']}/{o['metadata']['name']}": o for o in found}
