"""Where things are kept: one cache folder outside the checkout, asked for by every other module."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parent
CHECKOUT = PACKAGE.parent.parent


def cache_root(environ: Mapping[str, str]) -> Path:
    """Return ANOMALY_CACHE, or the project's folder in the user's cache."""
    if chosen := environ.get("ANOMALY_CACHE"):
        return Path(chosen).expanduser().resolve()
    home = environ.get("XDG_CACHE_HOME") or str(
        Path(environ.get("HOME", "~")).expanduser() / ".cache"
    )
    return Path(home) / "anomaly-pipeline"


@dataclass(frozen=True, slots=True)
class Cache:
    """The folders inside the cache; `folder` makes the one asked for."""

    root: Path

    @classmethod
    def from_environment(cls) -> "Cache":
        """Return the cache of this process's environment."""
        return cls(cache_root(os.environ))

    def folder(self, *parts: str) -> Path:
        """Return a folder of the cache, made if missing."""
        path = self.root.joinpath(*parts)
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def logs(self) -> Path:
        """Return the folder of every log this tool and its processes write."""
        return self.folder("logs")

    @property
    def active(self) -> Path:
        """Return the file that says which provider is up."""
        return self.root / "active"

    def kubeconfig(self, provider: str) -> Path:
        """Return a provider's own kubeconfig; never the user's."""
        return self.root / f"kubeconfig-{provider}"
