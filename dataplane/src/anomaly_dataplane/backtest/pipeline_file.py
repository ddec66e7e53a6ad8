"""The config of a backtest, from the resource as people apply it or from a pod's own document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from anomaly_dataplane.contract import config
from anomaly_dataplane.contract.config import PipelineConfig
from anomaly_dataplane.contract.fields import FieldError, InvalidConfig, unknown_field

KIND = "AnomalyPipeline"

HONOURED = ("ingest", "buffer", "workers", "detection", "alerting")
"""Groups of `spec` that decide what a sample gets."""

LEFT_ASIDE = (
    "image",
    "imagePullPolicy",
    "imagePullSecrets",
    "replicas",
    "autoscaling",
    "resources",
    "podTemplate",
    "page",
    "redis",
    "expose",
    "monitoring",
    "networkPolicy",
    "suspend",
    "deletionPolicy",
)
"""Fields of `spec` that say where and how a pipeline runs."""


def read(path: Path) -> PipelineConfig:
    """The config that a YAML or JSON file describes.

    Args:
        path: an AnomalyPipeline (the first one of several documents), or the `pipeline.json` of a
            running pod. Defaults fill what it leaves out, as the API server would.

    Raises:
        InvalidConfig: it cannot be read, is neither, or has fields that cannot be used.
    """
    try:
        documents = [each for each in yaml.safe_load_all(path.read_text("utf-8")) if each]
    except OSError as error:
        raise _invalid(path, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _invalid(path, "is not UTF-8 text") from None
    except yaml.YAMLError as error:
        raise _invalid(path, f"is not YAML: {_where(error)}") from None
    for document in documents:
        if isinstance(document, Mapping) and document.get("kind") == KIND:
            if not all(isinstance(document.get(g) or {}, Mapping) for g in ("spec", "metadata")):
                raise _invalid(path, "spec and metadata must be objects, such as spec: {}")
            with _told_of(f"{path}: spec."):
                return _of_resource(document)
    if len(documents) == 1 and isinstance(documents[0], Mapping) and "version" in documents[0]:
        with _told_of(f"{path}: "):
            return config.parse(documents[0])
    raise _invalid(path, f"holds no {KIND}; give the file that `kubectl apply -f` takes")


@contextmanager
def _told_of(place: str) -> Iterator[None]:
    """Have errors say where their fields stand: there may be two files."""
    try:
        yield
    except InvalidConfig as invalid:
        errors = [FieldError(place + error.path, error.problem) for error in invalid.errors]
        raise InvalidConfig(errors) from None


def _of_resource(resource: Mapping[str, object]) -> PipelineConfig:
    """The config of a resource; errors name what is below `spec`."""
    spec, metadata = resource.get("spec") or {}, resource.get("metadata") or {}
    assert isinstance(spec, Mapping)
    assert isinstance(metadata, Mapping)
    known = {*HONOURED, *LEFT_ASIDE}
    unknown = [str(name) for name in spec if name not in known]
    if unknown:
        raise InvalidConfig([FieldError(name, unknown_field(name, known)) for name in unknown])
    groups = {name: spec[name] for name in HONOURED if name in spec}
    identity = {
        "namespace": str(metadata.get("namespace") or "default"),
        "name": str(metadata.get("name") or "pipeline"),
    }
    return config.parse(config.document(identity, "", groups))


def _where(error: yaml.YAMLError) -> str:
    """What the parser met and where, in one line, without its drawing of the text."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None)
    if mark is None or problem is None:
        return " ".join(str(error).split())
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"


def _invalid(path: Path, message: str) -> InvalidConfig:
    return InvalidConfig([FieldError(str(path), message)])
