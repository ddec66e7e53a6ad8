"""The chart's CRD is the file in crds/; a release upgrades it but never takes it away."""

from __future__ import annotations

import json
import tarfile
from typing import Any

import yaml

from chart import CHART, CRD_FILE, Chart

KEEP = {"helm.sh/resource-policy": "keep"}


def crd_file() -> dict[str, Any]:
    content = yaml.safe_load(CRD_FILE.read_text())
    assert isinstance(content, dict)
    return content


def test_the_chart_holds_no_second_copy_of_the_crd() -> None:
    """The chart's file is a link to the only copy."""
    link = CHART / "files" / "anomalypipelines.yaml"

    assert link.is_symlink()
    assert link.resolve() == CRD_FILE.resolve()


def test_the_rendered_crd_equals_the_file(chart: Chart) -> None:
    """Nothing is lost or changed on the way through the template, metadata aside."""
    rendered = chart.template().only("CustomResourceDefinition")

    assert rendered["spec"] == crd_file()["spec"]
    assert rendered["metadata"]["name"] == crd_file()["metadata"]["name"]


def test_the_packaged_chart_carries_the_crd(chart: Chart) -> None:
    """`helm package` follows the link, so an archive works far from this checkout."""
    rendered = chart.template_package(chart.package()).only("CustomResourceDefinition")

    assert rendered["spec"] == crd_file()["spec"]


def test_the_crd_outlives_the_release_unless_told_otherwise(chart: Chart) -> None:
    """`crds.keep` is on by default and can be turned off; the file's own annotations stay."""
    own = crd_file()["metadata"].get("annotations", {})
    kept = chart.template().only("CustomResourceDefinition")
    dropped = chart.template({"crds": {"keep": False}}).only("CustomResourceDefinition")

    assert kept["metadata"]["annotations"] == {**own, **KEEP}
    assert dropped["metadata"].get("annotations", {}) == own


def test_the_crd_can_be_left_to_others(chart: Chart) -> None:
    """`crds.install: false` renders none."""
    objects = chart.template({"crds": {"install": False}})

    assert objects.of_kind("CustomResourceDefinition") == []


def test_the_crd_fits_into_the_annotation_of_a_client_side_apply(chart: Chart) -> None:
    """`kubectl apply` without --server-side stores the object in an annotation of 262144 bytes."""
    rendered = chart.template().only("CustomResourceDefinition")

    assert len(json.dumps(rendered)) < 262_144


def test_nothing_stands_in_helms_own_crds_folder(chart: Chart) -> None:
    """Helm installs what stands in crds/ but never upgrades it."""
    with tarfile.open(chart.package()) as archive:
        names = archive.getnames()

    assert not [name for name in names if name.startswith("anomaly-operator/crds/")]
