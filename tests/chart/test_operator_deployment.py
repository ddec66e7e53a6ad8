"""The operator's own pod: what it may do, what it is told, where it may run."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator.settings import read
from chart import Chart, Manifest


def pod(deployment: Manifest) -> dict[str, Any]:
    spec: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return spec


def container(deployment: Manifest) -> dict[str, Any]:
    (only,) = pod(deployment)["containers"]
    assert isinstance(only, dict)
    return only


def environment(deployment: Manifest) -> dict[str, str]:
    return {e["name"]: e.get("value", "") for e in container(deployment).get("env", [])}


def test_the_pod_satisfies_the_restricted_pod_security_standard(chart: Chart) -> None:
    """Every field that `restricted` asks for is set, and the root file system is read-only."""
    deployment = chart.template().only("Deployment")

    assert pod(deployment)["securityContext"]["runAsNonRoot"] is True
    assert pod(deployment)["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    security = container(deployment)["securityContext"]
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert security["readOnlyRootFilesystem"] is True
    assert {next(iter(set(v) - {"name"})) for v in pod(deployment)["volumes"]} <= {"emptyDir"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod(deployment))


def test_the_operator_understands_every_setting_it_is_given(chart: Chart) -> None:
    """The chart spells the operator's variables as the operator does, and its values are taken."""
    given = environment(chart.template({"watchNamespaces": ["a", "b"]}).only("Deployment"))
    settings = read(given)

    assert settings.watch_namespaces == ("a", "b")
    assert settings.dataplane_image == "anomaly-pipeline/dataplane:0.1.0"
    assert (
        settings.http_port
        == container(chart.template().only("Deployment"))["ports"][0]["containerPort"]
    )


def test_nothing_of_it_stands_in_the_way_of_a_write(chart: Chart) -> None:
    """No webhook: while the operator is away, pipelines can be made and changed all the same."""
    for values in ({}, {"watchNamespaces": ["team-a"]}, {"replicas": 2}):
        found = {each["kind"] for each in chart.template(values)}
        assert not [kind for kind in found if "Webhook" in kind]
    assert "conversion" not in chart.template().only("CustomResourceDefinition")["spec"]


def test_two_operators_never_act_at_once(chart: Chart) -> None:
    """An upgrade starts the new one first, and the Lease sees to it that one acts."""
    deployment = chart.template({"replicas": 2}).only("Deployment")
    environ = {each["name"]: each["value"] for each in container(deployment)["env"]}

    assert deployment["spec"]["replicas"] == 2
    assert deployment["spec"]["strategy"]["type"] == "RollingUpdate"
    assert environ["ANOMALY_OPERATOR_LEASE"] == "anomaly-system/anomaly-operator"


def test_memory_is_bounded_and_cpu_is_not(chart: Chart) -> None:
    """Requests for both, a limit for memory only."""
    resources = container(chart.template().only("Deployment"))["resources"]

    assert set(resources["requests"]) == {"cpu", "memory"}
    assert set(resources["limits"]) == {"memory"}


def test_probes_and_metrics_use_named_ports_that_exist(chart: Chart) -> None:
    """Probes, Service and container agree on their ports."""
    objects = chart.template({"serviceMonitor": {"enabled": True}})
    operator = container(objects.only("Deployment"))

    ports = {port["name"] for port in operator["ports"]}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        get = operator[probe]["httpGet"]
        assert get["port"] in ports
        assert "host" not in get
    assert objects.only("Service")["spec"]["ports"][0]["targetPort"] in ports


