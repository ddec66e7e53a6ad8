"""A Gateway as an endpoint needs it: its listeners and addresses. Pure; read by `gateways`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Listener:
    """One port of a Gateway."""

    name: str
    hostname: str
    port: int
    secure: bool


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where a Gateway can be reached."""

    listeners: tuple[Listener, ...]
    addresses: tuple[str, ...]


def gateway(manifest: Manifest) -> Gateway:
    """Reduce a live Gateway to what an endpoint needs."""
    return Gateway(
        listeners=tuple(
            Listener(
                name=each["name"],
                hostname=each.get("hostname") or "",
                port=each["port"],
                secure=each["protocol"] in ("HTTPS", "TLS"),
            )
            for each in manifest["spec"]["listeners"]
            if each["protocol"] in ("HTTP", "HTTPS", "TLS")  # others serve no HTTPRoute
        ),
        addresses=tuple(
            each["value"] for each in (manifest.get("status") or {}).get("addresses") or ()
        ),
    )
