"""What a pipeline says of itself, and what is made of nonsense."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from anomaly_operator import stats
from anomaly_operator.stats import HttpStats

ANSWER: dict[str, Any] = {
    "pipeline": {"name": "boiler"},
    "samples": 120,
    "outliers": 3,
    "anomalies": 2,
    "anomalies_last_hour": 1,
    "series": 7,
    "last_sample_time": "2026-01-01T00:00:00.250Z",
    "redis": {"up": True, "error": ""},
    "buffer": {},
}


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as found:
        yield found


async def serve(answer: web.Response) -> tuple[web.AppRunner, int]:
    async def handle(_: web.Request) -> web.Response:
        return answer

    app = web.Application()
    app.router.add_get("/api/v1/stats", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, int(runner.addresses[0][1])


async def test_the_figures_are_read(session: aiohttp.ClientSession) -> None:
    """Over HTTP, from the path of the contract."""
    runner, port = await serve(web.json_response(ANSWER))

    found = await HttpStats(session).read("127.0.0.1", port)
    await runner.cleanup()

    assert found == stats.Stats(
        samples=120,
        anomalies_last_hour=1,
        series=7,
        last_sample=datetime(2026, 1, 1, 0, 0, 0, 250000, UTC),
        redis_up=True,
        redis_error="",
    )


@pytest.mark.parametrize(
    "answer",
    [
        web.json_response(ANSWER, status=503),
        web.Response(text="<html>"),
        web.json_response([1]),
        web.json_response({"samples": 1}),
        web.json_response({**ANSWER, "last_sample_time": "yesterday"}),
    ],
    ids=["refused", "no JSON", "a list", "incomplete", "no time"],
)
async def test_anything_else_is_no_answer(
    answer: web.Response, session: aiohttp.ClientSession
) -> None:
    """A fact, not an error."""
    runner, port = await serve(answer)

    assert await HttpStats(session).read("127.0.0.1", port) is None
    await runner.cleanup()


async def test_nobody_there_is_no_answer(session: aiohttp.ClientSession) -> None:
    """Nor is a pod that has just gone."""
    assert await HttpStats(session).read("127.0.0.1", 1) is None


def test_an_outage_is_told_with_its_error() -> None:
    """And figures that are missing count as none."""
    found = stats.parse({"redis": {"up": False, "error": "NOAUTH"}, "samples": None})

    assert (found.redis_up, found.redis_error, found.samples) == (False, "NOAUTH", 0)
