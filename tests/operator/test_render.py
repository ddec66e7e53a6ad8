"""The command `anomaly-operator render`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from anomaly_dataplane.contract import config
from anomaly_operator.__main__ import main

HEAD = "apiVersion: anomalypipeline.io/v1alpha1\nkind: AnomalyPipeline\nmetadata: {name: b}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cr.yaml"


def test_config_only_prints_the_document_of_the_pods(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exactly what a pod would mount; it parses."""
    file.write_text(HEAD)

    assert main(["render", "--config-only", str(file)]) == 0
    assert config.parse_json(capsys.readouterr().out).pipeline.name == "b"


def test_the_output_is_yaml_or_a_json_list(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both hold the same objects."""
    file.write_text(HEAD)

    main(["render", str(file)])
    from_yaml = list(yaml.safe_load_all(capsys.readouterr().out))
    main(["render", "-o", "json", str(file)])
    from_json = json.loads(capsys.readouterr().out)["items"]

    assert from_yaml == from_json


def test_several_resources_in_one_file_are_all_rendered(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other kinds in the file are left alone."""
    file.write_text(f"{HEAD}---\nkind: Secret\n---\n---\n{HEAD.replace('b}', 'c}')}")

    main(["render", str(file)])
    found = yaml.safe_load_all(capsys.readouterr().out)
    assert {o["metadata"]["name"] for o in found if o["kind"] == "Deployment"} == {"b", "c"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + "spec: {detection: {threshold: 2}}", "spec.detection.threshold: must be a string"),
        (HEAD + "spec: {detektion: {}}", "spec.detektion: unknown field; did you mean detection?"),
        ("kind: AnomalyPipeline\napiVersion: v1\n", "apiVersion: must be anomalypipeline.io/"),
        (HEAD.replace("{name: b}", "{}"), "metadata.name: is required"),
        (HEAD + "spec: [1]", "spec: must be an object"),
        ("kind: Secret", "holds no AnomalyPipeline"),
        ("", "holds no AnomalyPipeline"),
        (HEAD + "spec: {zzz: {}}", "spec.zzz: unknown field; known: alerting, autoscaling"),
        ("a: [", "is not YAML: line 1, column 5: expected"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(
    file: Path, text: str | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, the file and the field on standard error, nothing on standard output."""
    if text is not None:
        file.write_text(text)

    assert main(["render", str(file)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert str(file) in err
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("kubeconfig", [None, "a: [", "a: 3"])
def test_a_plan_without_a_cluster_says_that_there_is_none(
    file: Path,
    kubeconfig: str | None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exit code 2, since 1 means that something would change."""
    file.write_text(HEAD + "spec: {}")
    config = file.parent / "kubeconfig"
    if kubeconfig is not None:
        config.write_text(kubeconfig)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr(
        "kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(config)
    )

    assert main(["plan", str(file)]) == 2
    assert "no cluster: " in capsys.readouterr().err


def test_a_plan_names_a_wrong_field_before_it_looks_for_a_cluster(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A typo needs no cluster to be found."""
    file.write_text(HEAD + "spec: {detection: {windw: 3}}")

    assert main(["plan", str(file)]) == 2
    assert "spec.detection.windw: unknown field; did you mean window?" in capsys.readouterr().err


def test_settings_that_cannot_be_used_end_the_program(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is touched."""
    monkeypatch.setenv("ANOMALY_OPERATOR_WORKERS", "0")

    assert main(["run"]) == 2
    assert "ANOMALY_OPERATOR_WORKERS='0'" in capsys.readouterr().err
