"""The provider `current`: the cluster the user's kubeconfig points at, only when said so."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from devcluster import binaries, kubeconfig
from devcluster.access import Access
from devcluster.errors import DevClusterError
from devcluster.kubectl import Kubectl
from devcluster.paths import Cache
from devcluster.screen import say
from devcluster.versions import INGRESS_URL


@dataclass(frozen=True, slots=True)
class Current:
    """A cluster that somebody else made: looked at, used, never installed or removed."""

    cache: Cache

    def up(self) -> None:
        """Check that the cluster answers; nothing is installed into it."""
        self._ensure_programs()
        if not self.is_up():
            raise DevClusterError(f"the cluster of {self._kubeconfig} does not answer")
        say(f"using your context {self.access().context!r}; add-ons and ingress are yours to have")

    def down(self) -> None:
        """Leave the cluster alone."""
        say("CLUSTER=current: that cluster is yours, so it stays")

    def is_up(self) -> bool:
        """Tell whether the cluster answers."""
        return Kubectl(self._program("kubectl"), self._kubeconfig).answers("get", "nodes")

    def report(self) -> list[str]:
        """Return nothing: its processes are not ours."""
        return []

    def access(self) -> Access:
        """Return how to talk to it; INGRESS_URL says where its ingress answers."""
        return Access(
            provider="current",
            kubeconfig=str(self._kubeconfig),
            context=kubeconfig.current_context(self._kubeconfig),
            kubectl=str(self._program("kubectl")),
            helm=str(self._program("helm")),
            logs=str(self.cache.logs),
            ingress_url=os.environ.get("INGRESS_URL", INGRESS_URL),
        )

    def load(self, archive: Path) -> None:
        """Refuse: how images reach that cluster is not known here."""
        raise DevClusterError(
            f"CLUSTER=current: push the images to a registry that cluster pulls from ({archive})"
        )

    @property
    def _kubeconfig(self) -> Path:
        first = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
        return Path(first or "~/.kube/config").expanduser()

    def _ensure_programs(self) -> None:
        if not all(shutil.which(name) for name in ("kubectl", "helm")):
            binaries.ensure(self.cache, binaries.CLIENTS)

    def _program(self, name: str) -> Path:
        """Return the user's own kubectl or helm, else the one built here."""
        return Path(shutil.which(name) or self.cache.root / "bin" / binaries.cache_key() / name)
