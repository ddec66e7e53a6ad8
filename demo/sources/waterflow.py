"""WaterFlow: hourly flow through a branch of an Italian water main, March to May 2022.

The file is part of the `river` package (given by Tecnojest s.r.l.), so nothing is downloaded. Its
authors speak of four anomalous segments: three lows (losses, maintenance) and one small peak.
"""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from demo.errors import DemoError
from demo.sample import Sample

METRIC = "water_flow_l_per_s"
DEVICE = "waterflow"

_TIME = "Time"
_VALUE = "Water flow [l/s]"


def read() -> list[Sample]:
    """All samples, oldest first, with the timestamps they were taken at."""
    with _file().open(newline="", encoding="utf-8") as lines:
        return list(parse(lines))


def parse(lines: Iterable[str]) -> Iterator[Sample]:
    """Read the lines of the CSV file.

    Raises:
        DemoError: if they are not WaterFlow's.
    """
    rows = csv.DictReader(lines)
    if list(rows.fieldnames or []) != [_TIME, _VALUE]:
        raise DemoError(f"WaterFlow has other columns than expected: {rows.fieldnames}")
    for row in rows:
        moment = datetime.fromisoformat(row[_TIME])
        yield Sample(METRIC, DEVICE, moment.timestamp(), float(row[_VALUE]))


def _file() -> Path:
    # Found, not imported: importing river takes seconds.
    spec = importlib.util.find_spec("river")
    if spec is None or not spec.submodule_search_locations:
        raise DemoError("river is not installed: run `make setup`, or uv with `--group demo`")
    return Path(spec.submodule_search_locations[0]) / "datasets" / "water-flow.csv"
