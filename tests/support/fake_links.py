"""Servers of a test's own making: what each answers, and where the primary is said to be."""

from __future__ import annotations

from collections.abc import Sequence

from anomaly_dataplane.store import redis_errors as exceptions
from anomaly_dataplane.store.link import Address

Answer = object | Exception


class FakeLink:
    """Answers as its server was told to, and remembers what it was sent."""

    def __init__(self, server: FakeServer) -> None:
        self._server = server
        self.address = server.address
        self.idle = True

    async def call(self, request: bytes, *, asking: bool = False, replicas: int = 0) -> object:
        return self._server.answer(request, asking=asking)

    def close(self) -> None:
        self.idle = True


class FakeServer:
    """One server.

    Attributes:
        requests: that arrived, the loading of the Function left out.
        asked: how many of them came with ASKING.
        loaded: how often the Function was loaded.
    """

    def __init__(self, port: int, *answers: Answer, then: Answer = b"") -> None:
        self.address: Address = ("fake", port)
        self.requests: list[bytes] = []
        self.asked = 0
        self.loaded = 0
        self._answers = list(answers)
        self._then = then

    def answer(self, request: bytes, *, asking: bool) -> object:
        if b"FUNCTION" in request[:40]:
            self.loaded += 1
            return b"anomaly_pipeline_2"
        self.requests.append(request)
        self.asked += asking
        answer = self._answers.pop(0) if self._answers else self._then
        if isinstance(answer, Exception):
            raise answer
        return answer


class FakeServers:
    """Says that the primary of every partition is each of these in turn, then the last for ever."""

    def __init__(self, *turns: FakeServer | Exception, partitions: int = 4) -> None:
        self._turns = list(turns)
        self._partitions = partitions
        self.located = 0

    async def locate(self) -> Sequence[Address | None]:
        turn = self._turns[min(self.located, len(self._turns) - 1)]
        self.located += 1
        if isinstance(turn, Exception):
            raise turn
        return [turn.address] * self._partitions


def reply(text: str) -> exceptions.ResponseError:
    """An error as a server words it."""
    return exceptions.ResponseError(text)
