"""What a pipeline becomes: what exists, and what each object must hold."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from anomaly_dataplane.contract import config, runtime
from anomaly_operator import desired, kinds, names, spec
from anomaly_operator.desired import redis
from anomaly_operator.kinds import Kind
from anomaly_operator.settings import Settings
from operators import a_resource

Manifest = dict[str, Any]


def objects(
    wanted: Manifest | None = None,
    *,
    served: frozenset[Kind] = kinds.OPTIONAL,
    credentials: str = "c1",
) -> list[Manifest]:
    pipeline = spec.parse(a_resource(wanted), Settings())
    return desired.objects(pipeline, served=served, redis_credentials=credentials)


def only(kind: str, wanted: Manifest | None = None, *, name: str = "boiler") -> Manifest:
    (found,) = [o for o in objects(wanted) if o["kind"] == kind and o["metadata"]["name"] == name]
    return found


def identities(found: list[Manifest]) -> set[str]:
    return {f"{o['kind']}/{o['metadata']['name']}" for o in found}


def test_the_smallest_resource_becomes_a_whole_pipeline() -> None:
    """With its own Redis, route, scaling and monitoring; no budget for a single pod."""
    assert identities(objects()) == {
        "ServiceAccount/boiler",
        "ConfigMap/boiler-config",
        "Deployment/boiler",
        "Service/boiler",
        "Service/boiler-metrics",
        "Service/boiler-redis",
        "StatefulSet/boiler-redis",
        "Ingress/boiler",
        "HorizontalPodAutoscaler/boiler",
        "ServiceMonitor/boiler",
        "PrometheusRule/boiler",
        "ConfigMap/boiler-dashboard",
    }


@pytest.mark.parametrize(
    ("wanted", "gone"),
    [
        ({"expose": {"type": "None"}}, {"Ingress/boiler"}),
        ({"autoscaling": {"enabled": False}}, {"HorizontalPodAutoscaler/boiler"}),
        (
            {"monitoring": {"serviceMonitor": False}},
            {"ServiceMonitor/boiler", "Service/boiler-metrics"},
        ),
        ({"monitoring": {"prometheusRule": False}}, {"PrometheusRule/boiler"}),
        ({"monitoring": {"dashboard": False}}, {"ConfigMap/boiler-dashboard"}),
        (
            {"redis": {"mode": "Standalone", "urls": ["r:6379"]}},
            {"Service/boiler-redis", "StatefulSet/boiler-redis"},
        ),
    ],
)
def test_what_is_switched_off_does_not_exist(wanted: Manifest, gone: set[str]) -> None:
    """And is pruned where it did."""
    assert identities(objects()) - identities(objects(wanted)) == gone


@pytest.mark.parametrize(
    ("wanted", "guarded"),
    [
        ({}, False),
        ({"autoscaling": {"minReplicas": 2}}, True),
        ({"replicas": 3}, False),
        ({"replicas": 3, "autoscaling": {"enabled": False}}, True),
        ({"replicas": 1, "autoscaling": {"enabled": False}}, False),
    ],
)
def test_a_budget_guards_several_pods_only(wanted: Manifest, guarded: bool) -> None:
    """With one pod it would block the drain of a node."""
    assert ("PodDisruptionBudget/boiler" in identities(objects(wanted))) is guarded


def test_nothing_for_prometheus_where_the_cluster_does_not_know_it() -> None:
    """A missing optional API is no error, and without Prometheus a dashboard shows nothing."""
    left_out = identities(objects()) - identities(objects(served=frozenset()))

    assert left_out == {
        "ServiceMonitor/boiler",
        "PrometheusRule/boiler",
        "ConfigMap/boiler-dashboard",
    }


def test_every_object_goes_with_its_pipeline_and_carries_its_labels() -> None:
    """One controlling owner, the common labels, the resource's namespace."""
    for found in objects():
        (owner,) = found["metadata"]["ownerReferences"]
        assert (owner["uid"], owner["controller"]) == ("cr-uid", True)
        assert found["metadata"]["namespace"] == "team"
        assert found["metadata"]["labels"][names.LABEL_MANAGED_BY] == names.MANAGED_BY


def test_the_number_of_pods_is_left_to_the_autoscaler() -> None:
    """Only without autoscaling do we name it; else both would write the same field."""
    fixed = {"replicas": 3, "autoscaling": {"enabled": False}}

    assert "replicas" not in only("Deployment")["spec"]
    assert only("Deployment", fixed)["spec"]["replicas"] == 3


