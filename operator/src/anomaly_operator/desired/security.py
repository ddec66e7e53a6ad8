"""The security settings of every pod: what Pod Security `restricted` asks for, and a bit more."""

from __future__ import annotations

from typing import Any

DATAPLANE_UID = 65532
"""The user of the data plane's image."""
REDIS_UID = 999
"""The user of the official Redis image; others work too, the volume belongs to its group."""


def pod(uid: int, *, fs_group: bool = False) -> dict[str, Any]:
    """The security context of a pod that runs as `uid`."""
    context: dict[str, Any] = {
        "runAsNonRoot": True,
        "runAsUser": uid,
        "runAsGroup": uid,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if fs_group:
        context["fsGroup"] = uid
        context["fsGroupChangePolicy"] = "OnRootMismatch"
    return context


def container() -> dict[str, Any]:
    """The security context of a container."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
