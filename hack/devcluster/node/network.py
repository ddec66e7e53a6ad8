"""The node's network: one bridge for the pods, one nftables table for their way out.

Both carry names of our own, so that going down removes exactly these and nothing of the host's.
"""

import json
from pathlib import Path

from devcluster.command import run, succeeds
from devcluster.node.layout import BRIDGE, NFT_TABLE, NODE_IP, POD_CIDR, SERVICE_CIDR, Layout

_SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    # Without it a pod that reaches a neighbour through a Service gets its answer from a stranger.
    "net/bridge/bridge-nf-call-iptables": "1",
}
_KUBE_PROXY_TABLES = (("ip", "kube-proxy"), ("ip6", "kube-proxy"))


def up(layout: Layout) -> None:
    """Make the bridge with the node's address, the masquerading and the kernel's switches."""
    _save_sysctls(layout)
    if not Path("/sys/class/net", BRIDGE).exists():
        run(["ip", "link", "add", BRIDGE, "type", "bridge"])
    prefix = POD_CIDR.rpartition("/")[2]
    run(["ip", "address", "replace", f"{NODE_IP}/{prefix}", "dev", BRIDGE])
    run(["ip", "link", "set", BRIDGE, "up"])
    # Services are found without a default route, and before kube-proxy nobody beyond is asked.
    run(["ip", "route", "replace", SERVICE_CIDR, "dev", BRIDGE])
    if not Path("/proc/sys/net/bridge").exists():
        run(["modprobe", "br_netfilter"])
    for name, value in _SYSCTLS.items():
        _sysctl(name).write_text(value)
    run(["nft", "-f", "-"], stdin=masquerade_rules())


def down(layout: Layout) -> None:
    """Remove what `up` made, and what kube-proxy left; put the switches back."""
    for family, table in (("ip", NFT_TABLE), *_KUBE_PROXY_TABLES):
        if succeeds(["nft", "list", "table", family, table]):
            run(["nft", "delete", "table", family, table])
    if Path("/sys/class/net", BRIDGE).exists():
        run(["ip", "link", "delete", BRIDGE])
    saved = _saved(layout)
    if saved.exists():
        for name, value in json.loads(saved.read_text()).items():
            if _sysctl(name).exists():
                _sysctl(name).write_text(value)
        saved.unlink()


def masquerade_rules() -> str:
    """Return the table that lets pods reach what lies beyond the node."""
    return f"""
table ip {NFT_TABLE}
delete table ip {NFT_TABLE}
table ip {NFT_TABLE} {{
  chain postrouting {{
    type nat hook postrouting priority srcnat;
    ip saddr {POD_CIDR} ip daddr != {POD_CIDR} masquerade
  }}
}}
"""


def cni_configuration() -> dict[str, object]:
    """Return the CNI list that plugs pods into the bridge."""
    return {
        "cniVersion": "0.4.0",
        "name": NFT_TABLE,
        "plugins": [
            {
                "type": "bridge",
                "bridge": BRIDGE,
                "isGateway": True,
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "dataDir": "/run/anomaly-local/addresses",
                    "ranges": [[{"subnet": POD_CIDR, "gateway": NODE_IP}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            }
        ],
    }


def _save_sysctls(layout: Layout) -> None:
    saved = _saved(layout)
    if not saved.exists():
        saved.parent.mkdir(parents=True, exist_ok=True)
        present = {name: _sysctl(name) for name in _SYSCTLS if _sysctl(name).exists()}
        values = {name: path.read_text().strip() for name, path in present.items()}
        saved.write_text(json.dumps(values))


def _saved(layout: Layout) -> Path:
    return layout.run / "sysctls-before.json"


def _sysctl(name: str) -> Path:
    return Path("/proc/sys") / name
