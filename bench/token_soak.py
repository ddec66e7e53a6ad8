"""`python -m bench.token_soak`: the operator over tokens that really expire, for as long as told.

A real kube-apiserver without nodes; this program plays the kubelet, which renews the token of a
pod's service account when four fifths of its time are over. The operator finds it where pods do,
in a mount namespace of its own (which takes root). Every half minute a Service is deleted and has
to come back, and a pipeline is edited. Any failure ends it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from api_server import COLLECTOR, ApiServer, api_server
from kube import Kubectl, says
from operator_process import OperatorProcess
from pipelines import resource
from polling import eventually
from redis_server import free_port

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TOKEN_SECONDS = 600
"""The shortest that an API server gives out."""
PAUSE_SECONDS = 30.0


class InCluster(OperatorProcess):
    """An operator that finds the API server as a pod does."""

    def environment(self) -> dict[str, str]:
        address = self.settings_url.removeprefix("https://")
        host, _, port = address.partition(":")
        found = super().environment()
        found.pop("KUBECONFIG")
        return {**found, "KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}

    settings_url = ""


def renew(kubectl: Kubectl) -> None:
    """Replace the token as a kubelet does: at once, by a rename."""
    text = kubectl.run("create", "token", "operator", f"--duration={TOKEN_SECONDS}s").strip()
    fresh = ACCOUNT / "token.new"
    fresh.write_text(text)
    fresh.rename(ACCOUNT / "token")


def soak(server: ApiServer, folder: Path, seconds: float) -> None:
    """Run it; raises AssertionError at the first thing that goes wrong."""
    kubectl = server.kubectl()
    kubectl.run("create", "serviceaccount", "operator")
    binding = ("clusterrolebinding", "operator", "--clusterrole=cluster-admin")
    kubectl.run("create", *binding, "--serviceaccount=default:operator")
    shutil.copy(server.credentials.authority, ACCOUNT / "ca.crt")
    (ACCOUNT / "namespace").write_text("default")
    renew(kubectl)
    process = InCluster(server.kubeconfig, folder / "operator.log", {}, free_port())
    process.settings_url = server.url
    begun = renewed = time.monotonic()
    renewals = rounds = 0
    try:
        process.start()
        kubectl.apply(resource("boiler"))
        applied = partial(_is_applied, kubectl)
        eventually("it is applied", applied)
        while time.monotonic() - begun < seconds:
            if time.monotonic() - renewed > 0.8 * TOKEN_SECONDS:
                renew(kubectl)
                renewed, renewals = time.monotonic(), renewals + 1
            rounds += 1
            kubectl.delete("service", "boiler")
            eventually("the Service is back", partial(kubectl.get, "service", "boiler"))
            threshold = f"3.{rounds}"
            kubectl.patch("ap", "boiler", {"spec": {"detection": {"threshold": threshold}}})
            eventually("the edit is done", partial(_has, kubectl, threshold))
            assert process.process is not None
            assert process.process.poll() is None, process.tail()
            assert process.get("/livez")[0] == 200, process.get("/livez")
            refused = process.metric("anomaly_operator_api_requests_total", code="401")
            print(
                f"{time.monotonic() - begun:5.0f} s  {renewals} renewals, {rounds} deletions and"
                f" edits done, {refused:.0f} requests refused on the way,"
                f" {process.resident_mib():.0f} MiB",
                flush=True,
            )
            time.sleep(PAUSE_SECONDS)
    finally:
        process.kill()


def _is_applied(kubectl: Kubectl) -> bool:
    return says(kubectl.need("ap", "boiler"), "Applied", "True")


def _has(kubectl: Kubectl, threshold: str) -> bool:
    text = kubectl.need("configmap", "boiler-config")["data"]["pipeline.json"]
    return bool(json.loads(text)["detection"]["threshold"] == threshold)


def main() -> int:
    """Begin anew where nobody else sees the account's files, and run it."""
    parser = argparse.ArgumentParser(prog="bench.token_soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=65)
    options = parser.parse_args()
    if os.environ.get("ANOMALY_SOAK") != "inside":
        ACCOUNT.parent.mkdir(parents=True, exist_ok=True)
        hidden = f'mount -t tmpfs tmpfs {ACCOUNT.parent} && mkdir {ACCOUNT} && exec "$@"'
        command = [sys.executable, "-m", "bench.token_soak", *sys.argv[1:]]
        environ = {**os.environ, "ANOMALY_SOAK": "inside"}
        shell = ["unshare", "--mount", "sh", "-c", hidden, "sh", *command]
        return subprocess.run(shell, env=environ, check=False).returncode
    with tempfile.TemporaryDirectory() as folder, api_server(COLLECTOR) as server:
        soak(server, Path(folder), options.minutes * 60)
    return 0


if __name__ == "__main__":
    sys.exit(main())
