"""The command as a person runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from anomaly_dataplane.__main__ import main

RESOURCE = "kind: AnomalyPipeline\nmetadata: {{name: {name}}}\nspec: {{detection: {detection}}}\n"
HOSTILE = '<script>alert("x")</script>'


@pytest.fixture
def resource(tmp_path: Path) -> Path:
    """A plain pipeline."""
    path = tmp_path / "plain.yaml"
    detection = '{method: ZScore, threshold: "5", minSamples: 10}'
    path.write_text(RESOURCE.format(name="plain", detection=detection))
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A flat series with one spike, at the 90th of 100 minutes."""
    path = tmp_path / "boiler.csv"
    cells = [f"{60 * i},{HOSTILE!r},{100 if i == 90 else 20 + i % 3}" for i in range(100)]
    path.write_text("timestamp,device,value\n" + "\n".join(cells) + "\n")
    return path


def test_it_prints_what_it_found_and_how_often(
    resource: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counts, rate, and each anomaly with its why."""
    assert main(["backtest", "--config", str(resource), str(data)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("plain: ZScore, window 120, outliers beyond 5 sigma")
    assert "100 of 1 series" in text
    assert "1970-01-01T01:30:00.000Z" in text
    assert "zscore" in text


def test_it_tells_the_difference_to_another_config(
    resource: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In JSON, for programs that try out many."""
    deaf = tmp_path / "deaf.yaml"
    detection = '{method: ZScore, threshold: "900"}'
    deaf.write_text(RESOURCE.format(name="deaf", detection=detection))
    arguments = ["backtest", "--config", str(resource), "--compare", str(deaf), "--json"]
    assert main([*arguments, str(data)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [run["name"] for run in document["runs"]] == ["plain", "deaf"]
    (event,) = document["runs"][0]["anomalies"]
    assert event["value"] == 100
    assert document["runs"][1]["anomalies"] == []
    assert document["difference"] == {"both": [], "onlyFirst": [event["id"]], "onlySecond": []}


def test_the_plot_is_a_page_of_its_own_in_which_labels_are_only_text(
    resource: Path, data: Path, tmp_path: Path
) -> None:
    """It asks for nothing from anywhere, and runs nothing that a device sent."""
    plot = tmp_path / "plot.html"
    assert main(["backtest", "--config", str(resource), "--plot", str(plot), str(data)]) == 0
    seen = Tags()
    seen.feed(plot.read_text())
    assert {"svg", "path", "circle"} <= seen.names
    assert not seen.names & {"script", "link", "img", "iframe"}


def test_bad_input_is_told_in_one_line_each(
    resource: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and no traceback."""
    empty = tmp_path / "empty.csv"
    empty.write_text("timestamp,value\n1,warm\n")
    for arguments, words in (
        (["--config", "none.yaml", str(data)], "none.yaml"),
        (["--config", str(resource), "none.csv"], "none.csv: cannot be read"),
        (["--config", str(resource), str(resource)], "must name the columns"),
        (["--config", str(resource), str(empty)], "has no sample that can be used"),
        (["--config", str(resource), "--plot", "/none/x.html", str(data)], "cannot be written"),
    ):
        assert main(["backtest", *arguments]) == 2
        assert words in capsys.readouterr().err


def test_pods_do_not_pay_for_it() -> None:
    """A pod's memory is for series: YAML and CSV are imported by the command alone."""
    code = "import sys, anomaly_dataplane.__main__; print('yaml' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


class Tags(HTMLParser):
    """Gathers the elements of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