def test_a_suspended_pipeline_runs_no_pods_and_keeps_the_rest() -> None:
    """Nothing scales, guards or alerts; Redis, with the state, and the route stay."""
    wanted = {"suspend": True, "autoscaling": {"minReplicas": 2}}

    assert only("Deployment", wanted)["spec"]["replicas"] == 0
    assert only("StatefulSet", wanted, name="boiler-redis")["spec"]["replicas"] == 1
    assert identities(objects()) - identities(objects(wanted)) == {
        "HorizontalPodAutoscaler/boiler",
        "PrometheusRule/boiler",
    }


def test_the_pod_template_is_merged_onto_ours_and_cannot_break_it() -> None:
    """Labels that select pods stay; the rest is the user's."""
    labels = {names.LABEL_INSTANCE: "other", "team": "heat"}
    container = {"name": "dataplane", "env": [{"name": "X", "value": "1"}]}
    template = only(
        "Deployment",
        {"podTemplate": {"metadata": {"labels": labels}, "spec": {"containers": [container]}}},
    )["spec"]["template"]
    plain = only("Deployment")["spec"]["template"]

    assert template["metadata"]["labels"] == {**plain["metadata"]["labels"], "team": "heat"}
    (ours,) = template["spec"]["containers"]
    assert ours["image"] == plain["spec"]["containers"][0]["image"]
    assert {"name": "X", "value": "1"} in ours["env"]
    assert len(ours["env"]) == len(plain["spec"]["containers"][0]["env"]) + 1


def test_a_network_policy_opens_what_the_spec_names_and_no_more() -> None:
    """An external Redis by its port, senders by who they are, the operator always."""
    namespace = {"namespaceSelector": {"matchLabels": {"name": "ingress"}}}
    pipeline = spec.parse(
        a_resource(
            {
                "networkPolicy": {"enabled": True, "allowFrom": [namespace]},
                "redis": {"mode": "Standalone", "urls": ["r:7000"]},
            }
        ),
        Settings(namespace="anomaly-system"),
    )
    (policy,) = [
        found
        for found in desired.objects(pipeline, served=(), redis_credentials="")
        if found["kind"] == "NetworkPolicy"
    ]
    senders, scrapers = policy["spec"]["ingress"]
    operator = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "anomaly-system"}}
    }

    assert senders["from"] == [namespace, operator]
    assert "from" not in scrapers
    ports = [port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]]
    assert ports == [53, 53, 7000]


def test_the_autoscaler_follows_the_resource() -> None:
    """Bounds, target and behaviour are handed on."""
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 30}}
    hpa = only(
        "HorizontalPodAutoscaler",
        {
            "autoscaling": {
                "minReplicas": 2,
                "maxReplicas": 7,
                "targetCPUUtilizationPercentage": 65,
                "behavior": behavior,
            }
        },
    )["spec"]

    assert (hpa["minReplicas"], hpa["maxReplicas"], hpa["behavior"]) == (2, 7, behavior)
    assert hpa["metrics"][0]["resource"]["target"]["averageUtilization"] == 65
    assert only("HorizontalPodAutoscaler")["spec"]["metrics"][0]["resource"]["target"] == {
        "type": "Utilization",
        "averageUtilization": 50,
    }


def test_the_pods_read_exactly_the_document_that_was_checked() -> None:
    """What the ConfigMap holds parses, and stands where the pods look for it."""
    text = only("ConfigMap", name="boiler-config")["data"][runtime.CONFIG_FILE]
    container = only("Deployment")["spec"]["template"]["spec"]["containers"][0]

    parsed = config.parse_json(text)
    assert (parsed.pipeline.uid, parsed.base_path) == ("cr-uid", "/team/boiler")
    assert {"name": runtime.ENV_CONFIG, "value": runtime.CONFIG_PATH} in container["env"]
    mount = container["volumeMounts"][0]
    assert mount == {"name": "config", "mountPath": runtime.CONFIG_DIR, "readOnly": True}


@pytest.mark.parametrize(
    ("detection", "restarts"),
    [({"threshold": "3"}, False), ({"minSamples": 20}, False), ({"window": 240}, True)],
)
def test_only_what_a_running_pod_cannot_take_up_restarts_it(
    detection: Manifest, restarts: bool
) -> None:
    """A new threshold changes the ConfigMap, not the pod template."""
    before = only("Deployment")["spec"]["template"]
    after = only("Deployment", {"detection": detection})["spec"]["template"]

    assert (before != after) is restarts


