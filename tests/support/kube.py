"""kubectl as a test sees it: objects in, objects out, errors as the API server words them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from anomaly_operator import names

Manifest = dict[str, Any]


class Refused(Exception):
    """kubectl failed; the message is what a person would have read."""


class Kubectl:
    """Runs kubectl against one cluster, and in one namespace unless told otherwise."""

    def __init__(self, binary: str, kubeconfig: Path, namespace: str = "default") -> None:
        self.binary = binary
        self.kubeconfig = kubeconfig
        self.namespace = namespace

    def within(self, namespace: str) -> Kubectl:
        """Return the same cluster seen from another namespace."""
        return Kubectl(self.binary, self.kubeconfig, namespace)

    def run(self, *args: str, stdin: str | None = None, timeout: float = 240) -> str:
        """Run kubectl; return its standard output."""
        command = [
            self.binary,
            f"--kubeconfig={self.kubeconfig}",
            f"--namespace={self.namespace}",
            *args,
        ]
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False
        )
        if done.returncode != 0:
            raise Refused(done.stderr.strip() or done.stdout.strip())
        return done.stdout

    def apply(self, *objects: Mapping[str, Any], dry_run: bool = False) -> None:
        """Apply objects as a person does, by `kubectl apply -f -`."""
        text = yaml.safe_dump_all([dict(o) for o in objects], sort_keys=False)
        self.run("apply", *(["--dry-run=server"] if dry_run else []), "-f", "-", stdin=text)

    def get(self, kind: str, name: str) -> Manifest | None:
        """Return an object, or None where there is none (or no such kind)."""
        try:
            found = json.loads(self.run("get", kind, name, "-o", "json"))
        except Refused as refused:
            if "NotFound" in str(refused) or "the server doesn't have a resource" in str(refused):
                return None
            raise
        assert isinstance(found, dict)
        return found

    def need(self, kind: str, name: str) -> Manifest:
        """Return an object that must exist."""
        found = self.get(kind, name)
        assert found is not None, f"no {kind}/{name} in {self.namespace}"
        return found

    def list(self, kind: str, selector: str = "") -> list[Manifest]:
        """Return the objects of a kind, by label if asked."""
        narrowed = ["-l", selector] if selector else []
        items = json.loads(self.run("get", kind, *narrowed, "-o", "json"))["items"]
        assert isinstance(items, list)
        return items

    def delete(self, kind: str, name: str, *flags: str, wait: bool = True) -> None:
        """Delete an object that may be gone already."""
        self.run(
            "delete",
            kind,
            name,
            "--ignore-not-found",
            f"--wait={str(wait).lower()}",
            *flags,
        )

    def patch(self, kind: str, name: str, change: Mapping[str, Any]) -> None:
        """Change an object by a JSON merge patch."""
        self.run("patch", kind, name, "--type=merge", "-p", json.dumps(change))


def condition(resource: Manifest, kind: str) -> Manifest:
    """Return a condition of a custom resource; an empty one where it has none."""
    for entry in resource.get("status", {}).get("conditions", []):
        if entry["type"] == kind:
            assert isinstance(entry, dict)
            return entry
    return {}


def says(resource: Manifest, kind: str, status: str, reason: str = "") -> bool:
    """Tell whether a condition has this status (and reason), and is about the current spec."""
    seen = condition(resource, kind)
    current = resource["metadata"].get("generation")
    return (
        seen.get("status") == status
        and (not reason or seen.get("reason") == reason)
        and seen.get("observedGeneration", current) == current
    )


def applied_at(kubectl: Kubectl, kind: str, name: str) -> float:
    """When the operator has last changed an object, by the API server's clock."""
    text = kubectl.run("get", kind, name, "-o", "json", "--show-managed-fields")
    times = [
        entry["time"]
        for entry in json.loads(text)["metadata"]["managedFields"]
        if (entry["manager"], entry["operation"]) == (names.FIELD_MANAGER, "Apply")
    ]
    return datetime.fromisoformat(max(times)).timestamp()


def created_at(live: Manifest) -> float:
    """When an object was made, by the API server's clock."""
    return datetime.fromisoformat(live["metadata"]["creationTimestamp"]).timestamp()


def end_job(kubectl: Kubectl, job: str, how: str) -> None:
    """Say what the Job's controller would: API servers want the step before, too."""
    before = {"Complete": "SuccessCriteriaMet", "Failed": "FailureTarget"}[how]
    at = "2026-01-01T00:00:00Z"
    status: dict[str, Any] = {
        "startTime": at,
        "conditions": [
            {"type": each, "status": "True", "reason": "Test", "message": "by the test"}
            for each in (before, how)
        ],
    }
    if how == "Complete":
        status["completionTime"] = at
    change = json.dumps({"status": status})
    kubectl.run("patch", "job", job, "--subresource=status", "--type=merge", "-p", change)
