"""Kubeconfig files as values: written for the clusters made here, read to refuse foreign ones."""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from devcluster.errors import DevClusterError


@dataclass(frozen=True, slots=True)
class Credentials:
    """The files a client proves itself with."""

    authority: Path
    certificate: Path
    key: Path


def render(context: str, server: str, credentials: Credentials) -> str:
    """Return a kubeconfig with one context, its certificates inside."""
    config: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": context,
        "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
        "clusters": [
            {
                "name": context,
                "cluster": {
                    "server": server,
                    "certificate-authority-data": _inline(credentials.authority),
                },
            }
        ],
        "users": [
            {
                "name": context,
                "user": {
                    "client-certificate-data": _inline(credentials.certificate),
                    "client-key-data": _inline(credentials.key),
                },
            }
        ],
    }
    return yaml.safe_dump(config, sort_keys=False)


def current_context(path: Path) -> str:
    """Return the context a kubeconfig points at, or nothing."""
    try:
        config = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        return ""
    return str((config or {}).get("current-context", ""))


def refuse_foreign(path: Path, expected: str) -> None:
    """Raise unless a kubeconfig points at the one context that was made here."""
    found = current_context(path)
    if found != expected:
        raise DevClusterError(
            f"{path} points at the context {found!r}, not at {expected!r} which this tool made:"
            " leaving it alone (say CLUSTER=current to use a cluster of yours)"
        )


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text)


def _inline(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
