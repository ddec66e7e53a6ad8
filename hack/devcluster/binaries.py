"""Build every Go program of the cluster from the pinned modules, once per version.

The folder of the binaries is named after a hash of all that decides them, so a second run finds
them at once and a changed pin builds anew.
"""

import hashlib
import os
import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devcluster.command import download
from devcluster.golang import GOMOD, build_environment, go_command
from devcluster.paths import Cache
from devcluster.screen import say, step
from devcluster.versions import KUBERNETES

_K8S = "k8s.io/kubernetes/cmd"


@dataclass(frozen=True, slots=True)
class Binary:
    """A program and the Go package it is built from."""

    name: str
    package: str


ADDONS = (
    Binary("pause", "./pause"),
    Binary("kubectl", f"{_K8S}/kubectl"),
    Binary("helm", "helm.sh/helm/v4/cmd/helm"),
    Binary("contour", "github.com/projectcontour/contour/cmd/contour"),
    Binary("metrics-server", "./metrics-server"),
    Binary("storage", "./storage"),
    Binary("coredns", "./coredns"),
)
CONTROL_PLANE = (
    Binary("etcd", "./etcd"),
    Binary("kube-apiserver", f"{_K8S}/kube-apiserver"),
    Binary("kube-controller-manager", f"{_K8S}/kube-controller-manager"),
    Binary("kube-scheduler", f"{_K8S}/kube-scheduler"),
    Binary("kubelet", f"{_K8S}/kubelet"),
    Binary("kube-proxy", f"{_K8S}/kube-proxy"),
)
KIND = (Binary("kind", "sigs.k8s.io/kind"),)


CLIENTS = tuple(binary for binary in ADDONS if binary.name in {"kubectl", "helm"})
"""What works without a cluster, too."""

API_SERVER = (
    *(binary for binary in ADDONS if binary.name == "kubectl"),
    *(binary for binary in CONTROL_PLANE if binary.name.startswith(("etcd", "kube-api", "kube-c"))),
)
"""An API server without nodes, and what talks to it."""


def link_flags() -> str:
    """Return the linker flags: stripped, and knowing their Kubernetes version."""
    major, minor, _ = KUBERNETES.removeprefix("v").split(".")
    version = "k8s.io/component-base/version"
    return (
        f"-s -w -X {version}.gitVersion={KUBERNETES} -X {version}.gitMajor={major}"
        f" -X {version}.gitMinor={minor} -X k8s.io/client-go/pkg/version.gitVersion={KUBERNETES}"
    )


def cache_key(sources: Path = GOMOD) -> str:
    """Return a short hash of the pinned modules, our own Go files, the packages and the flags."""
    programs = (*ADDONS, *CONTROL_PLANE, *KIND)
    built = [link_flags(), *(f"{binary.name}={binary.package}" for binary in programs)]
    digest = hashlib.sha256("\n".join(built).encode())
    for path in sorted(sources.rglob("*")):
        if path.name in {"go.mod", "go.sum"} or path.suffix == ".go":
            digest.update(str(path.relative_to(sources)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def ensure(cache: Cache, wanted: Sequence[Binary]) -> Path:
    """Return the folder that holds the wanted programs, building those that are missing."""
    folder = cache.folder("bin", cache_key())
    missing = [binary for binary in wanted if not (folder / binary.name).exists()]
    if missing:
        with step(f"building {len(missing)} Go programs (the first time takes minutes)"):
            build(cache, folder, missing)
    return folder


def build(
    cache: Cache,
    folder: Path,
    missing: Sequence[Binary],
    *,
    sources: Path = GOMOD,
    log: str = "go-build.log",
) -> None:
    """Build in one go command, which shares the work of common packages; show each as it ends.

    `sources` is the folder of the go.mod that pins them.
    """
    go = go_command(cache)
    partial = folder / f".building-{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(partial, missing, done), daemon=True)
    watcher.start()
    try:
        download(
            [
                go,
                "build",
                "-mod=readonly",
                "-trimpath",
                "-ldflags",
                link_flags(),
                "-o",
                f"{partial}/",
                *[binary.package for binary in missing],
            ],
            env=build_environment(),
            cwd=sources,
            log=cache.logs / log,
        )
        for binary in missing:
            (partial / binary.name).rename(folder / binary.name)
    finally:
        done.set()
        watcher.join()
        shutil.rmtree(partial, ignore_errors=True)


def _watch(partial: Path, missing: Sequence[Binary], done: threading.Event) -> None:
    """Say which program has just been built, and every half minute that work goes on."""
    start = spoke = time.monotonic()
    seen: set[str] = set()
    while not done.wait(1):
        now = time.monotonic()
        for binary in missing:
            if binary.name not in seen and (partial / binary.name).exists():
                seen.add(binary.name)
                spoke = now
                say(f"    [{len(seen)} of {len(missing)}] {binary.name}, after {now - start:.0f} s")
        if now - spoke > 30:
            spoke = now
            say(f"    … compiling, {len(seen)} of {len(missing)} done after {now - start:.0f} s")
