"""Which requests are plain: decided by aiohttp's own parser, once for every head that differs.

`connection.py` asks. A sender's requests mostly differ in their bodies alone, so the same head
comes again and again: it is parsed the first time and remembered. Nothing is parsed by hand, so
nothing is taken here that aiohttp would refuse or understand otherwise.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import hdrs
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpProcessingError, HttpRequestParser, HttpVersion11, RawRequestMessage

from anomaly_dataplane.errors import BadPayload
from anomaly_dataplane.ingest import receipts
from anomaly_dataplane.ingest.gate import Unauthorised
from anomaly_dataplane.ingest.intake import Endpoint
from anomaly_dataplane.ingest.protocol import Call, Facts

MAX_HEAD_BYTES = 8192
"""Of a plain request. Longer heads are aiohttp's, which has its own bounds."""

_REMEMBERED = 512
"""Heads; all are dropped beyond it. Anybody may send them, so they must stay few and small."""
_REMEMBERED_BYTES = 2**19
"""Of all of them. What the parser makes of a head takes up to five times as much again."""

_NUMBERS = re.compile(
    rb"(\r\n(?:x-request-id|x-correlation-id|traceparent|x-b3-(?:trace|span|parentspan)id): )"
    rb"[0-9A-Za-z_-]{1,128}(?=\r\n)",
    re.IGNORECASE,
)
"""What proxies number requests with. Heads that differ in nothing else are one: no letter, digit or
dash in these fields makes aiohttp refuse a head, and no dialect reads them (`Facts`)."""

_PARSER_BUFFER_BYTES = 2**16

_START = b"POST /"


@dataclass(frozen=True, slots=True)
class Head:
    """What a plain request says before its body.

    Attributes:
        endpoint: that it is for.
        length: of the body, in bytes, at least 1.
        call: what the endpoint's dialect understood.
    """

    endpoint: Endpoint
    facts: Facts
    length: int
    call: Call

    @property
    def is_barred(self) -> bool:
        """Whether its sender is to be let in no further: it has no valid token."""
        if self.endpoint.gate is None:
            return False
        try:
            self.endpoint.gate.identify(self.facts)
        except Unauthorised:
            return True
        return False


class Heads:
    """Reads heads of `POST`s to `endpoints`, by path, with a body of at most `max_bytes`."""

    def __init__(
        self, endpoints: Mapping[str, Endpoint], max_bytes: int, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._loop = loop
        # The parser wants one that it could ask to pause; for a head alone it never does.
        self._protocol = BaseProtocol(loop)
        self._endpoints = dict(endpoints)
        self._max_bytes = max_bytes
        self._known: dict[bytes, Head] = {}
        self._known_bytes = 0

    def read(self, text: bytes) -> Head | None:
        """The head that `text` is, up to and with its empty line; None if it is not plain."""
        known = self._known
        if text in known:
            return known[text]
        if len(text) > MAX_HEAD_BYTES:
            return None
        unnumbered = _NUMBERS.sub(rb"\1-", text)
        if unnumbered in known:
            return known[unnumbered]
        head = self._parse(text)
        if head is None:
            # Its connection is aiohttp's from now on; with an Idempotency-Key each is another.
            return None
        self._known_bytes += len(unnumbered)
        if len(known) >= _REMEMBERED or self._known_bytes > _REMEMBERED_BYTES:
            known.clear()
            self._known_bytes = len(unnumbered)
        known[unnumbered] = head
        return head

    def may_become_plain(self, text: bytes) -> bool:
        """Whether `text`, which has no empty line yet, may be the start of a plain head.

        What is wrong already is told to its sender at once, as aiohttp does.
        """
        if len(text) > MAX_HEAD_BYTES or not _START.startswith(text[: len(_START)]):
            return False
        try:
            messages, _, _ = self._parser().feed_data(text)
        except HttpProcessingError:
            return False
        return not messages

    def _parse(self, text: bytes) -> Head | None:
        try:
            messages, upgraded, _ = self._parser().feed_data(text)
        except HttpProcessingError:
            return None
        if upgraded or len(messages) != 1:
            return None
        message, content = messages[0]
        # Not at its end, and nothing in it: the head ends where `text` does, for the parser too.
        if content.is_eof() or content.total_bytes:
            return None
        return self._plain(message)

    def _parser(self) -> HttpRequestParser:
        return HttpRequestParser(
            self._protocol, self._loop, _PARSER_BUFFER_BYTES, auto_decompress=False
        )

    def _plain(self, message: RawRequestMessage) -> Head | None:
        headers = message.headers
        path, _, query = message.path.partition("?")
        endpoint = self._endpoints.get(path)
        if (
            message.method != hdrs.METH_POST
            or message.version != HttpVersion11
            or endpoint is None
            or "#" in query
            or message.should_close
            or message.upgrade
            or message.chunked
            or hdrs.EXPECT in headers
            or (endpoint.receipts is not None and receipts.HEADER in headers)
        ):
            return None
        length = int(headers.get(hdrs.CONTENT_LENGTH, "0"))
        if not 0 < length <= self._max_bytes:
            return None
        facts = Facts(path, message.url.query, headers)
        try:
            return Head(endpoint, facts, length, endpoint.dialect.call(facts))
        except BadPayload:
            return None
