"""`make bench-operator`: how the operator fares with a thousand pipelines.

A real kube-apiserver without nodes; this program plays the controllers that would report pods,
Redis and routes ready. The operator is a process as in its pod, and its own metrics count the
requests.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from api_server import COLLECTOR, ApiServer, api_server
from operator_process import OperatorProcess, operator

Manifest = dict[str, Any]

NAMESPACES = 10
FIRST = 50
EDITS = 200
STEADY_SECONDS = 60
_GROUP = "/apis/anomalypipeline.io/v1alpha1"
_REQUEST = re.compile(
    r'anomaly_operator_api_requests_total\{code="\d+",resource="(?P<resource>[^"]+)",'
    r'verb="(?P<verb>\w+)"\} (?P<count>\S+)'
)
_WRITES = ("create", "update", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the result."""

    what: str
    value: str
    reach: str


class Api:
    """The API server, asked many things at once."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self._places = asyncio.Semaphore(8)

    async def call(self, method: str, path: str, body: Manifest | None = None) -> Manifest:
        merge = "application/merge-patch+json" if method == "PATCH" else "application/json"
        data = json.dumps(body) if body is not None else None
        async with (
            self._places,
            self.session.request(
                method, path, data=data, headers={"Content-Type": merge}
            ) as answer,
        ):
            text = await answer.text()
            if answer.status >= 300:
                raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]}")
            found: Manifest = json.loads(text)
            return found

    async def items(self, path: str) -> list[Manifest]:
        found: list[Manifest] = (await self.call("GET", path))["items"]
        return found


@asynccontextmanager
async def connect(server: ApiServer) -> AsyncIterator[Api]:
    """A client of the API server."""
    connector = aiohttp.TCPConnector(ssl=server.client_context(), limit=0)
    async with aiohttp.ClientSession(server.url, connector=connector) as session:
        yield Api(session)


def place(number: int) -> tuple[str, str]:
    """Namespace and name of a pipeline."""
    return f"ns-{number % NAMESPACES}", f"pipeline-{number}"


async def create(api: Api, numbers: range) -> None:
    """Make pipelines, as many at once as the API server takes."""

    async def one(number: int) -> None:
        namespace, name = place(number)
        head = {"apiVersion": "anomalypipeline.io/v1alpha1", "kind": "AnomalyPipeline"}
        body = {**head, "metadata": {"name": name}, "spec": {}}
        await api.call("POST", f"{_GROUP}/namespaces/{namespace}/anomalypipelines", body)

    await asyncio.gather(*map(one, numbers))


async def until(api: Api, count: int, condition: str) -> float:
    """Wait until so many pipelines have a condition; return when that was."""
    deadline = time.monotonic() + 600
    have = 0
    while time.monotonic() < deadline:
        found = await api.items(f"{_GROUP}/anomalypipelines")
        have = sum(
            1
            for body in found
            for each in (body.get("status") or {}).get("conditions") or ()
            if each["type"] == condition and each["status"] == "True"
        )
        if have >= count:
            return time.monotonic()
        await asyncio.sleep(1)
    raise RuntimeError(f"after 10 minutes {condition} holds for {have} of {count} pipelines")


async def bring_up(api: Api) -> None:
    """Report everything ready that is not yet: what controllers and kubelets would do."""
    pods = {"replicas": 1, "readyReplicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
    route = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
    for path, status in (
        ("/apis/apps/v1", pods),
        ("/apis/apps/v1", pods),
        ("/apis/networking.k8s.io/v1", route),
    ):
        for plural in ("deployments", "statefulsets") if status is pods else ("ingresses",):
            found = await api.items(f"{path}/{plural}")
            await asyncio.gather(
                *(
                    api.call(
                        "PATCH",
                        f"{path}/namespaces/{each['metadata']['namespace']}/{plural}"
                        f"/{each['metadata']['name']}/status",
                        {"status": _about(status, each)},
                    )
                    for each in found
                    if not _is_up(each)
                )
            )


def _about(status: Manifest, live: Manifest) -> Manifest:
    if "replicas" not in status:
        return status
    return {**status, "observedGeneration": live["metadata"]["generation"]}


def _is_up(live: Manifest) -> bool:
    status = live.get("status") or {}
    return bool(status.get("readyReplicas") or (status.get("loadBalancer") or {}).get("ingress"))


async def edits(api: Api, count: int, total: int) -> list[float]:
    """Seconds from an edit's answer to the event of the ConfigMap that follows from it."""
    seen: dict[tuple[str, str], tuple[str, float]] = {}
    listed = await api.call("GET", "/api/v1/configmaps?limit=1")
    version = listed["metadata"]["resourceVersion"]
    query = (
        f"?watch=1&resourceVersion={version}&labelSelector=app.kubernetes.io/component=dataplane"
    )
    latencies = []

    async def watch() -> None:
        timeout = aiohttp.ClientTimeout(total=None)
        path = f"/api/v1/configmaps{query}"
        async with api.session.get(path, timeout=timeout, read_bufsize=2**20) as answer:
            async for line in answer.content:
                found = json.loads(line)["object"]
                meta = found["metadata"]
                document = json.loads(found["data"]["pipeline.json"])
                moment = time.monotonic()
                seen[meta["namespace"], meta["name"]] = (
                    document["detection"]["threshold"],
                    moment,
                )

    watcher = asyncio.create_task(watch())
    dice = random.Random(7)  # noqa: S311  # which pipelines to edit
    try:
        await asyncio.sleep(1)
        for turn in range(count):
            namespace, name = place(dice.randrange(total))
            wanted = f"3.{turn + 1}"
            started = time.monotonic()
            await api.call(
                "PATCH",
                f"{_GROUP}/namespaces/{namespace}/anomalypipelines/{name}",
                {"spec": {"detection": {"threshold": wanted}}},
            )
            while seen.get((namespace, f"{name}-config"), ("", 0.0))[0] != wanted:
                await asyncio.sleep(0.005)
                if time.monotonic() - started > 30:
                    raise RuntimeError(f"no ConfigMap follows the edit of {namespace}/{name}")
            latencies.append(seen[namespace, f"{name}-config"][1] - started)
            await asyncio.sleep(0.05)
    finally:
        watcher.cancel()
    return latencies


