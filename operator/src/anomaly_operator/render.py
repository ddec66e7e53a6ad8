"""`anomaly-operator render`: the objects a resource becomes, without a cluster.

The same code that the reconcile runs, fed from files. Called by `__main__`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from anomaly_operator import desired, kinds, names, spec
from anomaly_operator.desired import redis
from anomaly_operator.errors import InvalidSpec, Problem
from anomaly_operator.settings import Settings
from anomaly_operator.spec import Pipeline

Manifest = dict[str, Any]

UID = "00000000-0000-0000-0000-000000000000"
"""Stands for the uid that the API server would give."""
PASSWORD = "generated-when-applied"  # noqa: S105  # a placeholder
CREDENTIALS = "changes-with-the-password"


class Unreadable(Exception):
    """A file that holds no pipeline."""


def pipelines(path: Path, settings: Settings) -> Iterator[Pipeline]:
    """The pipelines of a YAML file, checked as the API server would check them.

    Raises:
        Unreadable: if there is none in it.
        InvalidSpec: naming every field that cannot be used.
    """
    for body in resources(path):
        yield spec.parse(body, settings)


def resources(path: Path, namespace: str = "default") -> Iterator[Manifest]:
    """The resources of a YAML file, with what the API server adds to a new one.

    Raises:
        Unreadable: if there is none in it.
        InvalidSpec: naming every field that cannot be used.
    """
    try:
        documents = [found for found in yaml.safe_load_all(path.read_text("utf-8")) if found]
    except OSError as error:
        raise Unreadable(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Unreadable(f"{path}: is not UTF-8 text") from None
    except yaml.YAMLError as error:
        raise Unreadable(f"{path}: is not YAML: {_where(error)}") from None
    ours = [
        found for found in documents if isinstance(found, dict) and found.get("kind") == names.KIND
    ]
    if not ours:
        raise Unreadable(f"{path}: holds no {names.KIND}")
    for body in ours:
        yield _as_stored(body, namespace)


def _where(error: yaml.YAMLError) -> str:
    """What the parser met and where, in one line, without its drawing of the text."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None)
    if mark is None or problem is None:
        return " ".join(str(error).split())
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"


def objects(pipeline: Pipeline) -> list[Manifest]:
    """Everything the operator would apply, on a cluster that has every optional API."""
    found = desired.objects(
        pipeline, served=kinds.OPTIONAL, redis_credentials=_credentials(pipeline)
    )
    if pipeline.redis.managed is not None:
        found.insert(0, redis.secret(pipeline, PASSWORD))
    return found


def _credentials(pipeline: Pipeline) -> str:
    return CREDENTIALS if pipeline.redis.managed is not None else ""


def to_yaml(manifests: list[Manifest]) -> str:
    """YAML documents, in order, as kubectl takes them."""
    return "".join(
        "---\n" + yaml.dump(found, Dumper=_Dumper, sort_keys=False, width=100)
        for found in manifests
    )


class _Dumper(yaml.SafeDumper):
    """Writes multi-line text as a block and repeats shared values instead of linking them."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def _as_stored(body: Manifest, namespace: str) -> Manifest:
    """The resource with what the API server adds to a new one."""
    if body.get("apiVersion") != names.API_VERSION:
        raise InvalidSpec([Problem("apiVersion", f"must be {names.API_VERSION}")])
    meta = body.get("metadata")
    if not isinstance(meta, dict) or not isinstance(meta.get("name"), str) or not meta["name"]:
        raise InvalidSpec([Problem("metadata.name", "is required")])
    return {
        **body,
        "metadata": {"namespace": namespace, "uid": UID, "generation": 1, **meta},
    }
