"""The figures of the README are those of the pages that it takes them from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


def page(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def said(row: str) -> list[float]:
    """The numbers of a row of the README's table, behind its name."""
    (found,) = re.findall(rf"^\| {re.escape(row)}.*?\|(.*)$", page("README.md"), re.MULTILINE)
    # 500 is how many samples a request holds, and 2 sigma a rule: neither was measured.
    plain = re.sub(r"of 500\b|2 sigma|published.*", "", found)
    return [float(number.replace(",", "")) for number in _NUMBER.findall(plain)]


def measured(workload: str, variant: str) -> list[float]:
    """Total CPU a sample and its ratio, samples a second and theirs: of the results."""
    section = page("docs/benchmarks.md").partition(f"\n{workload}: CPU a sample")[2]
    (line,) = re.findall(rf"^ *{variant}  +(.*)$", section.partition("\n\n")[0], re.MULTILINE)
    columns = [float(cell.split()[0]) for cell in re.split(r" {2,}", line)]
    return columns[2:6]


def target(name: str) -> float:
    """What the table of targets has measured."""
    (line,) = re.findall(rf"^ *{name} .*$", page("docs/benchmarks.md"), re.MULTILINE)
    return float(re.findall(r"([\d.]+) B ", line)[-1])


def detection(table: str, row: str) -> float:
    """The first figure of a row of a table of docs/detection.md; `table` stands before it."""
    behind = page("docs/detection.md").partition(table)[2]
    return float(re.findall(rf"^\| {row} \| ([\d.]+)", behind, re.MULTILINE)[0])


ALONE = measured("W1", "ours, Fused, front protocol")
MANY = measured("W2", "ours, Fused")
NOISE = "False alarms per 1440 samples of pure noise"


@pytest.mark.parametrize(
    ("row", "source"),
    [
        ("CPU of a sample", [ALONE[0], MANY[0], ALONE[1], MANY[1]]),
        ("throughput of one pod", [ALONE[2], MANY[2], ALONE[3], MANY[3]]),
        (
            "Redis memory of a series",
            [target(f"Redis memory of a series, {method}") / 1e3 for method in ("Fused", "ZScore")],
        ),
        (
            "false alarms on Gaussian noise",
            [detection(NOISE, "`Fused`"), detection(NOISE, "`ZScore`, 2 sigma, once an episode")],
        ),
        (
            "score on NAB as shipped",
            [detection("NAB, 32 files", r"`Fused` as shipped \([\d.]+\)")],
        ),
    ],
)
def test_the_readme_says_what_was_measured(row: str, source: list[float]) -> None:
    """Rounded; whoever measures anew corrects both."""
    assert said(row) == pytest.approx(source, rel=0.025, abs=0.005)
