"""Watches the mounted config document and takes over what a running pod can take over.

`app.py` runs it. The file is read again, not its time looked at: Kubernetes swaps a symlink beneath
it, and it is small.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from anomaly_dataplane.contract.config import HOT_FIELDS, PipelineConfig, parse_json
from anomaly_dataplane.contract.fields import InvalidConfig, camel

INTERVAL_SECONDS = 5.0
"""The kubelet itself takes up to a minute to refresh the mount."""

logger = logging.getLogger(__name__)


class ConfigWatch:
    """Compares the document with the running config.

    Args:
        path: of the document.
        running: what the pod runs on.
        update: is given the config with what changed.
    """

    def __init__(
        self, path: Path, running: PipelineConfig, update: Callable[[PipelineConfig], None]
    ) -> None:
        self._path = path
        self._running = running
        self._update = update
        self._seen = self._read()

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Look at the document for ever."""
        while True:
            await sleep(INTERVAL_SECONDS)
            self.look()

    def look(self) -> None:
        """Take over the document if it has changed; say so in the log, once a change."""
        content = self._read()
        if content is None or content == self._seen:
            return
        self._seen = content
        try:
            wanted = parse_json(content)
        except InvalidConfig as invalid:
            for error in invalid.errors:
                logger.error("changed config ignored: %s", error)
            return
        changes = _changes(self._running, wanted)
        cold = sorted(set(changes) - HOT_FIELDS)
        if cold:
            logger.warning("changed config needs a restart of the pod: %s", ", ".join(cold))
        elif changes:
            self._update(wanted)
            self._running = wanted
            told = ", ".join(f"{name} {old} -> {new}" for name, (old, new) in changes.items())
            logger.info("changed config taken over: %s", told)

    def _read(self) -> bytes | None:
        """The document's text, None while the mount has none."""
        try:
            return self._path.read_bytes()
        except OSError as error:
            logger.warning("config cannot be read: %s", error)
            return None


def _changes(old: PipelineConfig, new: PipelineConfig) -> dict[str, tuple[object, object]]:
    """By the document's name, what differs."""
    before, after = _flat(dataclasses.asdict(old)), _flat(dataclasses.asdict(new))
    return {name: (before[name], after[name]) for name in after if before[name] != after[name]}


def _flat(group: dict[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in group.items():
        path = prefix + camel(name)
        if isinstance(value, dict):
            flat.update(_flat(value, path + "."))
        else:
            flat[path] = value
    return flat
