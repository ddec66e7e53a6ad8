"""The generated modules are those of the .proto files; the messages are as published."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from anomaly_dataplane.ingest.remote_write import messages_pb2 as remote_write

ROOT = Path(__file__).parents[3]
SOURCES = ROOT / "dataplane" / "src"
MADE = sorted(SOURCES.rglob("*_pb2.py*"))


def test_generating_anew_changes_nothing(tmp_path: Path) -> None:
    """Else somebody has changed one and not the other: `make protobuf`."""
    generate = [sys.executable, str(ROOT / "hack" / "generate-protobuf"), str(tmp_path)]
    subprocess.run(generate, check=True)
    made = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("*_pb2.py*")}
    assert made == {
        path.relative_to(SOURCES): path.read_text() for path in MADE if path.suffix != ".pyc"
    }


def test_the_library_that_is_asked_for_can_run_what_was_generated() -> None:
    """Generated modules refuse an older library at their import."""
    project = tomllib.loads((ROOT / "dataplane" / "pyproject.toml").read_text())
    asked = [name for name in project["project"]["dependencies"] if name.startswith("protobuf")]
    for path in MADE:
        if path.suffix == ".py":
            made_for = re.search(r"Protobuf Python Version: (\S+)", path.read_text())
            assert made_for is not None
            assert asked == [f"protobuf>={made_for[1]}"]


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        ("WriteRequest", {"timeseries": 1}),
        ("TimeSeries", {"labels": 1, "samples": 2, "exemplars": 3, "histograms": 4}),
        ("Label", {"name": 1, "value": 2}),
        ("Sample", {"value": 1, "timestamp": 2}),
        ("RequestV2", {"symbols": 4, "timeseries": 5}),
        (
            "TimeSeriesV2",
            {"labels_refs": 1, "samples": 2, "histograms": 3, "exemplars": 4, "metadata": 5},
        ),
        ("Metadata", {"type": 1}),
    ],
)
def test_the_fields_of_remote_write_are_numbered_as_published(
    message: str, fields: dict[str, int]
) -> None:
    described = remote_write.DESCRIPTOR.message_types_by_name[message]
    assert {field.name: field.number for field in described.fields} == fields
