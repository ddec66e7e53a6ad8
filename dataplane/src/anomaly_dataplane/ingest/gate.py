"""Who may ask, and how often: tokens from a mounted Secret, and a rate for each of them.

`routes.py` and `front/` call it before they wait for a body. What is no secret (`/ping` and the
like) never comes here.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import hdrs

from anomaly_dataplane.contract.config import RateLimit
from anomaly_dataplane.errors import BadPayload, Refused
from anomaly_dataplane.ingest.protocol import Facts

INTERVAL_SECONDS = 5.0
"""Between looks at the Secret; the kubelet itself takes up to a minute to refresh the mount."""

_MAX_TOKEN_BYTES = 4096

logger = logging.getLogger(__name__)


class Unauthorised(BadPayload):
    """There is no token in the request, or none that is valid."""

    def __init__(self, message: str) -> None:
        super().__init__(message, status=401)


class RateLimited(Refused):
    """The token's share of requests is used up for the moment."""

    reason = "rate_limited"


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Gate:
    """Lets requests in.

    Args:
        folder: where the Secret is mounted, each file a valid token; None lets everybody in.
        rate: of requests that bring samples; each pod counts for itself.
    """

    def __init__(
        self, folder: Path | None, rate: RateLimit, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = folder
        self._per_second = float(rate.requests_per_second)
        self._burst = float(rate.burst or rate.requests_per_second)
        self._clock = clock
        # Digests are compared, not tokens: of equal length, and nothing that a look into the memory
        # of a pod would give away.
        self._key = secrets.token_bytes(32)
        self._valid: tuple[bytes, ...] = ()
        self._buckets: dict[bytes, _Bucket] = {}
        self._names: tuple[str, ...] | None = None
        self.look()

    @property
    def is_open(self) -> bool:
        """Whether there is nothing to check."""
        return self._folder is None and not self._per_second

    def check(self, facts: Facts) -> None:
        """Let a request with samples in.

        Raises:
            Unauthorised: it has no valid token.
            RateLimited: there were too many.
        """
        who = self.identify(facts)
        if self._per_second:
            self._spend(who)

    def identify(self, facts: Facts) -> bytes:
        """Whose request it is; empty where everybody is let in.

        Raises:
            Unauthorised: it has no valid token.
        """
        if self._folder is None:
            return b""
        who = b""
        for presented in _presented(facts):
            digest = self._digest(presented)
            # All are compared, so that the time taken says nothing of which one is close.
            for valid in self._valid:
                if hmac.compare_digest(digest, valid):
                    who = valid
        if not who:
            raise Unauthorised(
                "authorization failed: send a valid token as Authorization: Bearer TOKEN, "
                "Token TOKEN or Basic (any user, the token as password)"
            )
        return who

    def look(self) -> None:
        """Read the Secret; what it holds now is valid from now on, and nothing else."""
        if self._folder is None:
            return
        found = _tokens(self._folder)
        self._valid = tuple(self._digest(token) for token in found.values())
        self._buckets = {who: self._buckets[who] for who in self._valid if who in self._buckets}
        names = tuple(sorted(found))
        if names != self._names:
            self._names = names
            if names:
                logger.info("valid tokens: %s", ", ".join(names))
            else:
                logger.error(
                    "nobody can be let in: the Secret of spec.ingest.auth.tokenSecretRef is empty, "
                    "or there is none"
                )

    async def watch(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Look at the Secret for ever."""
        while True:
            await sleep(INTERVAL_SECONDS)
            self.look()

    def _spend(self, who: bytes) -> None:
        now = self._clock()
        bucket = self._buckets.get(who)
        if bucket is None:
            bucket = self._buckets[who] = _Bucket(self._burst, now)
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._per_second)
        bucket.at = now
        if bucket.tokens < 1:
            raise RateLimited(
                f"more than {self._per_second:g} requests a second "
                "(spec.ingest.rateLimit, of each token and in each pod); send more samples at once"
            )
        bucket.tokens -= 1

    def _digest(self, token: bytes) -> bytes:
        return hashlib.blake2b(token, key=self._key, digest_size=32).digest()


def _tokens(folder: Path) -> dict[str, bytes]:
    """The content of each file, by its name; Kubernetes' own entries start with two dots.

    A file that cannot be read, as while the kubelet changes the mount, is no reason to turn away
    who has another token: several senders drop what got a 401.
    """
    tokens: dict[str, bytes] = {}
    try:
        paths = [path for path in folder.iterdir() if not path.name.startswith("..")]
    except OSError as error:
        logger.warning("the tokens cannot be read: %s", error)
        return tokens
    for path in paths:
        try:
            # A line break at the end is an editor's, not the token's.
            token = path.read_bytes().rstrip(b"\r\n") if path.is_file() else b""
        except OSError as error:
            logger.warning("the token %s cannot be read: %s", path.name, error)
            continue
        if token:
            tokens[path.name] = token
    return tokens


def _presented(facts: Facts) -> Iterator[bytes]:
    """What may be the token, in each form that clients have for it."""
    header = facts.headers.get(hdrs.AUTHORIZATION)
    if header is None:
        # InfluxDB 1 takes user and password in the query.
        password = facts.query.get("p")
        if password and len(password) <= _MAX_TOKEN_BYTES:
            yield password.encode("utf-8", "surrogateescape")
        return
    if len(header) > _MAX_TOKEN_BYTES:
        return
    scheme, _, rest = header.partition(" ")
    scheme, rest = scheme.lower(), rest.strip()
    if scheme in ("bearer", "token"):
        token = rest.encode("utf-8", "surrogateescape")
        yield token
        if b":" in token:
            # `Token user:password`, as clients of version 2 ask a server of version 1.
            yield token.partition(b":")[2]
    elif scheme == "basic":
        try:
            yield base64.b64decode(rest, validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return