def test_the_service_and_the_monitor_select_the_pod(chart: Chart) -> None:
    """Selectors of Deployment, Service and ServiceMonitor match the labels they are meant for."""
    objects = chart.template({"serviceMonitor": {"enabled": True, "labels": {"release": "kps"}}})
    deployment, service = objects.only("Deployment"), objects.only("Service")
    monitor = objects.only("ServiceMonitor")

    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert service["spec"]["selector"].items() <= labels.items()
    assert (
        monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    )
    assert monitor["spec"]["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]
    assert monitor["metadata"]["labels"]["release"] == "kps"


def test_no_monitor_unless_asked_for(chart: Chart) -> None:
    """A cluster without the Prometheus operator takes the default install."""
    assert chart.template().of_kind("ServiceMonitor") == []


def test_images_default_to_the_released_ones_without_a_registry_host(chart: Chart) -> None:
    """The defaults carry the chart's appVersion; a registry is the installer's choice."""
    deployment = chart.template().only("Deployment")

    assert container(deployment)["image"] == "anomaly-pipeline/operator:0.1.0"
    assert environment(deployment)["ANOMALY_OPERATOR_DATAPLANE_IMAGE"] == (
        "anomaly-pipeline/dataplane:0.1.0"
    )
    assert environment(deployment)["ANOMALY_OPERATOR_REDIS_IMAGE"] == "redis:8.0"


@pytest.mark.parametrize(
    ("tag", "expected"),
    [("1.2.3", "r/o:1.2.3"), ("sha256:" + "a" * 64, "r/o@sha256:" + "a" * 64)],
    ids=["tag", "digest"],
)
def test_an_image_is_named_by_tag_or_digest(chart: Chart, tag: str, expected: str) -> None:
    """`image.tag` takes both."""
    deployment = chart.template({"image": {"repository": "r/o", "tag": tag}}).only("Deployment")

    assert container(deployment)["image"] == expected


def test_every_value_reaches_the_pod(chart: Chart) -> None:
    """What people set for scheduling, labels, environment and arguments arrives."""
    deployment = chart.template(
        {
            "image": {"pullPolicy": "Never", "pullSecrets": [{"name": "login"}]},
            "dataplane": {"image": "r/d:9"},
            "redis": {"image": "valkey:9"},
            "runbookUrl": "https://wiki.example/ap",
            "endpointPorts": {"80": 30080, "443": 30443},
            "logLevel": "debug",
            "logFormat": "text",
            "extraEnv": [{"name": "HTTPS_PROXY", "value": "proxy:3128"}],
            "extraArgs": ["--verbose"],
            "resources": {"limits": {"memory": "1Gi"}},
            "nodeSelector": {"kubernetes.io/arch": "arm64"},
            "tolerations": [{"key": "edge", "operator": "Exists"}],
            "affinity": {"podAffinity": {}},
            "priorityClassName": "system-cluster-critical",
            "podLabels": {"team": "x", "app.kubernetes.io/name": "never-overridden"},
            "podAnnotations": {"note": "y"},
            "serviceAccount": {"create": False, "name": "given"},
        }
    ).only("Deployment")

    spec, operator, env = pod(deployment), container(deployment), environment(deployment)
    metadata = deployment["spec"]["template"]["metadata"]
    assert operator["imagePullPolicy"] == "Never"
    assert spec["imagePullSecrets"] == [{"name": "login"}]
    assert env["ANOMALY_OPERATOR_DATAPLANE_IMAGE"] == "r/d:9"
    assert env["ANOMALY_OPERATOR_REDIS_IMAGE"] == "valkey:9"
    assert env["ANOMALY_OPERATOR_ENDPOINT_PORTS"] == "443=30443,80=30080"
    assert env["ANOMALY_OPERATOR_RUNBOOK_URL"] == "https://wiki.example/ap"
    assert env["ANOMALY_OPERATOR_LOG_LEVEL"] == "debug"
    assert env["ANOMALY_OPERATOR_LOG_FORMAT"] == "text"
    assert env["HTTPS_PROXY"] == "proxy:3128"
    assert operator["args"][-1] == "--verbose"
    assert operator["resources"]["limits"] == {"memory": "1Gi"}
    assert spec["nodeSelector"] == {"kubernetes.io/arch": "arm64"}
    assert spec["tolerations"] == [{"key": "edge", "operator": "Exists"}]
    assert spec["affinity"] == {"podAffinity": {}}
    assert spec["priorityClassName"] == "system-cluster-critical"
    assert metadata["labels"]["team"] == "x"
    assert metadata["labels"]["app.kubernetes.io/name"] == "anomaly-operator"
    assert metadata["annotations"] == {"note": "y"}
    assert spec["serviceAccountName"] == "given"
