"""The CRD against what the code honours: same fields, same defaults, same bounds."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from anomaly_dataplane.contract import config
from anomaly_dataplane.contract.fields import (
    TIME_ZONE_PATTERN,
    Boolean,
    Choice,
    ChoiceList,
    DecimalString,
    Duration,
    Expression,
    ExpressionMap,
    Group,
    GroupList,
    Integer,
    Maybe,
    Moment,
    OptionalDecimalString,
    OptionalDuration,
    Text,
    TextList,
    TimeZone,
    camel,
)
from anomaly_operator import names, schema, spec
from anomaly_operator.settings import Settings
from api_reference import limits

Schema = dict[str, Any]
CRD = schema.crd()
VERSION = CRD["spec"]["versions"][0]
ROOT_SCHEMA = schema.root()
SPEC = ROOT_SCHEMA["properties"]["spec"]
CLIENT_SIDE_APPLY_LIMIT = 262144
"""Of the annotation in which `kubectl apply` keeps the whole object."""


def fields(node: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    """Every field below a node, by its path."""
    for name, below in node.get("properties", {}).items():
        yield f"{path}.{name}", below
        yield from fields(below, f"{path}.{name}")
    if "items" in node:
        yield from fields(node["items"], f"{path}[]")


ALL = dict(fields(SPEC, "spec"))


def pod_fields(of: type[Any], path: str) -> Iterator[tuple[str, dataclasses.Field[Any]]]:
    """Every field of a group of the pods' config, by the path that the CRD gives it."""
    for field in dataclasses.fields(of):
        below = f"{path}.{camel(field.name)}"
        kind = field.metadata["kind"]
        kind = kind.of if isinstance(kind, Maybe) else kind
        yield below, field
        if isinstance(kind, Group):
            yield from pod_fields(kind.of, below)
        elif isinstance(kind, GroupList):
            yield from pod_fields(kind.of, f"{below}[]")


POD_FIELDS = {
    path: field
    for group in dataclasses.fields(config.PipelineConfig)
    if group.name in spec.POD_GROUPS
    for path, field in pod_fields(group.metadata["kind"].of, f"spec.{group.name}")
}


def required(path: str) -> bool:
    """Whether the CRD wants a field of a list's items to be given."""
    parent, _, name = path.rpartition(".")
    node = ALL[parent.removesuffix("[]")]
    return name in (node["items"] if parent.endswith("[]") else node).get("required", ())


def test_the_groups_of_the_pods_have_exactly_their_fields() -> None:
    """Nothing is accepted and ignored, nothing is honoured but cannot be written."""
    declared = {
        path for path in ALL if path.count(".") >= 2 and path.split(".")[1] in spec.POD_GROUPS
    }

    assert declared == set(POD_FIELDS)


@pytest.mark.parametrize("path", sorted(POD_FIELDS))
def test_a_field_of_the_pods_has_their_default_and_bounds(path: str) -> None:  # noqa: C901
    """The API server refuses exactly what a pod would refuse."""
    node, field = ALL[path], POD_FIELDS[path]
    kind = field.metadata["kind"]

    if isinstance(kind, Maybe):
        assert "default" not in node
        kind = kind.of
    elif not required(path) and not isinstance(kind, Group):  # of groups, a test below looks closer
        assert node["default"] == field.metadata["default"]
    if isinstance(kind, Integer):
        assert (node["type"], node["minimum"], node["maximum"]) == (
            "integer",
            kind.minimum,
            kind.maximum,
        )
    elif isinstance(kind, Boolean):
        assert node["type"] == "boolean"
    elif isinstance(kind, Choice):
        assert node["enum"] == list(kind.values)
    elif isinstance(kind, ChoiceList):
        assert node["x-kubernetes-list-type"] == "set"
        assert node["items"]["enum"] == list(kind.values)
    elif isinstance(kind, DecimalString | OptionalDecimalString):
        message = only_rule(node)["message"]
        empty = "empty or " if isinstance(kind, OptionalDecimalString) else ""
        allowed = f"{kind.minimum:g} to {kind.maximum:g}"
        assert f"{path} must be {empty}a decimal number from {allowed}" in message
        assert decimal_bounds(node) == (kind.minimum, kind.maximum)
    elif isinstance(kind, Duration | OptionalDuration):
        empty = "empty or " if isinstance(kind, OptionalDuration) else ""
        bounds = duration_bounds(node)
        assert bounds == (kind.minimum_seconds, kind.maximum_seconds)
        message = only_rule(node)["message"]
        assert re.match(rf"{named(path)} must be {empty}a duration from ", message)
    elif isinstance(kind, TimeZone):
        assert f"matches('{TIME_ZONE_PATTERN}')" in only_rule(node)["rule"]
    elif isinstance(kind, TextList):
        check_pattern(node["items"], kind.pattern, path)
    elif isinstance(kind, Text):
        check_pattern(node, kind.pattern, path)
    elif isinstance(kind, Expression):
        assert node["maxLength"] == kind.max_length
    elif isinstance(kind, ExpressionMap):
        assert node["additionalProperties"] == {"type": "string", "maxLength": kind.max_length}
    elif isinstance(kind, Moment):
        assert (node["type"], node["format"]) == ("string", "date-time")
    elif isinstance(kind, GroupList):
        keys = [camel(kind.key)] if kind.key else None
        assert node.get("x-kubernetes-list-map-keys") == keys
    else:
        assert isinstance(kind, Group), f"no comparison for {kind}"


