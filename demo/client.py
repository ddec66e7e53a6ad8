"""The pipeline's HTTP API, from the sender's side: one kept connection, retries as a device does.

A sample is (series, timestamp), so sending one again after a lost answer changes nothing.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from anomaly_dataplane.contract.runtime import PATH_ANOMALIES, PATH_INGEST, PATH_STATS
from demo.errors import DemoError
from demo.sample import Sample

Json = dict[str, Any]

_TIMEOUT_SECONDS = 10.0
_PATIENCE_SECONDS = 30.0
_LONGEST_PAUSE_SECONDS = 2.0
_NOT_NOW = frozenset({502, 503, 504})
_MOST_ANOMALIES = 1000


class Client:
    """Talks to the pipeline at a base URL."""

    def __init__(self, url: str, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        parts = urlsplit(url)
        assert parts.hostname, url
        self.url = url
        self.retries = 0
        self._base = parts.path.rstrip("/")
        self._patience_seconds = patience_seconds
        self._connection = http.client.HTTPConnection(
            parts.hostname, parts.port or 80, timeout=_TIMEOUT_SECONDS
        )

    def send(self, samples: Sequence[Sample]) -> list[Json]:
        """Deliver samples in one request; returns one verdict for each.

        Raises:
            DemoError: if they are refused for good, or nobody answers for too long.
        """
        body = json.dumps([sample.as_json() for sample in samples]).encode()
        verdicts: list[Json] = self._ask("POST", f"{PATH_INGEST}?verdicts=true", body)["verdicts"]
        return verdicts

    def anomalies(self) -> list[Json]:
        """What the pipeline has found, newest first."""
        found: list[Json] = self._ask("GET", f"{PATH_ANOMALIES}?limit={_MOST_ANOMALIES}")[
            "anomalies"
        ]
        return found

    def stats(self) -> Json:
        """The pipeline's totals."""
        return self._ask("GET", PATH_STATS)

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Json:
        give_up = time.monotonic() + self._patience_seconds
        while True:
            pause = 0.2
            try:
                status, headers, text = self._once(method, path, body)
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                problem = f"{type(error).__name__}: {error}"
            else:
                if status < 300:
                    answer: Json = json.loads(text)
                    return answer
                problem = f"{status} {text.decode(errors='replace')[:300]}"
                if status not in _NOT_NOW:
                    raise DemoError(f"{method} {self.url}{path} was answered {problem}")
                wanted = headers.get("Retry-After", "")
                pause = min(float(wanted), _LONGEST_PAUSE_SECONDS) if wanted.isdigit() else pause
            if time.monotonic() + pause > give_up:
                raise DemoError(f"{method} {self.url}{path} does not succeed: {problem}")
            self.retries += 1
            time.sleep(pause)

    def _once(
        self, method: str, path: str, body: bytes | None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        self._connection.request(method, self._base + path, body, headers)
        answer = self._connection.getresponse()
        return answer.status, answer.headers, answer.read()
