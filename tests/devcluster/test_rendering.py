"""The files that are written for a cluster: configuration, manifests, certificates, images."""

import base64
import json
import tarfile
import tomllib
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from devcluster import dist, kind, kubeconfig
from devcluster.addons.apply import IngressAddresses, own
from devcluster.images import bases, engine, project
from devcluster.images.archive import Image, write
from devcluster.images.programs import libraries
from devcluster.node import containerd, control_plane, kubelet, network, pki, teardown
from devcluster.node.layout import DNS_SERVICE_IP, NODE_IP, VOLUMES, Layout
from devcluster.paths import Cache


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Return the layout of a node below a temporary cache."""
    return Layout(Cache(tmp_path), tmp_path / "bin")


def test_containerd_keeps_to_folders_of_our_own(layout: Layout) -> None:
    """Another containerd on the machine shares neither files nor socket with ours."""
    config = tomllib.loads(containerd.configuration(layout, "pause:dev"))

    assert config["root"].startswith(str(layout.state))
    assert config["state"].startswith(str(layout.run))
    assert config["grpc"]["address"] == str(layout.containerd_socket)
    assert config["plugins"]["io.containerd.grpc.v1.cri"]["sandbox_image"] == "pause:dev"


def test_socket_paths_are_short_wherever_the_cache_is(tmp_path: Path) -> None:
    """The kernel takes no socket path of more than 107 bytes."""
    deep = Layout(Cache(tmp_path / ("x" * 200)), tmp_path)

    assert len(str(deep.containerd_socket)) < 107


def test_the_api_server_listens_on_the_bridge_only(layout: Layout) -> None:
    """Nothing of the control plane can be reached from outside of the machine."""
    words = [word for daemon in control_plane.daemons(layout) for word in daemon.argv]
    binds = {word.partition("=")[2] for word in words if word.startswith("--bind-address")}

    assert binds == {NODE_IP, "127.0.0.1"}
    assert not [word for word in words if "0.0.0.0" in word]


def test_the_kubelet_does_without_iptables_and_knows_the_dns(layout: Layout) -> None:
    """kube-proxy's tables are the only rules, and pods ask CoreDNS."""
    config = kubelet.kubelet_configuration(layout)

    assert config["makeIPTablesUtilChains"] is False
    assert config["clusterDNS"] == [DNS_SERVICE_IP]
    assert kubelet.proxy_configuration(layout)["mode"] == "nftables"


def test_the_dns_service_has_the_address_that_pods_are_told() -> None:
    """One fact in a YAML file and in the layout."""
    addresses = [one["spec"]["clusterIP"] for one in own("dns") if one["kind"] == "Service"]

    assert addresses == [DNS_SERVICE_IP]


def test_volumes_are_made_where_down_removes_them() -> None:
    """One fact in a YAML file and in the layout."""
    (deployment,) = (one for one in own("storage") if one["kind"] == "Deployment")
    (volume,) = deployment["spec"]["template"]["spec"]["volumes"]

    assert volume["hostPath"]["path"] == str(VOLUMES)


@pytest.mark.parametrize("name", ["dns", "metrics", "ingress", "storage"])
def test_add_ons_pull_nothing(name: str) -> None:
    """Every image of an add-on is one that was made here."""
    for one in own(name):
        if one["kind"] == "Deployment":
            pod = one["spec"]["template"]["spec"]
            for container in (*pod.get("initContainers", []), *pod["containers"]):
                assert container["image"].startswith("localhost/anomaly-local/")
                assert container["imagePullPolicy"] == "Never"


def test_the_ingress_finds_each_of_its_addresses() -> None:
    """Every variable that ingress.yaml uses is in the ConfigMap."""
    data = IngressAddresses("127.0.0.1", 18080).config_map()["data"]
    (deployment,) = (one for one in own("ingress") if one["kind"] == "Deployment")
    used = {
        word.partition("$(")[2].rstrip(")")
        for container in deployment["spec"]["template"]["spec"]["containers"]
        for word in container["args"]
        if "$(" in word
    }

    assert used - {"POD_NAME"} <= set(data)


def test_kind_listens_on_loopback_only() -> None:
    """Neither the API server nor the ingress is offered to the network."""
    config = kind.configuration("node:x", brings_network=False)
    (node,) = config["nodes"]

    assert config["networking"]["apiServerAddress"] == "127.0.0.1"
    assert {one["listenAddress"] for one in node["extraPortMappings"]} == {"127.0.0.1"}
    assert config["networking"]["disableDefaultCNI"] is False
    assert yaml.safe_load(node["kubeadmConfigPatches"][0])["kind"] == "KubeletConfiguration"


def test_pods_are_masqueraded_only_on_their_way_out() -> None:
    """Pods see each other's own addresses; the rules stand in a table of our own."""
    rules = network.masquerade_rules()

    assert "ip saddr 10.244.0.0/24 ip daddr != 10.244.0.0/24 masquerade" in rules
    assert "flush ruleset" not in rules


