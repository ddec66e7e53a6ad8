"""What a pipeline says of itself: `GET /api/v1/stats` of any of its pods.

Called by `reconcile`, seldom and with a short time-out. No answer is a fact, not an error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import aiohttp

from anomaly_dataplane.contract import runtime

TIMEOUT_SECONDS = 2.0
_MAX_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Stats:
    """The totals of a pipeline over all of its pods and its whole life."""

    samples: int
    anomalies_last_hour: int
    series: int
    last_sample: datetime | None
    redis_up: bool
    redis_error: str


class StatsReader(Protocol):
    """Asks a pipeline for its figures."""

    async def read(self, host: str, port: int) -> Stats | None:
        """The figures, or None when nothing sensible answered in time."""


class HttpStats:
    """Asks over HTTP."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def read(self, host: str, port: int) -> Stats | None:
        address = f"[{host}]" if ":" in host else host
        url = f"http://{address}:{port}{runtime.PATH_STATS}"
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        try:
            async with self._session.get(url, timeout=timeout) as answer:
                if answer.status != 200:
                    return None
                text = await answer.content.read(_MAX_BYTES)
            return parse(json.loads(text))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return None


def parse(raw: Any) -> Stats:
    """Read the JSON of the stats path.

    Raises:
        ValueError: if it is something else.
    """
    try:
        redis = raw["redis"]
        last = raw.get("last_sample_time")
        return Stats(
            samples=_count(raw, "samples"),
            anomalies_last_hour=_count(raw, "anomalies_last_hour"),
            series=_count(raw, "series"),
            last_sample=datetime.fromisoformat(last) if last else None,
            redis_up=bool(redis["up"]),
            redis_error=str(redis.get("error") or ""),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not the answer of {runtime.PATH_STATS}: {error!r}") from None


def _count(raw: Mapping[str, Any], name: str) -> int:
    value = raw.get(name)
    if not isinstance(value, (int, float)):
        return 0
    return max(0, int(value))
