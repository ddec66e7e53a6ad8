"""What a wire protocol is: a way to read a request, and a way to answer it.

`registry.py` lists the protocols; `intake.py`, `routes.py` and `front/` serve any of them and know
none. A protocol is a parser (bytes in, `Parsed` out) and a dialect, which says how a request is to
be read and words every answer. Neither knows of a framework, a buffer or a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from anomaly_dataplane.contract.config import Ingest
from anomaly_dataplane.ingest.parsed import Parsed
from anomaly_dataplane.ingest.reply import Reply
from anomaly_dataplane.sample import Verdicts
from anomaly_dataplane.series import SeriesTable


@dataclass(slots=True)
class Facts:
    """What a request says beside its body. Nobody changes it.

    Attributes:
        path: that was asked for, possibly with the pipeline's prefix.
        query: its parameters, decoded.
        headers: by name, in whatever case. Not to be asked for what proxies number requests with
            (`X-Request-ID` and the like): it may be an earlier request's.
    """

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


class Call(Protocol):
    """A request but for its body, understood.

    It never changes: one call serves all requests with the same head, at the same time, too.
    """

    @property
    def encoding(self) -> str:
        """How the body is packed: one that `unpack` knows."""
        ...

    def parse(self, body: bytes, now_ms: float) -> Parsed:
        """The samples of an unpacked body, which may be empty.

        Args:
            body: of at most `spec.ingest.maxBodyBytes`.
            now_ms: Unix time of receipt, which samples without timestamp get.

        Raises:
            BadPayload: nothing of it can be used.
        """
        ...

    def committed(self, parsed: Parsed, verdicts: Verdicts | None) -> Reply:
        """The answer once every good sample is in Redis: success, or some that were rejected.

        Args:
            parsed: what the request held, less what admission turned away.
            verdicts: of `parsed.batch`; None if that is empty.
        """
        ...


class Dialect(Protocol):
    """How requests of one path are read, and how everything is said in answer."""

    def call(self, facts: Facts) -> Call:
        """Understand a request.

        Raises:
            BadPayload: it can never be taken: a parameter, a type or an encoding is wrong.
        """
        ...

    def failed(self, facts: Facts, status: int, message: str) -> Reply:
        """The answer to a request of which nothing was taken, or nobody knows how much.

        Never raises, whatever the facts are. `reply.failure` settles the status and adds the
        headers that every protocol owes its senders (`Retry-After` with 503).

        Args:
            facts: as `call` got them, which may have refused them.
            status: 400, 401, 404, 413, 415, 500 or 503; 422 with `idempotency_keys`.
            message: what was wrong, and what would be right.
        """
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What protocols are built from.

    Attributes:
        table: of all protocols of the pod, so that a series is one object whoever brings it.
        limits: of the pipeline.
        max_samples: of one request; more never fit the buffer.
        ready: whether the pod takes samples.
    """

    table: SeriesTable
    limits: Ingest
    max_samples: int
    ready: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True)
class Other:
    """What a protocol's clients ask beside sending samples.

    Attributes:
        answer: of a request's facts and its unpacked body; may raise BadPayload.
        dialect: words its errors.
        is_open: asked without credentials, too.
    """

    method: str
    path: str
    answer: Callable[[Facts, bytes], Reply]
    dialect: Dialect
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class WireProtocol:
    """A protocol as it is served.

    Attributes:
        label: its name in metrics.
        dialects: by the path whose POSTs bring samples.
        idempotency_keys: whether these may have one (`receipts.py`).
    """

    label: str
    dialects: Mapping[str, Dialect]
    others: tuple[Other, ...] = ()
    idempotency_keys: bool = False
