"""Names, addresses and folders of the node: every other module of this package asks here."""

from dataclasses import dataclass
from pathlib import Path

from devcluster.paths import Cache

NODE_NAME = "anomaly-local"
BRIDGE = "anomaly0"
NODE_IP = "10.244.0.1"
POD_CIDR = "10.244.0.0/24"
SERVICE_CIDR = "10.96.0.0/16"
API_SERVICE_IP = "10.96.0.1"
DNS_SERVICE_IP = "10.96.0.10"
API_PORT = 16443
ETCD_PORT = 12379
ETCD_PEER_PORT = 12380
CGROUP = "anomaly-local"
NFT_TABLE = "anomaly_local"
VOLUMES = Path("/var/lib/anomaly-local/volumes")
"""As in addons/storage.yaml."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The node's folders: `state` is gone after down, `run` also after a reboot."""

    cache: Cache
    binaries: Path

    @property
    def state(self) -> Path:
        """Return the folder of all that lives as long as the cluster."""
        return self.cache.root / "local"

    @property
    def run(self) -> Path:
        """Return the folder of sockets and mounts; short, for socket paths end at 107 bytes."""
        return Path("/run/anomaly-local")

    @property
    def pki(self) -> Path:
        """Return the folder of keys and certificates."""
        return self.state / "pki"

    @property
    def config(self) -> Path:
        """Return the folder of the configuration files that are written for this cluster."""
        return self.state / "config"

    @property
    def logs(self) -> Path:
        """Return the folder of the logs."""
        return self.cache.folder("logs", "local")

    @property
    def containerd_socket(self) -> Path:
        """Return the socket of the node's own containerd."""
        return self.run / "containerd.sock"

    @property
    def admin_kubeconfig(self) -> Path:
        """Return the kubeconfig that people and tests use."""
        return self.cache.kubeconfig("local")

    def kubeconfig(self, component: str) -> Path:
        """Return the kubeconfig of a component of the node."""
        return self.config / f"{component}.kubeconfig"
