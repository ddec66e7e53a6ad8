"""docs/resource.md says which changes reach running pods as the pods take them over."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from anomaly_dataplane.contract.config import HOT_FIELDS, Alerting, Detection
from anomaly_dataplane.contract.fields import camel

TEXT = (Path(__file__).parents[2] / "docs" / "resource.md").read_text("utf-8")


def names(group: type) -> set[str]:
    """The fields of a group, as the document writes them."""
    return {camel(field.name) for field in dataclasses.fields(group)}


def hot(group: str) -> set[str]:
    """Those that a running pod takes over."""
    return {name.split(".")[1] for name in HOT_FIELDS if name.startswith(f"{group}.")}


def test_it_says_what_needs_no_new_pods() -> None:
    """Of detection what is left out, of alerting what is in."""
    (line,) = re.findall(r"^- These reach running pods.*$", TEXT, re.MULTILINE)
    detection, alerting = re.findall(r"of `detection` all but (.*?); of `alerting` (.*?)\. ", line)[
        0
    ]
    assert set(re.findall(r"`(\w+)`", detection)) == names(Detection) - hot("detection")
    assert set(re.findall(r"`(\w+)`", alerting)) == hot("alerting")
    assert hot("alerting") < names(Alerting)
