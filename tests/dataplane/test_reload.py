"""Taking over a changed config document."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

import pytest

from anomaly_dataplane.contract.config import Alerting, Detection, PipelineConfig, parse
from anomaly_dataplane.reload import ConfigWatch


class Mount:
    """A mounted ConfigMap and the watch on it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._swaps = 0
        self.path = folder / "pipeline.json"
        self.taken: list[Detection] = []
        self.alerting: list[Alerting] = []
        self.path.symlink_to(folder / "data" / "pipeline.json")
        self.write({})
        self.watch = ConfigWatch(self.path, parse({}), self.take)

    def take(self, config: PipelineConfig) -> None:
        self.taken.append(config.detection)
        self.alerting.append(config.alerting)

    def write(self, document: object) -> None:
        """As the kubelet does: a new folder, then the link swapped."""
        self._swaps += 1
        target = self._folder / f"v{self._swaps}"
        target.mkdir()
        text = document if isinstance(document, str) else json.dumps(document)
        (target / "pipeline.json").write_text(text)
        link = self._folder / "link"
        link.symlink_to(target)
        link.replace(self._folder / "data")


@pytest.fixture
def mount(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Mount:
    caplog.set_level(logging.INFO)
    return Mount(tmp_path)


def test_changed_thresholds_are_taken_over(mount: Mount, caplog: pytest.LogCaptureFixture) -> None:
    """Once, and the log says from what to what."""
    mount.write({"detection": {"threshold": "4", "holdOffSamples": 3}})
    mount.watch.look()
    mount.watch.look()
    assert [(d.threshold, d.hold_off_samples) for d in mount.taken] == [(4.0, 3)]
    assert "detection.threshold 2.0 -> 4.0, detection.holdOffSamples 15 -> 3" in caplog.text

    mount.write({"detection": {"threshold": "2"}})
    mount.watch.look()
    assert mount.taken[-1] == PipelineConfig().detection


def test_other_changes_need_a_restart(mount: Mount, caplog: pytest.LogCaptureFixture) -> None:
    """Half a config is taken over by no pod."""
    mount.write({"detection": {"threshold": "4", "window": 60}, "ingest": {"maxFuture": "1m"}})
    mount.watch.look()
    assert mount.taken == []
    assert "needs a restart of the pod: detection.window, ingest.maxFuture" in caplog.text


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ("{", "is not JSON"),
        ({"detection": {"threshold": 4, "windwo": 1}}, "detection.windwo: unknown field"),
    ],
)
def test_an_invalid_document_is_told_and_ignored(
    mount: Mount, caplog: pytest.LogCaptureFixture, document: object, told: str
) -> None:
    """The pod goes on with what it has, and takes the next good one."""
    mount.write(document)
    mount.watch.look()
    assert mount.taken == []
    assert told in caplog.text
    mount.write({"detection": {"threshold": "3"}})
    mount.watch.look()
    assert [d.threshold for d in mount.taken] == [3.0]


def test_a_document_that_says_the_same_in_other_words_changes_nothing(mount: Mount) -> None:
    """White space and spelled-out defaults are no change."""
    mount.write(json.dumps({"detection": {"window": 120}}, indent=4))
    mount.watch.look()
    assert mount.taken == []


def test_a_missing_document_is_no_change(mount: Mount) -> None:
    """Between two states of a mount there may be none."""
    mount.path.unlink()
    mount.watch.look()
    assert mount.taken == []


async def test_the_document_is_looked_at_again_and_again(mount: Mount) -> None:
    """At every tick of the clock."""
    ticks = 0

    async def tick(_: float) -> None:
        nonlocal ticks
        ticks += 1
        if ticks == 3:
            raise asyncio.CancelledError
        mount.write({"detection": {"threshold": str(ticks + 2)}})

    with pytest.raises(asyncio.CancelledError):
        await mount.watch.run(tick)
    assert [d.threshold for d in mount.taken] == [3.0, 4.0]
