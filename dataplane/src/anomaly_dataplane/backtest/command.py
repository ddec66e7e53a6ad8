"""What the command does: the order in which the parts of this package are called."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from anomaly_dataplane.backtest import difference, pipeline_file, report, table
from anomaly_dataplane.backtest.page import page
from anomaly_dataplane.backtest.replay import Outcome, replay
from anomaly_dataplane.contract.config import PipelineConfig
from anomaly_dataplane.contract.fields import InvalidConfig
from anomaly_dataplane.series import SeriesTable

EXIT_INVALID = 2


def main(options: argparse.Namespace) -> int:
    """Run a backtest; returns the exit code."""
    try:
        configs = [pipeline_file.read(path) for path in (options.config, options.compare) if path]
        samples = _samples(options.data, configs[0])
    except InvalidConfig as invalid:
        return _fail(str(error) for error in invalid.errors)
    except table.BadTable as bad:
        return _fail([f"{options.data}: {bad}"])
    if samples.bad:
        print(report.bad_rows_text(samples.bad), file=sys.stderr)  # noqa: T201
    if not samples:
        return _fail([f"{options.data} has no sample that can be used"])
    outcomes = asyncio.run(_replays(_names(configs, options), configs, samples))
    found = None
    if len(outcomes) > 1:
        found = difference.compare(samples, outcomes[0].anomalies, outcomes[1].anomalies)
    if options.plot:
        try:
            options.plot.write_text(page(samples, outcomes, found), encoding="utf-8")
        except OSError as error:
            return _fail([f"{options.plot} cannot be written: {error.strerror}"])
    print(_told(outcomes, found, as_json=options.json))  # noqa: T201
    return 0


def _samples(path: Path, config: PipelineConfig) -> table.Samples:
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            # All in one table: the same objects serve both configs, one after the other.
            known = SeriesTable(config.redis.partitions, limit=sys.maxsize)
            return table.read(lines, known, path.stem)
    except OSError as error:
        raise table.BadTable(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise table.BadTable("is not UTF-8 text") from None


async def _replays(
    names: Sequence[str], configs: Sequence[PipelineConfig], samples: table.Samples
) -> list[Outcome]:
    return [
        await replay(name, config, samples) for name, config in zip(names, configs, strict=True)
    ]


def _names(configs: Sequence[PipelineConfig], options: argparse.Namespace) -> list[str]:
    """The pipelines' names, or the files' where those would not tell them apart."""
    names = [config.pipeline.name for config in configs]
    if len(set(names)) == len(names):
        return names
    return [str(path) for path in (options.config, options.compare) if path]


def _told(
    outcomes: Sequence[Outcome], found: difference.Difference | None, *, as_json: bool
) -> str:
    if as_json:
        return json.dumps(report.as_json(outcomes, found), indent=2)
    parts = [report.text(outcome) for outcome in outcomes]
    if found is not None:
        parts.append(report.difference_text(outcomes[0], outcomes[1], found))
    return "\n\n".join(parts)


def _fail(errors: Iterable[str]) -> int:
    for error in errors:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
    return EXIT_INVALID
