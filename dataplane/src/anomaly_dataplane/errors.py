"""The data plane's own errors. `ingest/reply.py` alone turns them into HTTP status codes."""

from __future__ import annotations

from anomaly_dataplane.contract.runtime import RETRY_AFTER_SECONDS, RETRY_AFTER_TROUBLE_SECONDS


class BadPayload(Exception):
    """The request can never be taken as it is; retrying it is pointless (4xx)."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Refused(Exception):
    """The request is fine but cannot be taken now; the sender should retry (503)."""

    reason = "refused"
    retry_after_seconds = RETRY_AFTER_SECONDS


class BufferFull(Refused):
    """The bounded buffer has no room for the batch."""

    reason = "buffer_full"
    retry_after_seconds = RETRY_AFTER_TROUBLE_SECONDS


class Draining(Refused):
    """The pod was told to stop and takes nothing more."""

    reason = "draining"


class StoreUnavailable(Refused):
    """Redis did not take the commit within its bound; what was not acknowledged is not counted."""

    reason = "redis_unavailable"
    retry_after_seconds = RETRY_AFTER_TROUBLE_SECONDS


class BatchTooLarge(BadPayload):
    """More samples in one request than the buffer ever holds; only smaller requests can pass."""

    def __init__(self, message: str) -> None:
        super().__init__(message, status=413)
