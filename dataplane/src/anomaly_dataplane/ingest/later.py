"""A parser that is made for the first request that needs it.

Those of protobuf stand on a runtime of two megabytes; a pod whose senders write JSON or lines has
other uses for them. The first request waits for the import, 20 to 60 ms once in a pod's life.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from anomaly_dataplane.ingest.parsed import Parsed


class Parser(Protocol):
    """Parses bodies of one kind."""

    def parse(self, body: bytes) -> Parsed:
        """The samples of a body; there may be none.

        Raises:
            BadPayload: nothing of it can be used.
        """
        ...


class LaterParser:
    """Has a parser made when it is first asked for anything."""

    def __init__(self, make: Callable[[], Parser]) -> None:
        self._make = make
        self._parser: Parser | None = None

    def parse(self, body: bytes) -> Parsed:
        parser = self._parser
        if parser is None:
            parser = self._parser = self._make()
        return parser.parse(body)
