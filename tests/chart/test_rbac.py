"""The operator may do exactly what operator/RBAC.md lists, and nobody gets more by accident."""

from __future__ import annotations

import pytest

from chart import Chart, Manifest, Objects, Rules, documented

OPERATOR = {
    "kind": "ServiceAccount",
    "name": "anomaly-operator",
    "namespace": "anomaly-system",
}


def rules_of(objects: Objects) -> Rules:
    return [
        rule
        for kind in ("Role", "ClusterRole")
        for role in objects.of_kind(kind)
        for rule in role["rules"]
    ]


def operators_role(objects: Objects) -> Manifest:
    """The ClusterRole that the operator's binding names."""
    wanted = objects.only("ClusterRoleBinding")["roleRef"]["name"]
    (role,) = [o for o in objects.of_kind("ClusterRole") if o["metadata"]["name"] == wanted]
    return role


def test_a_cluster_wide_operator_gets_the_documented_rules(chart: Chart) -> None:
    """One ClusterRole with both lists of RBAC.md, bound to the operator's ServiceAccount."""
    objects = chart.template()
    binding = objects.only("ClusterRoleBinding")

    assert operators_role(objects)["rules"] == documented()["rules"] + documented()["clusterRules"]
    assert binding["subjects"] == [OPERATOR]
    (role,) = objects.of_kind("Role")
    assert role["rules"] == documented()["leaseRules"]
    assert role["metadata"]["namespace"] == OPERATOR["namespace"]


def test_an_operator_of_some_namespaces_gets_roles_there_and_nothing_else(chart: Chart) -> None:
    """`watchNamespaces` makes a Role and a RoleBinding in each, and no cluster-wide right."""
    objects = chart.template({"watchNamespaces": ["team-a", "team-b"]})

    for kind in ("Role", "RoleBinding"):
        places = [o["metadata"]["namespace"] for o in objects.of_kind(kind)]
        assert places == ["anomaly-system", "team-a", "team-b"]
    lease, *roles = objects.of_kind("Role")
    assert lease["rules"] == documented()["leaseRules"]
    assert all(role["rules"] == documented()["rules"] for role in roles)
    assert all(b["subjects"] == [OPERATOR] for b in objects.of_kind("RoleBinding"))
    assert objects.of_kind("ClusterRole") == objects.of_kind("ClusterRoleBinding") == []


def test_a_namespaced_install_needs_no_cluster_administrator(chart: Chart) -> None:
    """With the CRD installed by others, every object has a namespace."""
    objects = chart.template({"watchNamespaces": ["team-a"], "crds": {"install": False}})

    assert [o["kind"] for o in objects if "namespace" not in o["metadata"]] == []


@pytest.mark.parametrize("namespaces", [[], ["team-a"]], ids=["cluster-wide", "namespaced"])
def test_no_rule_has_a_wildcard_or_reads_secrets_at_large(
    chart: Chart, namespaces: list[str]
) -> None:
    """No `*` anywhere, and Secrets can neither be listed nor watched."""
    rules = rules_of(chart.template({"watchNamespaces": namespaces}))

    assert rules
    for rule in rules:
        assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
        if "secrets" in rule["resources"]:
            assert not {"list", "watch", "deletecollection"} & set(rule["verbs"])


def test_the_standard_roles_learn_about_pipelines(chart: Chart) -> None:
    """`view` reads, `edit` and `admin` write; nothing but AnomalyPipelines is granted."""
    objects = chart.template()
    granted = {
        word: [
            rule
            for role in objects.of_kind("ClusterRole")
            if role["metadata"]["labels"].get(f"rbac.authorization.k8s.io/aggregate-to-{word}")
            for rule in role["rules"]
        ]
        for word in ("view", "edit", "admin")
    }

    assert all(rule["apiGroups"] == ["anomalypipeline.io"] for r in granted.values() for rule in r)
    assert {verb for rule in granted["view"] for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert granted["edit"] == granted["admin"]
    assert "create" in {verb for rule in granted["edit"] for verb in rule["verbs"]}


def test_rights_can_be_left_to_others(chart: Chart) -> None:
    """`rbac.create: false` makes none at all, `rbac.aggregate: false` none for people."""
    none = chart.template({"rbac": {"create": False}})
    own = chart.template({"rbac": {"aggregate": False}})

    assert [o["kind"] for o in none if "Role" in o["kind"]] == []
    assert own.of_kind("ClusterRole") == [operators_role(own)]
