"""Writes docs/api-reference.md from the CRD: `python hack/api_reference.py`.

A test compares; after a change of the CRD run this again.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
CRD = ROOT / "crds" / "anomalypipelines.yaml"
PAGE = ROOT / "docs" / "api-reference.md"

Schema = dict[str, Any]

HEAD = """# API reference

Every field of `AnomalyPipeline` (`anomalypipeline.io/v1alpha1`), made from
[the CRD](../crds/anomalypipelines.yaml) by `make api-reference`.
`kubectl explain ap.spec` shows the same.
How the fields belong together is told by [resource.md](resource.md).
"""


def page() -> str:
    """The page, as it should be."""
    crd = yaml.safe_load(CRD.read_text())
    root = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    parts = [HEAD]
    for name in ("spec", "status"):
        parts.append(f"\n## {name}\n\n{_line(root[name])}\n")
        parts += _groups(root[name], name)
    return "".join(parts)


def _groups(node: Schema, path: str) -> Iterator[str]:
    """A table for each object with named fields, the outer ones first."""
    fields = node.get("properties", {})
    if path not in ("spec", "status"):
        yield f"\n### {path}\n\n{_line(node)}\n"
        for rule in node.get("x-kubernetes-validations", ()):
            yield f"\n- {_line({'description': rule['message']})}\n"
    yield "\n| field | type | default | meaning |\n|---|---|---|---|\n"
    for name, below in fields.items():
        yield f"| `{name}` | {_type(below)} | {_default(below)} | {_meaning(below)} |\n"
    for name, below in fields.items():
        inner = below.get("items", below)
        if inner.get("properties"):
            yield from _groups(inner, f"{path}.{name}{'[]' if inner is not below else ''}")


def _type(node: Schema) -> str:
    if node.get("x-kubernetes-int-or-string"):
        return "quantity"
    if "enum" in node:
        return "one of " + ", ".join(f"`{each}`" for each in node["enum"])
    if node.get("type") == "array":
        return f"list of {_type(node['items'])}"
    if node.get("type") == "object" and "additionalProperties" in node:
        return f"map to {_type(node['additionalProperties'])}"
    text = str(node.get("format") if node.get("format") == "date-time" else node.get("type"))
    if "minimum" in node and "maximum" in node:
        text += f", {node['minimum']} to {node['maximum']}"
    return text


def _default(node: Schema) -> str:
    if "default" not in node or node.get("properties"):
        return ""
    value = node["default"]
    if isinstance(value, str):
        return f'`"{value}"`'
    return f"`{yaml.safe_dump(value, default_flow_style=True, width=1000).splitlines()[0]}`"


def _meaning(node: Schema) -> str:
    text = _line(node)
    if not node.get("properties"):
        rules = [rule["message"] for rule in node.get("x-kubernetes-validations", ())]
        text += "".join(f" Rule: {' '.join(rule.split())}." for rule in rules)
    return text.replace("|", "\\|")


def _line(node: Schema) -> str:
    text = " ".join(node.get("description", "").split())
    return text.removesuffix(limits(node)).rstrip()  # the page has columns for them


def limits(node: Schema) -> str:
    """How the description of a field ends: its default and bounds.

    `kubectl explain` shows neither by itself.
    """
    if node.get("properties"):
        return ""
    parts = []
    if node.get("default") not in (None, "", [], {}):
        parts.append(f"Default: {_plain(node['default'])}.")
    low, high = node.get("minimum"), node.get("maximum")
    if low is None or high is None:
        rules = " ".join(rule["message"] for rule in node.get("x-kubernetes-validations", ()))
        found = re.search(r"from ([0-9][0-9.a-z+]*) to ([0-9][0-9.a-z+]*)", " ".join(rules.split()))
        low, high = (end.replace("+", "") for end in found.groups()) if found else (None, None)
    if low is not None:
        parts.append(f"Allowed: {low} to {high}.")
    return " ".join(parts)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(each)}" for name, each in value.items())
    if isinstance(value, str) and re.fullmatch(r"-?[0-9.]+", value):
        return f'"{value}"'  # as it must be written in YAML
    return str(value)


if __name__ == "__main__":
    PAGE.write_text(page())
