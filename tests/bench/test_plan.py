"""What is run, and how long it is said to take."""

from __future__ import annotations

import pytest
from bench import plan, targets, variants
from bench.document import document, has_fast_path
from bench.errors import BenchError
from bench.workloads import workloads

ALL = plan.sections(fast_path=True, cache_setting=True)


def test_every_ratio_is_of_variants_that_its_section_runs() -> None:
    by_name = {section.name: section for section in ALL}

    for row in targets.RATIOS:
        assert {row.variant, row.against} <= set(by_name[row.section].variants), row.words


def test_every_section_has_a_workload_that_exists() -> None:
    assert {section.workload for section in ALL} - {""} <= set(workloads())


def test_without_the_front_protocol_its_variant_is_left_out() -> None:
    sections = plan.sections(fast_path=False, cache_setting=False)

    assert all(variants.FRONT not in section.variants for section in sections)
    assert "overflow" not in [section.name for section in sections]


def test_only_picks_sections_in_the_order_of_the_plan() -> None:
    assert [section.name for section in plan.chosen("W2, W1", ALL)] == ["W1", "W2"]
    assert plan.chosen("", ALL) == list(ALL)


def test_an_unknown_section_is_named_with_those_there_are() -> None:
    with pytest.raises(BenchError, match="no such section: W9; there are kernels, W1, W2"):
        plan.chosen("W1,W9", ALL)


def test_all_of_it_takes_about_a_quarter_of_an_hour() -> None:
    assert 10 * 60 < plan.estimate(ALL, 3, 4.0) < 18 * 60


def test_series_get_fewer_samples_a_second_than_timestamps_have_steps() -> None:
    # At a million samples a second, more than any machine here does, in steps of a millisecond.
    for workload in workloads().values():
        assert 1_000_000 / workload.load.series <= 1000 or workload.load.samples == 1, workload


def test_requests_of_all_connections_fit_into_the_default_buffer() -> None:
    for workload in workloads().values():
        assert workload.load.samples * workload.load.connections <= 20_000, workload.name


def test_the_operator_takes_the_pipelines_that_are_measured() -> None:
    for method in ("Fused", "ZScore"):
        assert method in document(method)
    assert '"Cluster"' in document("Fused", cluster=["127.0.0.1:7000"])
    if has_fast_path():
        assert "fastPath" in document("Fused", fast_path=True)
