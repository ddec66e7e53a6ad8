"""The kubelet and kube-proxy as host processes, and the configuration files they read."""

from pathlib import Path
from typing import Any

import yaml

from devcluster.node.layout import (
    BRIDGE,
    CGROUP,
    DNS_SERVICE_IP,
    NODE_IP,
    NODE_NAME,
    POD_CIDR,
    Layout,
)
from devcluster.processes import Daemon

_RESOLV_CONFS = (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf"))
"""The first one names real servers where the second names a resolver that pods cannot reach."""


def daemons(layout: Layout) -> tuple[Daemon, ...]:
    """Return the kubelet and kube-proxy."""
    return (
        _daemon(
            layout,
            "kubelet",
            f"--config={layout.config}/kubelet.yaml",
            f"--kubeconfig={layout.kubeconfig('kubelet')}",
            f"--root-dir={layout.state}/kubelet",
            f"--cert-dir={layout.state}/kubelet-pki",
            f"--hostname-override={NODE_NAME}",
            f"--node-ip={NODE_IP}",
            # For cAdvisor in it, which else would know cgroups but no pods' names and networks.
            f"--containerd={layout.containerd_socket}",
        ),
        _daemon(
            layout,
            "kube-proxy",
            f"--config={layout.config}/kube-proxy.yaml",
            f"--hostname-override={NODE_NAME}",
        ),
    )


def write_configuration(layout: Layout) -> None:
    """Write what the two processes read."""
    files = {
        "kubelet.yaml": kubelet_configuration(layout),
        "kube-proxy.yaml": proxy_configuration(layout),
    }
    for name, content in files.items():
        (layout.config / name).write_text(yaml.safe_dump(content, sort_keys=False))


def kubelet_configuration(layout: Layout) -> dict[str, Any]:
    """Return a KubeletConfiguration that asks little of the machine."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_IP,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{layout.pki}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{layout.containerd_socket}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{CGROUP}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDNS": [DNS_SERVICE_IP],
        "clusterDomain": "cluster.local",
        "resolvConf": str(next(path for path in _RESOLV_CONFS if path.exists())),
        "volumePluginDir": f"{layout.state}/volume-plugins",
        "podLogsDir": f"{layout.run}/pod-logs",
        "makeIPTablesUtilChains": False,
        "oomScoreAdj": 0,
        "serializeImagePulls": True,
        "imageGCHighThresholdPercent": 100,
        # A developer's disk is often nearly full; that is no reason to throw pods out.
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
        },
        "shutdownGracePeriod": "0s",
        "logging": {"verbosity": 0},
    }


def proxy_configuration(layout: Layout) -> dict[str, Any]:
    """Return a KubeProxyConfiguration that works through nftables only."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "bindAddress": NODE_IP,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        "clusterCIDR": POD_CIDR,
        "detectLocalMode": "BridgeInterface",
        "detectLocal": {"bridgeInterface": BRIDGE},
        "clientConnection": {"kubeconfig": str(layout.kubeconfig("kube-proxy"))},
        # The kernel's own limits stay as they are: they belong to the host.
        "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }


def _daemon(layout: Layout, name: str, *flags: str) -> Daemon:
    return Daemon(
        name=name,
        argv=(str(layout.binaries / name), *flags),
        identity_file=layout.run / f"{name}.identity",
        log=layout.logs / f"{name}.log",
    )
