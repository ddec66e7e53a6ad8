"""One POST to a receiver, and what its answer means. Used by `alertmanager.py` and `webhook.py`."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import hdrs
from aiohttp.client_exceptions import ClientError, InvalidURL

if TYPE_CHECKING:
    from ssl import SSLContext

    from aiohttp import ClientSession

ANSWER_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0

_LONGEST_REASON = 200
_UNAVAILABLE = 503
_PASSING = frozenset({401, 403, 407, 408, 425, 429})
"""4xx that say nothing against what was sent: credentials may be mended meanwhile, too."""


class Outcome(Enum):
    """What became of a POST."""

    DELIVERED = auto()
    LATER = auto()  # the receiver cannot take it now
    NEVER = auto()  # the receiver will not take this one


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said.

    Attributes:
        reason: in a few words, of a failure.
        retry_after: seconds that it asked to be left alone, 0 if it did not.
        choked: whether it failed with what it was sent, and may take another body.
    """

    outcome: Outcome
    reason: str = ""
    retry_after: float = 0.0
    choked: bool = False


def session() -> ClientSession:
    """A client for all receivers of a pod."""
    # Here, since it takes four megabytes, and many pipelines have no receiver.
    from aiohttp import ClientSession, ClientTimeout

    return ClientSession(timeout=ClientTimeout(total=ANSWER_SECONDS))


async def post(
    client: ClientSession,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    tls: SSLContext | bool = True,
) -> Answer:
    """POST a JSON body; never raises for what the network or the receiver does."""
    headers = {
        hdrs.CONTENT_TYPE: "application/json",
        hdrs.USER_AGENT: "anomaly-pipeline",
        **headers,
    }
    try:
        # No redirects: a signature and its body are for the address that the config names.
        async with client.post(
            url, data=body, headers=headers, allow_redirects=False, ssl=tls
        ) as response:
            text = await response.content.read(_LONGEST_REASON)
            status, retry_after = response.status, response.headers.get(hdrs.RETRY_AFTER, "")
    except InvalidURL:  # whose words hold the URL, which may be a secret
        return Answer(Outcome.LATER, "its URL cannot be used")
    except TimeoutError:
        return Answer(Outcome.LATER, f"no answer within {ANSWER_SECONDS:g} s")
    except (ClientError, OSError, ValueError) as error:
        return Answer(Outcome.LATER, f"{type(error).__name__}: {error}"[:_LONGEST_REASON])
    if 200 <= status < 300:
        return Answer(Outcome.DELIVERED)
    reason = f"{status} {text.decode(errors='replace')}".strip()
    if 400 <= status < 500 and status not in _PASSING:
        return Answer(Outcome.NEVER, reason)
    seconds = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0
    pause = min(seconds, 10 * LONGEST_PAUSE_SECONDS)
    return Answer(Outcome.LATER, reason, pause, choked=status >= 500 and status != _UNAVAILABLE)


def place(url: str) -> str:
    """Host and port of a URL, as metrics and logs name it: nothing secret."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an address that cannot be used"
    return f"{parts.hostname}{port}"


class Bell:
    """Wakes a receiver's task before its pause is over."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake it."""
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Until somebody rings, or so many seconds are over."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            pass
        self._event.clear()


class Backoff:
    """How long to leave a receiver alone: longer after each failure, up to a bound."""

    def __init__(
        self,
        first_seconds: float = FIRST_PAUSE_SECONDS,
        longest_seconds: float = LONGEST_PAUSE_SECONDS,
    ) -> None:
        self._first_seconds = first_seconds
        self._longest_seconds = longest_seconds
        self.failures = 0

    def failed(self, at_least: float = 0.0) -> float:
        """Count a failure; the seconds to wait now, jittered."""
        doubled: float = self._first_seconds * 2.0 ** min(self.failures, 16)
        pause = min(doubled, self._longest_seconds)
        self.failures += 1
        return max(at_least, pause * random.uniform(0.5, 1.0))  # noqa: S311  # jitter

    def succeeded(self) -> None:
        """Begin anew."""
        self.failures = 0

    async def wait(self, bell: Bell, seconds: float) -> None:
        """Pause; news shorten it only while the receiver is well."""
        if self.failures:
            await asyncio.sleep(seconds)
        else:
            await bell.wait(seconds)
