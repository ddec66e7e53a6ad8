"""A real kube-apiserver without nodes: etcd, the API server and some controllers as processes.

Nothing runs pods here, so a test sees every object that an operator makes, and what the API server
and the garbage collector do with it, three seconds after it began. Used by tests/apiserver and by
bench/operator.py.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from devcluster import kubeconfig
from devcluster.binaries import cache_key
from devcluster.kubeconfig import Credentials
from devcluster.node import pki
from devcluster.paths import Cache
from kube import Kubectl
from redis_server import free_port

ROOT = Path(__file__).resolve().parents[2]
CRD = ROOT / "crds" / "anomalypipelines.yaml"

COLLECTOR = ("garbage-collector-controller", "namespace-controller")
"""What deletes the children of what was deleted."""
WORKLOADS = ("deployment-controller", "replicaset-controller", "disruption-controller")
"""What makes pods, which then wait for a node for ever."""


def program(name: str) -> Path:
    """A program that the cluster tooling has built; without it the test fails, it never skips."""
    path = Cache.from_environment().root / "bin" / cache_key() / name
    if not path.exists():
        raise RuntimeError(f"there is no {name} at {path}: `make api-server` builds it once")
    return path


@dataclass(slots=True)
class ApiServer:
    """One API server that is ours alone."""

    folder: Path
    port: int
    processes: dict[str, subprocess.Popen[bytes]]
    commands: dict[str, list[str]]

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def credentials(self) -> Credentials:
        """Those of an administrator."""
        keys = self.folder / "pki"
        return Credentials(keys / "ca.crt", keys / "admin.crt", keys / "admin.key")

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    def kubectl(self, namespace: str = "default") -> Kubectl:
        """kubectl as an administrator."""
        return Kubectl(str(program("kubectl")), self.kubeconfig, namespace)

    def client_context(self) -> ssl.SSLContext:
        """TLS of an administrator, for clients that are no kubectl."""
        found = self.credentials
        context = ssl.create_default_context(cafile=str(found.authority))
        context.load_cert_chain(str(found.certificate), str(found.key))
        return context

    def start(self, name: str) -> None:
        """Start one of the processes (again)."""
        log = (self.folder / f"{name}.log").open("ab")
        with log:
            self.processes[name] = subprocess.Popen(
                self.commands[name], stdout=log, stderr=log, cwd=self.folder
            )

    def stop(self, name: str) -> None:
        """Kill one of the processes, as a crash would."""
        process = self.processes.pop(name, None)
        if process is not None:
            process.kill()
            process.wait()

    def restart(self, name: str) -> None:
        """Let one of the processes begin anew."""
        self.stop(name)
        self.start(name)

    def wait(self, within: float = 240) -> None:
        """Wait until the API server says that it is ready."""
        deadline = time.monotonic() + within
        last: object = None
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, urllib.error.URLError):
                request = urllib.request.Request(f"{self.url}/readyz")
                with urllib.request.urlopen(request, context=self.client_context()) as answer:
                    last = answer.status
                    if answer.status == 200:
                        return
            gone = [name for name, each in self.processes.items() if each.poll() is not None]
            if gone:
                text = (self.folder / f"{gone[0]}.log").read_text()[-2000:]
                raise RuntimeError(f"{gone[0]} has ended: {text}")
            time.sleep(0.1)
        raise RuntimeError(f"the API server is not ready after {within:g} s; last answer {last}")


@contextmanager
def api_server(
    controllers: Sequence[str] = (*COLLECTOR, *WORKLOADS), *flags: str
) -> Iterator[ApiServer]:
    """A fresh API server that knows AnomalyPipelines; gone without a trace at the end.

    Args:
        controllers: of kube-controller-manager; none starts none.
        flags: more of them for kube-apiserver.
    """
    folder = Path(tempfile.mkdtemp(prefix="anomaly-api-"))
    server = ApiServer(folder, free_port(), {}, {})
    try:
        pki.write_all(folder / "pki")
        admin = kubeconfig.render("anomaly-test", server.url, server.credentials)
        kubeconfig.write_private(server.kubeconfig, admin)
        store = f"http://127.0.0.1:{free_port()}"
        server.commands["etcd"] = _etcd(folder, store)
        server.commands["kube-apiserver"] = [*_api_server(folder, server.port, store), *flags]
        server.start("etcd")
        server.start("kube-apiserver")
        server.wait()
        kubectl = server.kubectl()
        kubectl.run("create", "-f", str(CRD))
        kubectl.run("wait", "--for=condition=Established", "--timeout=240s", "-f", str(CRD))
        if controllers:  # not before: the garbage collector looks for new kinds every 30 s only
            server.commands["kube-controller-manager"] = _controller_manager(server, controllers)
            server.start("kube-controller-manager")
        yield server
    finally:
        for name in reversed(list(server.processes)):
            server.stop(name)
        if not os.environ.get("ANOMALY_KEEP_API"):
            shutil.rmtree(folder, ignore_errors=True)


def _etcd(folder: Path, client: str) -> list[str]:
    peer = f"http://127.0.0.1:{free_port()}"
    return [
        str(program("etcd")),
        "--name=test",
        f"--data-dir={folder}/etcd",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=test={peer}",
        "--unsafe-no-fsync=true",
        "--log-level=warn",
    ]


def _api_server(folder: Path, port: int, store: str) -> list[str]:
    keys = folder / "pki"
    return [
        str(program("kube-apiserver")),
        f"--etcd-servers={store}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",
        f"--secure-port={port}",
        "--service-cluster-ip-range=10.97.0.0/16",
        "--authorization-mode=RBAC",
        "--disable-admission-plugins=ServiceAccount",  # no controller fills service accounts in
        "--profiling=false",
        f"--cert-dir={keys}",
        f"--client-ca-file={keys}/ca.crt",
        f"--tls-cert-file={keys}/apiserver.crt",
        f"--tls-private-key-file={keys}/apiserver.key",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={keys}/service-accounts.pub",
        f"--service-account-signing-key-file={keys}/service-accounts.key",
    ]


def _controller_manager(server: ApiServer, controllers: Sequence[str]) -> list[str]:
    config = str(server.kubeconfig)
    return [
        str(program("kube-controller-manager")),
        f"--kubeconfig={config}",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        "--bind-address=127.0.0.1",
        "--secure-port=0",
        "--leader-elect=false",
        f"--controllers={','.join(controllers)}",
    ]