def test_only_mounts_below_our_folders_are_unmounted(layout: Layout) -> None:
    """A neighbour with a similar name keeps its mounts."""
    inside, outside = layout.run / "netns/a", Path(f"{layout.run}-other/b")
    lines = [f"1 2 0:3 / {point} rw - tmpfs x rw" for point in (inside, outside, "/")]

    assert teardown.mounts_below("\n".join(lines), layout) == [str(inside)]


def test_shims_of_another_containerd_are_not_ours(layout: Layout, tmp_path: Path) -> None:
    """A shim belongs to the containerd whose socket it was given."""
    for pid, socket in ((1, str(layout.containerd_socket)), (2, "/run/containerd/x.sock")):
        (tmp_path / "proc" / str(pid)).mkdir(parents=True)
        words = ["/usr/bin/containerd-shim-runc-v2", "-address", socket, ""]
        (tmp_path / "proc" / str(pid) / "cmdline").write_text("\0".join(words))

    assert teardown.shims(layout, tmp_path / "proc") == [1]


def test_certificates_name_who_the_api_server_knows(tmp_path: Path) -> None:
    """The kubelet is a node, the administrator a master, the server answers to its names."""
    pki.write_all(tmp_path)
    node = x509.load_pem_x509_certificate((tmp_path / "kubelet.crt").read_bytes())
    server = x509.load_pem_x509_certificate((tmp_path / "apiserver.crt").read_bytes())
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value

    assert node.subject.rfc4514_string() == "O=system:nodes,CN=system:node:anomaly-local"
    assert "kubernetes.default.svc" in names.get_values_for_type(x509.DNSName)
    assert NODE_IP in {str(one) for one in names.get_values_for_type(x509.IPAddress)}
    assert (tmp_path / "ca.key").stat().st_mode & 0o077 == 0


def test_a_kubeconfig_carries_its_own_context_and_certificates(tmp_path: Path) -> None:
    """It can be copied, and it names no context of the user's."""
    for name in ("ca", "crt", "key"):
        (tmp_path / name).write_text(name)
    keys = kubeconfig.Credentials(tmp_path / "ca", tmp_path / "crt", tmp_path / "key")

    config = yaml.safe_load(kubeconfig.render("anomaly-local", "https://10.244.0.1:1", keys))

    assert config["current-context"] == "anomaly-local"
    assert base64.b64decode(config["users"][0]["user"]["client-key-data"]) == b"key"


def test_an_archive_holds_every_image_with_its_layer(tmp_path: Path) -> None:
    """What `ctr images import` and `kind load` read: a manifest that matches the blobs."""
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF")
    image = Image("anomaly-local/one:dev", {"/bin/program": program}, ("/bin/program",))
    write(tmp_path / "a.tar", [image])

    with tarfile.open(tmp_path / "a.tar") as archive:
        (entry,) = json.load(archive.extractfile("manifest.json") or pytest.fail("no manifest"))
        config = json.load(archive.extractfile(entry["Config"]) or pytest.fail("no config"))
        names = archive.getnames()

    assert entry["RepoTags"] == ["localhost/anomaly-local/one:dev"]
    assert set(entry["Layers"]) <= set(names)
    assert config["config"]["Entrypoint"] == ["/bin/program"]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{entry['Layers'][0].partition('/')[0]}"]


def test_the_same_files_make_the_same_archive(tmp_path: Path) -> None:
    """Times and owners of the builder leave no trace."""
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF")
    for name in ("a.tar", "b.tar"):
        write(tmp_path / name, [Image("one:dev", {"/bin/program": program}, ("/bin/program",))])
        program.touch()

    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_libraries_are_read_from_what_ldd_says() -> None:
    """The loader counts as a library, the kernel's own page does not."""
    answer = """
        linux-vdso.so.1 (0x00007f)
        libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f)
        /lib64/ld-linux-x86-64.so.2 (0x00007f)"""

    assert libraries(answer) == [
        "/lib/x86_64-linux-gnu/libm.so.6",
        "/lib64/ld-linux-x86-64.so.2",
    ]


def test_our_own_engine_touches_no_network_of_the_host(tmp_path: Path) -> None:
    """No bridge, no firewall rules: builds use the host's network."""
    config = engine.configuration(Cache(tmp_path))

    assert config["bridge"] == "none"
    assert config["iptables"] is False
    assert bases.build_options(engine.Engine(own=True)) == ["--network=host"]
    assert bases.build_options(engine.Engine(own=False)) == []


def test_only_changed_images_are_loaded_again() -> None:
    """Redis and an unchanged image cost nothing on the second run."""
    now = {"operator": "sha256:2", "redis": "sha256:9"}

    assert project.not_loaded(now, {"operator": "sha256:1", "redis": "sha256:9"}) == ["operator"]
    assert project.not_loaded(now, {}) == ["operator", "redis"]


def test_images_are_known_by_the_charts_own_names_too() -> None:
    """So `helm install` without a word about images works on a cluster of ours."""
    values = yaml.safe_load((dist.CHART / "values.yaml").read_text())
    version = yaml.safe_load((dist.CHART / "Chart.yaml").read_text())["appVersion"]
    names = set(project.released_names("anomaly-local/redis:8.0").values())

    assert names == {
        f"{values['image']['repository']}:{version}",
        f"anomaly-pipeline/dataplane:{version}",
        values["redis"]["image"],
    }
