"""Pods with small limits behind either HTTP server, for the suite in `dataplane/http/`."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from anomaly_dataplane.contract.config import parse
from anomaly_dataplane.store import Store
from running_pod import RunningPod, running_pod
from samples import ZSCORE


class RunPod(Protocol):
    """`running_pod` behind the server that the test is about."""

    def __call__(
        self, store: Store | None = None, **environ: str
    ) -> AbstractAsyncContextManager[RunningPod]: ...


def run_pod(*, fast_path: bool, guarded: bool = False) -> RunPod:
    """Pods behind the front or without it; those that are guarded let in who has a token."""
    auth = {"auth": {"tokenSecretRef": {"name": "senders"}}} if guarded else {}
    config = parse(
        {
            "basePath": "/team/boiler",
            "ingest": {"maxBodyBytes": 100_000, "fastPath": fast_path, **auth},
            "buffer": {"maxSamples": 200, "maxBytes": 150_000},
            "detection": ZSCORE,
        }
    )

    def run(store: Store | None = None, **environ: str) -> AbstractAsyncContextManager[RunningPod]:
        return running_pod(config, store, None, **environ)

    return run
