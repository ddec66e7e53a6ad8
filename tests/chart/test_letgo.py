"""The hook that lets pipelines go once the operator is uninstalled."""

from __future__ import annotations

from typing import Any

from chart import HOOK, Chart, Objects, documented


def pod(objects: Objects) -> dict[str, Any]:
    spec: dict[str, Any] = objects.only("Job")["spec"]["template"]["spec"]
    return spec


def test_it_runs_after_all_else_is_gone_and_leaves_nothing(chart: Chart) -> None:
    """Its account and rights first, then the Job; helm removes them whether it succeeds or not."""
    hooks = chart.hooks()

    assert {each["metadata"]["annotations"][HOOK] for each in hooks} == {"post-delete"}
    for each in hooks:
        policy = each["metadata"]["annotations"][f"{HOOK}-delete-policy"].split(",")
        assert set(policy) == {"before-hook-creation", "hook-succeeded", "hook-failed"}
    weights = {o["kind"]: int(o["metadata"]["annotations"][f"{HOOK}-weight"]) for o in hooks}
    job = weights.pop("Job")
    assert all(weight < job for weight in weights.values())
    assert hooks.only("Job")["spec"]["activeDeadlineSeconds"] <= 120


def test_its_pod_is_the_operators_image_and_as_restricted(chart: Chart) -> None:
    """No other image has to be there, and no other rights."""
    values = {
        "image": {"repository": "mine/operator", "tag": "x", "pullSecrets": [{"name": "login"}]},
        "instance": "blue",
        "watchNamespaces": ["team-a", "team-b"],
        "tolerations": [{"operator": "Exists"}],
        "podLabels": {"team": "x", "app.kubernetes.io/name": "never-overridden"},
        "podAnnotations": {"sidecar.istio.io/inject": "false"},
    }
    hooks = chart.hooks(values)
    found, meta = pod(hooks), hooks.only("Job")["spec"]["template"]["metadata"]
    theirs = chart.template(values).only("Deployment")["spec"]["template"]["spec"]
    (ours,), (operator,) = found["containers"], theirs["containers"]
    environ = {each["name"]: each["value"] for each in ours["env"]}

    assert meta["annotations"] == values["podAnnotations"], "a sidecar would never let it end"
    assert meta["labels"]["team"] == "x"
    assert meta["labels"]["app.kubernetes.io/name"] == "anomaly-operator-let-go"
    assert ours["args"] == ["let-go"]
    for same in ("image", "securityContext", "resources", "volumeMounts"):
        assert ours[same] == operator[same]
    for same in ("securityContext", "volumes", "imagePullSecrets", "tolerations"):
        assert found[same] == theirs[same]
    assert environ["ANOMALY_OPERATOR_WATCH_NAMESPACES"] == "team-a,team-b"
    assert environ["ANOMALY_OPERATOR_INSTANCE"] == "blue"


def test_its_account_may_do_no_more_than_that(chart: Chart) -> None:
    """Cluster-wide by a ClusterRole, else by a Role in each namespace."""
    wide, narrow = chart.hooks(), chart.hooks({"watchNamespaces": ["team-a", "team-b"]})
    rules = documented()["letGoRules"]

    assert wide.only("ClusterRole")["rules"] == rules
    assert [role["rules"] for role in narrow.of_kind("Role")] == [rules, rules]
    assert narrow.of_kind("ClusterRole") == []
    for objects in (wide, narrow):
        account = objects.only("ServiceAccount")["metadata"]
        assert pod(objects)["serviceAccountName"] == account["name"]
        for binding in objects:
            for subject in binding.get("subjects", ()):
                assert (subject["name"], subject["namespace"]) == (
                    account["name"],
                    account["namespace"],
                )


def test_it_can_be_left_out(chart: Chart) -> None:
    """By its value, and where rights are left to others."""
    assert chart.hooks({"letGo": {"enabled": False}}) == []
    assert chart.hooks({"rbac": {"create": False}}) == []
