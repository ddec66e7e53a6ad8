"""The pages hold what the programs print."""

from __future__ import annotations

import re

from bench import page, plan
from bench.results import Results

from bench_runs import a_run


def _results() -> Results:
    machine = {
        "measured_at": "2026-01-02T03:04:05+00:00",
        "cores": 2,
        "cpu": "x",
        "redis": "7",
        "python": "3.11",
        "go": "go version go1.26",
        "commit": "abc",
        "load_before": 0.25,
    }
    options = {"rounds": 3, "seconds": 3.0, "series": 10_000}
    return Results(machine, options, runs=[a_run("Go"), a_run("ours, Fused", pod_us=4)])


def test_a_report_takes_the_place_of_the_last_one_and_of_nothing_else() -> None:
    before = "words\n\n<!-- results -->\n```text\nold\nreport\n```\n\nmore\n```text\nkept\n```\n"

    after = page.with_results(before, _results())

    assert after.startswith("words\n\n<!-- results -->\n```text\n2026-01-02, commit abc: 2 cores")
    assert after.endswith("```\n\nmore\n```text\nkept\n```\n")
    assert "old" not in after
    assert "W1 total CPU a sample, aiohttp routes" in after
    assert page.with_results(after, _results()) == after


def test_answers_of_the_model_are_printed_anew() -> None:
    command = "$ python -m bench.capacity --series 7 --interval 1m"
    before = f"words\n\n```console\n{command}\nold\n```\n\nmore\n"

    after = page.with_answers(before)

    assert f"```console\n{command}\n7 series, a sample every 60 s" in after
    assert "old" not in after
    assert after.endswith("```\n\nmore\n")


def test_the_page_of_scale_shows_what_the_model_answers() -> None:
    """If this fails: python -m bench.page RESULTS.json, or make the change by hand."""
    text = (page.DOCS / "scale.md").read_text(encoding="utf-8")

    assert text.count("$ python -m bench.capacity") >= 4
    assert page.with_answers(text) == text


def test_the_page_of_benchmarks_has_results_and_names_every_section() -> None:
    text = (page.DOCS / "benchmarks.md").read_text(encoding="utf-8")

    assert re.search(r"<!-- results -->\n```text\n[^`]*Targets", text)
    named = re.search(r"# sections: ([^\n]*)", text)
    assert named is not None
    assert named[1].split(", ") == [
        section.name for section in plan.sections(fast_path=True, cache_setting=True)
    ]