def named(path: str) -> str:
    """How a message names a field: by its path, or by its name and the path of its list."""
    parent, _, name = path.rpartition("[].")
    return rf"({re.escape(path)}|{re.escape(name)} in {re.escape(parent)})"


def check_pattern(node: Schema, pattern: str, path: str) -> None:
    """A rule with the pods' pattern, or for what is any short text a length."""
    bound = re.fullmatch(r"\^\S+?\{0,([0-9]+)\}\$", pattern)
    if bound and "x-kubernetes-validations" not in node:
        assert node["maxLength"] == int(bound[1]), path
        return
    escaped = pattern.replace("\\", "\\\\")
    assert f"matches('{escaped}')" in only_rule(node)["rule"], path


def test_partitions_have_the_bounds_of_the_pods() -> None:
    """The group redis is rewritten for the pods, but this number is theirs."""
    kind = {f.name: f.metadata for f in dataclasses.fields(config.Redis)}["partitions"]
    node = ALL["spec.redis.partitions"]

    assert (node["minimum"], node["maximum"], node["default"]) == (
        kind["kind"].minimum,
        kind["kind"].maximum,
        kind["default"],
    )
    assert (
        config.HOST_PORT_PATTERN
        in ALL["spec.redis.urls"]["items"]["x-kubernetes-validations"][0]["rule"]
    )


def test_every_field_is_described() -> None:
    """`kubectl explain` is the documentation."""
    status = dict(fields(ROOT_SCHEMA["properties"]["status"], "status"))
    short = {
        path for path, node in {**ALL, **status}.items() if len(node.get("description", "")) < 8
    }

    assert short == set()


def test_every_field_of_a_fixed_shape_has_a_default() -> None:
    """So that `spec: {}` is complete; lists, free maps, HPA behaviour, pods, shadows have none."""
    without = {
        path
        for path, node in ALL.items()
        if "default" not in node
        and "[]" not in path
        and not path.startswith(("spec.autoscaling.behavior.", "spec.podTemplate."))
        and not path.startswith("spec.detection.shadow.")
        and not path.startswith("spec.redis.managed.resources.")
    }

    assert without == set()


def test_no_number_is_a_float() -> None:
    """Kubernetes API conventions allow none in spec."""
    assert "number" not in {node.get("type") for node in ALL.values()}


def test_a_groups_default_is_what_the_defaults_below_it_give() -> None:
    """Some name fields, because the API server checks rules on them before it fills the rest in."""
    for path, node in [("spec", SPEC), *ALL.items()]:
        if "properties" in node and "default" in node:
            given = schema.defaulted(node["default"], node)
            assert given == schema.defaulted({}, node), path


def test_a_rules_fields_are_named_in_the_default_of_their_group() -> None:
    """Else the API server refuses the CRD: it evaluates the rule on the bare default."""
    for path, node in ALL.items():
        if "properties" not in node:
            continue
        for rule in node.get("x-kubernetes-validations", ()):
            if "oldSelf" in rule["rule"]:
                continue
            read = set(re.findall(r"self\.([a-zA-Z]+)", rule["rule"])) & set(node["properties"])
            assert read <= set(node["default"]), path


