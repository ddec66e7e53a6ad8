"""Strategic merge, by the rules that people know from `kubectl patch`."""

from __future__ import annotations

from typing import Any

import pytest

from anomaly_operator.desired.strategic import merged

BASE: dict[str, Any] = {
    "securityContext": {"runAsNonRoot": True, "runAsUser": 1},
    "tolerations": [{"key": "a"}],
    "containers": [
        {
            "name": "dataplane",
            "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"secret": "s"}}],
            "ports": [{"containerPort": 80, "name": "http"}],
        }
    ],
}


@pytest.mark.parametrize(
    ("patch", "path", "wanted"),
    [
        ({"securityContext": {"runAsUser": 2}}, ["securityContext", "runAsNonRoot"], True),
        ({"securityContext": {"runAsUser": 2}}, ["securityContext", "runAsUser"], 2),
        ({"securityContext": {"$patch": "replace", "x": 1}}, ["securityContext"], {"x": 1}),
        ({"tolerations": [{"key": "b"}]}, ["tolerations"], [{"key": "b"}]),
        (
            {"containers": [{"name": "dataplane", "env": [{"name": "A", "value": "2"}]}]},
            ["containers", 0, "env", 0],
            {"name": "A", "value": "2"},
        ),
        (
            {"containers": [{"name": "dataplane", "env": [{"name": "B", "value": "2"}]}]},
            ["containers", 0, "env", 1],
            {"name": "B", "value": "2"},
        ),
        (
            {"containers": [{"name": "dataplane", "env": [{"name": "A", "$patch": "delete"}]}]},
            ["containers", 0, "env", 0, "name"],
            "B",
        ),
        ({"containers": [{"name": "sidecar"}]}, ["containers", 1], {"name": "sidecar"}),
        ({"containers": [{"name": "sidecar"}]}, ["containers", 0, "name"], "dataplane"),
        ({"containers": [{"name": "dataplane", "tty": True}]}, ["containers", 0, "tty"], True),
    ],
)
def test_a_patch_gives_what_kubectl_would(
    patch: dict[str, Any], path: list[Any], wanted: object
) -> None:
    """Maps merge, lists with keys merge by them, other lists are replaced."""
    found: Any = merged(BASE, patch)
    for step in path:
        found = found[step]

    assert found == wanted


def test_null_takes_away() -> None:
    """And nothing of what was given is changed in place."""
    assert "tolerations" not in merged(BASE, {"tolerations": None})
    assert "tolerations" in BASE