@pytest.mark.parametrize(
    ("kind", "name"), [("Deployment", "boiler"), ("StatefulSet", "boiler-redis")]
)
def test_every_pod_passes_pod_security_restricted(kind: str, name: str) -> None:
    """As a plain user, without capabilities, on a read-only file system, with no token."""
    pod = only(kind, name=name)["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in container["resources"]["limits"]
    assert "cpu" in container["resources"]["requests"]


def test_probes_ask_the_port_that_no_route_reaches() -> None:
    """Liveness and start by /livez, readiness by /readyz."""
    container = only("Deployment")["spec"]["template"]["spec"]["containers"][0]

    asked = {
        probe: (container[probe]["httpGet"]["path"], container[probe]["httpGet"]["port"])
        for probe in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert asked == {
        "startupProbe": (runtime.PATH_LIVEZ, runtime.ADMIN_PORT_NAME),
        "livenessProbe": (runtime.PATH_LIVEZ, runtime.ADMIN_PORT_NAME),
        "readinessProbe": (runtime.PATH_READYZ, runtime.ADMIN_PORT_NAME),
    }


def test_the_route_reaches_the_http_port_alone() -> None:
    """The Service behind the Ingress does not even have the metrics port."""
    ports = only("Service")["spec"]["ports"]
    (rule,) = only("Ingress")["spec"]["rules"]
    (path,) = rule["http"]["paths"]

    assert [port["name"] for port in ports] == [runtime.HTTP_PORT_NAME]
    assert path["backend"]["service"] == {"name": "boiler", "port": {"name": "http"}}
    assert (path["path"], path["pathType"]) == ("/team/boiler", "Prefix")
    assert "host" not in rule


def test_the_ingress_takes_host_path_class_tls_and_annotations() -> None:
    """Nothing of it depends on which controller serves it."""
    route = only(
        "Ingress",
        {
            "expose": {
                "host": "m.example.com",
                "path": "/x",
                "ingressClassName": "contour",
                "tls": {"secretName": "cert"},
                "annotations": {"cert-manager.io/cluster-issuer": "ca"},
            }
        },
    )

    assert route["metadata"]["annotations"] == {"cert-manager.io/cluster-issuer": "ca"}
    assert route["spec"]["ingressClassName"] == "contour"
    assert route["spec"]["tls"] == [{"secretName": "cert", "hosts": ["m.example.com"]}]
    assert route["spec"]["rules"][0]["host"] == "m.example.com"
    assert route["spec"]["rules"][0]["http"]["paths"][0]["path"] == "/x"


def test_an_http_route_attaches_to_the_gateways_that_are_named() -> None:
    """Host, path and annotations as for an Ingress, which there is none of then."""
    parents = [{"name": "public", "namespace": "gateways", "sectionName": "https"}, {"name": "own"}]
    expose = {
        "type": "HTTPRoute",
        "parentRefs": parents,
        "host": "m.example.com",
        "annotations": {"a": "b"},
        "service": {"port": 8000},
    }
    route = only("HTTPRoute", {"expose": expose})
    (rule,) = route["spec"]["rules"]

    assert route["spec"]["parentRefs"] == parents
    assert route["spec"]["hostnames"] == ["m.example.com"]
    assert route["metadata"]["annotations"] == {"a": "b"}
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/team/boiler"}}]
    assert rule["backendRefs"] == [{"name": "boiler", "port": 8000}]
    assert "filters" not in rule
    assert "Ingress/boiler" not in identities(objects({"expose": expose}))


def test_the_pods_strip_the_path_of_either_route() -> None:
    """Neither controller is asked to rewrite."""
    for expose in ({}, {"type": "HTTPRoute", "parentRefs": [{"name": "g"}]}):
        (text,) = only("ConfigMap", {"expose": expose}, name="boiler-config")["data"].values()
        assert config.parse_json(text).base_path == "/team/boiler"


def test_prometheus_finds_the_metrics_service_by_its_labels() -> None:
    """The ServiceMonitor's selector and port fit the headless Service and nothing else."""
    monitor = only("ServiceMonitor", {"monitoring": {"labels": {"release": "kps"}}})
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    fitting = [
        o for o in objects() if o["kind"] == "Service" and wanted <= o["metadata"]["labels"].items()
    ]

    assert [o["metadata"]["name"] for o in fitting] == ["boiler-metrics"]
    assert fitting[0]["spec"]["clusterIP"] == "None"
    assert monitor["spec"]["endpoints"][0]["port"] == fitting[0]["spec"]["ports"][0]["name"]
    assert monitor["metadata"]["labels"]["release"] == "kps"


@pytest.mark.parametrize(
    ("interval", "timeout"), [("15s", "10s"), ("5s", "5s"), ("500ms1s", "500ms1s"), ("1m", "10s")]
)
def test_a_scrape_never_takes_longer_than_the_interval(interval: str, timeout: str) -> None:
    """Prometheus refuses the other way round."""
    monitor = only("ServiceMonitor", {"monitoring": {"interval": interval}})

    assert monitor["spec"]["endpoints"][0]["scrapeTimeout"] == timeout


def test_a_users_labels_cannot_displace_ours() -> None:
    """Else the object would be lost to us."""
    monitor = only("ServiceMonitor", {"monitoring": {"labels": {names.LABEL_MANAGED_BY: "me"}}})

    assert monitor["metadata"]["labels"][names.LABEL_MANAGED_BY] == names.MANAGED_BY


def test_a_users_redis_is_reached_with_the_users_secret() -> None:
    """The password must be there, the user name may be."""
    wanted = {"redis": {"mode": "Standalone", "urls": ["r:6379"], "secretRef": {"name": "mine"}}}
    env = only("Deployment", wanted)["spec"]["template"]["spec"]["containers"][0]["env"]
    found = {each["name"]: each["valueFrom"]["secretKeyRef"] for each in env if "valueFrom" in each}

    assert found == {
        runtime.ENV_REDIS_PASSWORD: {"name": "mine", "key": "password"},
        runtime.ENV_REDIS_USERNAME: {"name": "mine", "key": "username", "optional": True},
    }


@pytest.mark.parametrize("tls", [False, True])
def test_a_users_secret_is_mounted_to_be_read_again(tls: bool) -> None:
    """Read-only, for passwords that change and for certificates; a missing one is told by status.

    Without TLS the password must be there, or the container does not start. With TLS a client
    certificate may take its place, and the pod itself tells what it lacks.
    """
    redis = {"mode": "Cluster", "urls": ["r:1"], "secretRef": {"name": "mine"}}
    pod = only("Deployment", {"redis": {**redis, "tls": {"enabled": tls}}})["spec"]["template"]
    container = pod["spec"]["containers"][0]

    volume = next(v for v in pod["spec"]["volumes"] if "secret" in v)
    assert volume["secret"]["secretName"] == "mine"
    assert volume["secret"]["optional"] is True
    assert {
        "name": volume["name"],
        "mountPath": runtime.REDIS_SECRET_DIR,
        "readOnly": True,
    } in container["volumeMounts"]
    env = {each["name"]: each for each in container["env"]}
    assert env[runtime.ENV_REDIS_SECRET_DIR]["value"] == runtime.REDIS_SECRET_DIR
    password = env[runtime.ENV_REDIS_PASSWORD]["valueFrom"]["secretKeyRef"]
    assert password.get("optional", False) is tls


def test_receivers_of_alerts_get_the_keys_that_they_need_of_their_secrets() -> None:
    """Optional ones: pods come up without, and nothing else of the Secret reaches them."""
    alerting = {
        "alertmanager": {"urls": ["https://am:9093"], "secretRef": {"name": "peers"}},
        "webhooks": [
            {"name": "on-call", "url": "https://hook", "secretRef": {"name": "hook"}},
            {"name": "open", "url": "http://hook"},
        ],
    }
    pod = only("Deployment", {"alerting": alerting})["spec"]["template"]["spec"]
    secrets = {v["secret"]["secretName"]: v["secret"] for v in pod["volumes"] if "secret" in v}
    mounts = {m["mountPath"] for m in pod["containers"][0]["volumeMounts"] if m.get("readOnly")}

    keys = {name: [item["key"] for item in each["items"]] for name, each in secrets.items()}
    assert keys == {
        "peers": ["token", "username", "password", "ca.crt"],
        "hook": ["token", "username", "password", "ca.crt", "secret"],
    }
    assert all(each["optional"] for each in secrets.values())
    assert {runtime.ALERTMANAGER_SECRET_DIR, f"{runtime.WEBHOOK_SECRET_DIR}/on-call"} < mounts


def test_a_managed_redis_needs_no_secret_of_the_users() -> None:
    """Its own password is in the environment of both, and changes with a restart of both."""
    pod = only("Deployment")["spec"]["template"]["spec"]

    assert not [volume for volume in pod["volumes"] if "secret" in volume]


def test_a_redis_without_password_gets_none() -> None:
    """No Secret is asked for."""
    wanted = {"redis": {"mode": "Standalone", "urls": ["r:6379"]}}
    env = only("Deployment", wanted)["spec"]["template"]["spec"]["containers"][0]["env"]

    assert [each for each in env if "valueFrom" in each] == []


def test_a_new_password_restarts_both_who_know_it() -> None:
    """Redis and the pods take it up together."""
    for kind in ("Deployment", "StatefulSet"):
        before, after = (
            next(o for o in objects(credentials=version) if o["kind"] == kind)
            for version in ("c1", "c2")
        )
        assert before["spec"]["template"] != after["spec"]["template"]


def test_the_managed_redis_keeps_what_it_was_told() -> None:
    """Append-only file every second, nothing evicted, no password in the arguments."""
    args = only("StatefulSet", name="boiler-redis")["spec"]["template"]["spec"]["containers"][0][
        "args"
    ]
    options = dict(zip(args[2::2], args[3::2], strict=True))

    assert options["--appendonly"] == "yes"
    assert options["--appendfsync"] == "everysec"
    assert options["--maxmemory"] == "256mb"
    assert options["--maxmemory-policy"] == "noeviction"
    assert not any("pass" in arg for arg in args)


def test_the_password_is_where_redis_and_pods_look_for_it() -> None:
    """One Secret: the plain password for clients, the config line for the server."""
    pipeline = spec.parse(a_resource(), Settings())
    secret = redis.secret(pipeline, "p-1")
    data = {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}

    assert data == {"password": "p-1", "redis.conf": "requirepass p-1\n"}
    assert secret["immutable"] is True
    live = {**secret, "metadata": {**secret["metadata"], "uid": "u"}}
    assert redis.complete(live)
    assert "p-1" not in redis.credentials(live)


def test_a_volume_is_claimed_only_when_its_size_is_given() -> None:
    """And goes with the pipeline, whose uid is in every key."""
    without = only("StatefulSet", name="boiler-redis")["spec"]
    storage = {"size": "1Gi", "storageClassName": "fast"}
    claimed = only(
        "StatefulSet", {"redis": {"managed": {"storage": storage}}}, name="boiler-redis"
    )["spec"]

    assert "volumeClaimTemplates" not in without
    (claim,) = claimed["volumeClaimTemplates"]
    assert claim["spec"]["resources"] == {"requests": {"storage": "1Gi"}}
    assert claim["spec"]["storageClassName"] == "fast"
    assert claimed["persistentVolumeClaimRetentionPolicy"]["whenDeleted"] == "Delete"


def test_redis_gets_memory_for_its_data_and_the_copy_it_makes() -> None:
    """Derived from maxMemory, unless resources are given."""
    managed = {"maxMemory": "1gb"}
    container = only("StatefulSet", {"redis": {"managed": managed}}, name="boiler-redis")["spec"][
        "template"
    ]["spec"]["containers"][0]
    assert container["resources"]["limits"] == {"memory": "1600Mi"}

    given = {"limits": {"memory": "2Gi"}}
    container = only(
        "StatefulSet", {"redis": {"managed": {"resources": given}}}, name="boiler-redis"
    )["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"] == given


def test_image_and_pull_settings_are_handed_on() -> None:
    """Also by digest."""
    wanted = {
        "image": "r.example/d@sha256:1",
        "imagePullPolicy": "Always",
        "imagePullSecrets": [{"name": "s"}],
    }
    pod = only("Deployment", wanted)["spec"]["template"]["spec"]

    assert pod["containers"][0]["image"] == "r.example/d@sha256:1"
    assert pod["containers"][0]["imagePullPolicy"] == "Always"
    assert pod["imagePullSecrets"] == [{"name": "s"}]


def test_building_is_repeatable_and_shares_nothing() -> None:
    """The same resource gives the same JSON, and changing one result changes no other."""
    first, second = objects(), objects()
    assert json.dumps(first) == json.dumps(second)

    first[0]["metadata"]["labels"]["x"] = "y"
    assert "x" not in second[0]["metadata"]["labels"]
