"""The JSON document of a benchmark."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bench import results
from bench.errors import BenchError
from bench.records import Filled, Written
from bench.results import Results

from bench_runs import a_run


def _full() -> Results:
    return Results(
        machine={"cores": 2, "redis": "7.0.15"},
        options={"rounds": 3, "series": 10_000},
        runs=[a_run("Go"), a_run("ours, Fused", problems=("x",))],
        written=[Written("W2", "Fused", 1000, 1000, 2, 700_000, 650_000, 90_000, 4.5)],
        filled={"Fused": Filled(Path("dump.rdb"), "uid", 1_320_000, 4168.0, 4100, 90_000)},
        figures={"kernels": 55.0},
        kernels={"ratio": 55.0, "rows": [{"kernel": "Fused", "us": 0.1}]},
        notes=["a note"],
    )


def test_what_is_written_reads_the_same() -> None:
    assert results.from_json(results.to_json(_full())) == _full()


def test_every_raw_figure_is_in_the_document() -> None:
    document = json.loads(results.to_json(_full()))

    assert set(document) == {
        "version",
        "machine",
        "options",
        "runs",
        "written",
        "filled",
        "figures",
        "kernels",
        "notes",
    }
    assert document["runs"][0]["pod_cpu_seconds"] == pytest.approx(0.01)


def test_another_version_is_refused() -> None:
    with pytest.raises(BenchError, match="results of version 1 are needed, not 7"):
        results.from_json('{"version": 7}')


def test_problems_name_section_variant_and_round() -> None:
    assert _full().problems == ["W1, ours, Fused, round 1: x"]
