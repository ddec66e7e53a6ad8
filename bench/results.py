"""Everything that was measured, as one JSON document; `fit.py` reads it again."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.records import Filled, Run, Written

VERSION = 1
"""Of the document."""


@dataclass(slots=True)
class Results:
    """Raw figures, filled section by section.

    Attributes:
        options: rounds, seconds and series of every run.
        figures: single numbers by name, as `targets.BOUNDS` names them.
        notes: what was left out, and why.
    """

    machine: Mapping[str, object]
    options: Mapping[str, object]
    runs: list[Run] = field(default_factory=list)
    written: list[Written] = field(default_factory=list)
    filled: dict[str, Filled] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    kernels: Mapping[str, object] | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """Every unsound run and why."""
        return [
            f"{run.section}, {run.variant}, round {run.round}: {problem}"
            for run in self.runs
            for problem in run.problems
        ]


def to_json(results: Results) -> str:
    """The document."""
    body = dataclasses.asdict(results)
    return json.dumps({"version": VERSION, **body}, indent=1, default=str)


def from_json(text: str) -> Results:
    """Read a document again.

    Raises:
        BenchError: it is none of this version.
    """
    raw: dict[str, Any] = json.loads(text)
    version = raw.pop("version", None)
    if version != VERSION:
        raise BenchError(f"results of version {VERSION} are needed, not {version}")
    raw["runs"] = [Run(**run) for run in raw["runs"]]
    raw["written"] = [Written(**one) for one in raw["written"]]
    raw["filled"] = {
        state: Filled(**{**one, "rdb": Path(one["rdb"])}) for state, one in raw["filled"].items()
    }
    return Results(**raw)


def write(results: Results, folder: Path, now: datetime) -> Path:
    """Write the document to a file named after the time; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{now:%Y%m%d-%H%M%S}.json"
    path.write_text(to_json(results), encoding="utf-8")
    return path


def variants_of(runs: Sequence[Run], section: str) -> list[str]:
    """The variants that were run in a section, in order of appearance."""
    return list(dict.fromkeys(run.variant for run in runs if run.section == section))
