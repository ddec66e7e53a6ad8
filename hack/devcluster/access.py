"""What others need to use a cluster: the answer of `env`, and the seam every provider fills."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from devcluster.versions import INGRESS_URL


@dataclass(frozen=True, slots=True)
class Access:
    """Where a cluster is and how to talk to it."""

    provider: str
    kubeconfig: str
    context: str
    kubectl: str
    helm: str
    logs: str
    ingress_url: str = INGRESS_URL
    host_address: str = ""
    """Of this machine as pods reach it; empty where that is not known."""


class Provider(Protocol):
    """One way to a cluster."""

    def up(self) -> None:
        """Make the cluster, or do nothing when it is whole."""

    def down(self) -> None:
        """Remove all of the cluster."""

    def is_up(self) -> bool:
        """Tell whether the cluster is whole and answers."""

    def report(self) -> list[str]:
        """Return lines that say how the parts are."""

    def access(self) -> Access:
        """Return how to talk to the cluster; it need not be up."""

    def load(self, archive: Path) -> None:
        """Put the images of a docker archive into the cluster."""
