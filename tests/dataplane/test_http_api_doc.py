"""docs/http-api.md says what the code does."""

from __future__ import annotations

import json
import re
import shlex
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from anomaly_dataplane.contract import runtime
from anomaly_dataplane.ingest import known_series
from anomaly_dataplane.ingest.native_sample import FIELDS
from anomaly_dataplane.store.keys import RECEIPT_TTL_MS
from running_pod import RunningPod, running_pod
from samples import ZSCORE, a_config

TEXT = (Path(__file__).parents[2] / "docs" / "http-api.md").read_text()
INGEST = TEXT.partition("## POST /api/v1/ingest")[2].partition("## All protocols")[0]
CURLS = re.findall(r"```sh\n(curl .*?)\n```", TEXT, re.DOTALL)
EXAMPLES = [json.loads(block) for block in re.findall(r"```json\n(.*?)\n```", TEXT, re.DOTALL)]


async def ask(pod: RunningPod, command: str) -> dict[str, object]:
    words = shlex.split(command.replace("\\\n", " "))
    given = [words[i + 1].split(": ", 1) for i, word in enumerate(words) if word == "-H"]
    headers = {name: value.replace("$(uuidgen)", str(uuid4())) for name, value in given}
    url = urlsplit(words[1].removeprefix("$PIPELINE"))
    target = f"{url.path}?{url.query}" if url.query else url.path
    data = next((i + 1 for i, word in enumerate(words) if word in ("-d", "--data-binary")), None)
    if data is not None:
        answer = await pod.ask(target, "POST", words[data], headers)
    else:
        answer = await pod.ask(target)
    assert 200 <= answer.status < 300, answer.text
    return answer.json if answer.text else {}


@pytest.mark.parametrize("command", CURLS)
async def test_every_command_works_as_it_stands(command: str) -> None:
    """Pasted into a terminal it is answered 2xx."""
    async with running_pod() as pod:
        await ask(pod, command)


async def test_the_examples_have_the_fields_of_real_answers() -> None:
    """Of a pod that has found something."""
    start = time.time() - 100
    samples = [
        {"metric": "m", "timestamp": start + i, "value": 70 + (i % 3) * 0.1} for i in range(60)
    ]
    outlier = {"metric": "m", "timestamp": start + 60, "value": 99}
    ingest, verdict, stats, anomalies, alerts, explained = EXAMPLES
    async with running_pod(a_config(detection=ZSCORE)) as pod:
        assert set(ingest) == set((await pod.ingest(samples)).json)
        told = (await pod.ingest(outlier, "?verdicts=true")).json["verdicts"][0]  # type: ignore[index]
        assert set(verdict) == set(told)
        assert set(verdict["anomaly"]) == set(told["anomaly"])
        assert set(stats) == set((await pod.ask("/api/v1/stats")).json)
        found = (await pod.ask("/api/v1/anomalies")).json["anomalies"]
        assert set(anomalies["anomalies"][0]) == set(found[0])  # type: ignore[index]
        while await pod.pod.alerting.stage.step():
            pass
        open_alerts = (await pod.ask("/api/v1/alerts")).json["alerts"]
        assert set(alerts["alerts"][0]) == set(open_alerts[0])  # type: ignore[index]
        series = found[0]["series"]  # type: ignore[index]
        live: dict[str, Any] = (await pod.ask(f"/api/v1/series/{series}/explain")).json
        assert set(explained) == set(live)
        for group in ("baseline", "episode", "feedback"):
            assert set(explained[group]) == set(live[group])


def test_every_path_field_and_limit_is_named() -> None:
    """As the code has them."""
    for name, path in vars(runtime).items():
        if name.startswith("PATH_"):
            assert f"{path}`" in TEXT
    assert set(FIELDS) == set(re.findall(r"^\| `(\w+)` \|", INGEST, re.MULTILINE))
    for limit in (
        known_series.MAX_METRIC_LENGTH,
        known_series.MAX_LABELS,
        known_series.MAX_LABEL_NAME_LENGTH,
        known_series.MAX_LABEL_VALUE_LENGTH,
    ):
        assert str(limit) in TEXT
    assert f"within the last **{RECEIPT_TTL_MS / 60_000:g} minutes**" in TEXT