def test_messages_name_the_field() -> None:
    """A person who reads only the message knows where to look."""
    for path, node in ALL.items():
        for rule in node.get("x-kubernetes-validations", ()):
            assert "spec." in rule["message"], f"{path}: {rule['message']}"


def test_rules_without_a_cluster_are_those_of_the_api_server() -> None:
    """Each CEL rule that is not about a change has its twin in spec.py or in the pods' parser."""
    messages = " ".join(
        rule["message"]
        for node in ALL.values()
        for rule in node.get("x-kubernetes-validations", ())
    )
    for _, _, message in spec.RULES:
        words = message.split(",")[0].removeprefix("name ")
        assert words in messages, message


def test_lists_say_how_they_are_merged() -> None:
    """Server-side apply by users needs it."""
    for path, node in ALL.items():
        if node.get("type") == "array":
            assert node.get("x-kubernetes-list-type") in ("map", "set", "atomic"), path


def test_the_names_are_those_of_the_operator() -> None:
    """Group, kind, plural and version stand in the code once."""
    assert CRD["spec"]["group"] == names.GROUP
    assert CRD["spec"]["names"]["kind"] == names.KIND
    assert CRD["spec"]["names"]["plural"] == names.PLURAL
    assert CRD["spec"]["names"]["shortNames"] == ["ap"]
    assert "categories" not in CRD["spec"]["names"], "`kubectl delete all` would take them along"
    assert VERSION["name"] == names.VERSION
    assert CRD["metadata"]["name"] == f"{names.PLURAL}.{names.GROUP}"


def test_columns_show_what_an_engineer_asks_first() -> None:
    """And -o wide the rest."""
    columns = VERSION["additionalPrinterColumns"]

    assert [c["name"] for c in columns if not c.get("priority")] == [
        "Ready",
        "Replicas",
        "Rate",
        "Anomalies",
        "Endpoint",
        "Age",
    ]
    assert [c["name"] for c in columns if c.get("priority")] == [
        "Method",
        "Window",
        "Redis",
        "Reason",
    ]
    paths = {f".{path}" for path in ALL} | {
        f".{path}" for path, _ in fields(ROOT_SCHEMA["properties"]["status"], "status")
    }
    for column in columns:
        if "conditions[" not in column["jsonPath"] and ".metadata." not in column["jsonPath"]:
            assert column["jsonPath"] in paths


def test_the_scale_subresource_points_at_fields_that_exist() -> None:
    """`kubectl scale ap` works."""
    scale = VERSION["subresources"]["scale"]

    assert scale["specReplicasPath"].removeprefix(".") in ALL
    for name in ("statusReplicasPath", "labelSelectorPath"):
        assert (
            scale[name].removeprefix(".status.")
            in ROOT_SCHEMA["properties"]["status"]["properties"]
        )


@pytest.mark.parametrize("path", sorted(path for path in ALL if "enum" not in ALL[path]))
def test_kubectl_explain_tells_default_and_bounds(path: str) -> None:
    """It shows neither by itself, so each description ends with them; `limits` words the end."""
    text = " ".join(ALL[path].get("description", "").split())

    assert text.endswith(limits(ALL[path]))


def test_client_side_apply_can_take_the_file() -> None:
    """The annotation that it writes has a limit."""
    assert len(json.dumps(CRD)) < CLIENT_SIDE_APPLY_LIMIT


def test_the_pods_parser_agrees_with_the_defaults() -> None:
    """The document of `spec: {}` is the pods' own default."""
    body = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": "pipeline", "namespace": "default", "uid": "local"},
    }
    parsed = config.parse(spec.parse(body, Settings()).document)
    own = config.PipelineConfig()

    for group in spec.POD_GROUPS:
        assert getattr(parsed, group) == getattr(own, group)


def only_rule(node: Schema) -> dict[str, str]:
    (rule,) = node["x-kubernetes-validations"]
    return dict(rule)


def decimal_bounds(node: Schema) -> tuple[float, float]:
    low, high = re.findall(r"double\(self\) [<>]= ([0-9.e+-]+)", only_rule(node)["rule"])
    return float(low), float(high)


def duration_bounds(node: Schema) -> tuple[float, float]:
    texts = re.findall(r"[<>]= duration\('([^']+)'\)", only_rule(node)["rule"])
    low, high = (float(Duration(0, 1e9).read(text, "bound")) for text in texts)
    return low, high
