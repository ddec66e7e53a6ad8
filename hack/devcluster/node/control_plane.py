"""etcd, the API server, the controller manager and the scheduler as host processes."""

from devcluster.node.layout import (
    API_PORT,
    ETCD_PEER_PORT,
    ETCD_PORT,
    NODE_IP,
    POD_CIDR,
    SERVICE_CIDR,
    Layout,
)
from devcluster.processes import Daemon


def daemons(layout: Layout) -> tuple[Daemon, ...]:
    """Return the processes of the control plane in the order they start."""
    return (
        _daemon(layout, "etcd", _etcd(layout)),
        _daemon(layout, "kube-apiserver", _api_server(layout)),
        _daemon(layout, "kube-controller-manager", _controller_manager(layout)),
        _daemon(layout, "kube-scheduler", _scheduler(layout)),
    )


def _daemon(layout: Layout, name: str, flags: dict[str, str]) -> Daemon:
    return Daemon(
        name=name,
        argv=(str(layout.binaries / name), *(f"--{key}={value}" for key, value in flags.items())),
        identity_file=layout.run / f"{name}.identity",
        log=layout.logs / f"{name}.log",
    )


def _etcd(layout: Layout) -> dict[str, str]:
    client, peer = f"http://127.0.0.1:{ETCD_PORT}", f"http://127.0.0.1:{ETCD_PEER_PORT}"
    return {
        "name": "anomaly",
        "data-dir": f"{layout.state}/etcd",
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"anomaly={peer}",
        "unsafe-no-fsync": "true",
        "log-level": "warn",
    }


def _api_server(layout: Layout) -> dict[str, str]:
    pki = layout.pki
    return {
        "v": "0",
        "etcd-servers": f"http://127.0.0.1:{ETCD_PORT}",
        "bind-address": NODE_IP,
        "advertise-address": NODE_IP,
        "secure-port": str(API_PORT),
        "service-cluster-ip-range": SERVICE_CIDR,
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "allow-privileged": "true",
        "anonymous-auth": "false",
        "profiling": "false",
        "cert-dir": str(pki),
        "client-ca-file": f"{pki}/ca.crt",
        "tls-cert-file": f"{pki}/apiserver.crt",
        "tls-private-key-file": f"{pki}/apiserver.key",
        "kubelet-client-certificate": f"{pki}/apiserver-kubelet-client.crt",
        "kubelet-client-key": f"{pki}/apiserver-kubelet-client.key",
        "kubelet-preferred-address-types": "InternalIP",
        "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
        "service-account-key-file": f"{pki}/service-accounts.pub",
        "service-account-signing-key-file": f"{pki}/service-accounts.key",
        "requestheader-client-ca-file": f"{pki}/front-proxy-ca.crt",
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-username-headers": "X-Remote-User",
        "proxy-client-cert-file": f"{pki}/front-proxy-client.crt",
        "proxy-client-key-file": f"{pki}/front-proxy-client.key",
        "enable-aggregator-routing": "true",
    }


def _controller_manager(layout: Layout) -> dict[str, str]:
    kubeconfig = str(layout.kubeconfig("kube-controller-manager"))
    return {
        "v": "0",
        "kubeconfig": kubeconfig,
        "authentication-kubeconfig": kubeconfig,
        "authorization-kubeconfig": kubeconfig,
        "bind-address": "127.0.0.1",
        "leader-elect": "false",
        "profiling": "false",
        "use-service-account-credentials": "true",
        "root-ca-file": f"{layout.pki}/ca.crt",
        "service-account-private-key-file": f"{layout.pki}/service-accounts.key",
        "cluster-signing-cert-file": f"{layout.pki}/ca.crt",
        "cluster-signing-key-file": f"{layout.pki}/ca.key",
        "cluster-cidr": POD_CIDR,
        "allocate-node-cidrs": "false",
        # What a person waits for in a demo and a test: half of the default.
        "horizontal-pod-autoscaler-sync-period": "10s",
    }


def _scheduler(layout: Layout) -> dict[str, str]:
    kubeconfig = str(layout.kubeconfig("kube-scheduler"))
    return {
        "v": "0",
        "kubeconfig": kubeconfig,
        "authentication-kubeconfig": kubeconfig,
        "authorization-kubeconfig": kubeconfig,
        "bind-address": "127.0.0.1",
        "leader-elect": "false",
        "profiling": "false",
    }