def requests(process: OperatorProcess) -> Counter[str]:
    """Requests so far, by verb and resource."""
    found: Counter[str] = Counter()
    for line in process.get("/metrics")[1].splitlines():
        match = _REQUEST.match(line)
        if match is not None:
            found[f"{match['verb']} {match['resource']}"] += int(float(match["count"]))
    return found


def writes(counted: Counter[str]) -> int:
    """Those that change something, or try to."""
    return sum(count for what, count in counted.items() if what.split()[0] in _WRITES)


def by_resource(counted: Counter[str], pipelines: int) -> str:
    """One line for what a pipeline took, the most frequent first."""
    parts = [
        f"{what} {count / pipelines:.2f}"
        for what, count in counted.most_common()
        if count / pipelines >= 0.005
    ]
    return ", ".join(parts)


async def measure(
    server: ApiServer, process: OperatorProcess, total: int, say: Callable[[str], None]
) -> list[Figure]:
    """Take all figures."""
    async with connect(server) as api:
        for number in range(NAMESPACES):
            meta = {"name": f"ns-{number}"}
            await api.call("POST", "/api/v1/namespaces", {"metadata": meta})
        say(f"{FIRST} pipelines")
        await create(api, range(FIRST))
        await until(api, FIRST, "Applied")
        await bring_up(api)
        await until(api, FIRST, "Ready")
        await asyncio.sleep(10)
        small = process.resident_mib()

        say(f"{total - FIRST} more")
        before = requests(process)
        cpu = process.cpu_seconds()
        started = time.monotonic()
        await create(api, range(FIRST, total))
        created = time.monotonic() - started
        applied = await until(api, total, "Applied") - started
        after = requests(process)
        cpu = process.cpu_seconds() - cpu
        added = total - FIRST

        say("everything becomes ready")
        await bring_up(api)
        await until(api, total, "Ready")
        ready = requests(process)
        await asyncio.sleep(15)

        say(f"{STEADY_SECONDS} s of nothing")
        quiet = requests(process)
        await asyncio.sleep(STEADY_SECONDS)
        still = requests(process)
        minutes = STEADY_SECONDS / 60

        say(f"{EDITS} edits, one after the other")
        latencies = sorted(await edits(api, EDITS, total))
        large = process.resident_mib()
    p99 = latencies[int(len(latencies) * 0.99) - 1]
    applying, settling, resting = after - before, ready - before, still - quiet
    say(f"until applied: {by_resource(applying, added)}")
    say(f"until ready: {by_resource(settling, added)}")
    return [
        Figure(f"{added} pipelines created within", f"{created:.0f} s", ""),
        Figure("… and all applied after", f"{applied:.0f} s", ""),
        Figure("CPU of the operator per pipeline", f"{1000 * cpu / added:.0f} ms", ""),
        Figure("API requests per pipeline to converge", f"{applying.total() / added:.1f}", "<= 12"),
        Figure("… and until it is Ready", f"{settling.total() / added:.1f}", ""),
        Figure("steady state: requests a minute", f"{resting.total() / minutes:.0f}", ""),
        Figure("steady state: writes a minute", f"{writes(resting) / minutes:.0f}", "0"),
        Figure("edit to child, median", f"{1000 * statistics.median(latencies):.0f} ms", ""),
        Figure("edit to child, p99", f"{1000 * p99:.0f} ms", "< 1000 ms"),
        Figure(f"resident memory with {FIRST}", f"{small:.0f} MiB", "<= 90 MiB"),
        Figure(f"resident memory with {total}", f"{large:.0f} MiB", "<= 200 MiB"),
    ]


def main() -> int:
    """Run it and print the table."""
    parser = argparse.ArgumentParser(prog="bench.operator_scale", description=__doc__)
    parser.add_argument("--pipelines", type=int, default=1000)
    options = parser.parse_args()
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"  {time.monotonic() - started:5.0f} s  {text}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as folder, api_server(COLLECTOR) as server:
        say("the API server is up")
        with operator(server.kubeconfig, Path(folder), log_level="WARNING") as process:
            figures = asyncio.run(measure(server, process, options.pipelines, say))
    print("| what | measured | to reach |\n|---|---|---|")
    for figure in figures:
        print(f"| {figure.what} | {figure.value} | {figure.reach} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
