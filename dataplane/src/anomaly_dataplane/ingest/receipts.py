"""When a request came first, by its `Idempotency-Key`: what makes its repeats change nothing.

A sample that has a time is known again by it. One that has none gets the time of receipt, so it is
enough that a repeat gets that of the first try, at whichever pod: then the usual deduplication
holds, also where the first try committed a part and its pod died. `intake.py` asks.
"""

from __future__ import annotations

import hashlib
import re
import struct
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from anomaly_dataplane.errors import BadPayload
from anomaly_dataplane.store import Store
from anomaly_dataplane.store.keys import RECEIPT_TTL_MS, Keys
from anomaly_dataplane.store.link import pack
from anomaly_dataplane.store.redis_store import RedisStore

HEADER = "Idempotency-Key"
REPLAYED_HEADERS = {"Idempotent-Replayed": "true"}

_KEY = re.compile(r"[\x20-\x7e]{1,255}")
_NAME_BYTES = 12
_DIGEST_BYTES = 12
_RECORD = struct.Struct(f"<d{_DIGEST_BYTES}s")


class Receipt(NamedTuple):
    """When a request was received first, in Unix milliseconds, and whether this is a repeat."""

    time_ms: float
    is_repeat: bool


class Claims(Protocol):
    """Names that belong to who came first, for RECEIPT_TTL_MS, over all pods of a pipeline."""

    async def claim(self, name: bytes, record: bytes) -> bytes | None:
        """Keep a record under a name, unless there is one.

        Claiming again what was claimed changes nothing, so that it may be tried again.

        Returns:
            The record that is there already, None if there was none.

        Raises:
            StoreUnavailable: nobody knows whether there is one.
        """
        ...


class Receipts:
    """Remembers when requests were received."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims

    async def first(self, path: str, key: str, body: bytes, now_ms: float) -> Receipt:
        """The first receipt of a request, which may be now.

        Args:
            path: that it is for; a key means nothing beyond it.
            key: as the sender has chosen it.
            body: unpacked, as senders may pack a repeat differently.
            now_ms: Unix time.

        Raises:
            BadPayload: the key came with another body before.
            StoreUnavailable: nobody knows.
        """
        name = hashlib.blake2b(f"{path}\n{key}".encode(), digest_size=_NAME_BYTES).digest()
        digest = hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest()
        known = await self._claims.claim(name, _RECORD.pack(now_ms, digest))
        if known is None:
            return Receipt(now_ms, is_repeat=False)
        time_ms, theirs = _RECORD.unpack(known)
        if theirs != digest:
            raise BadPayload(
                f"this {HEADER} came with another body before; take a new key for each request, "
                "and the same one only to send the same body again",
                status=422,
            )
        return Receipt(time_ms, is_repeat=True)


def checked(key: str) -> str:
    """A key if it is one.

    Raises:
        BadPayload: it is none, and what would be.
    """
    if _KEY.fullmatch(key) is None:
        raise BadPayload(
            f"{HEADER} must be 1 to 255 printable ASCII characters, such as a UUID; "
            f"this one has {len(key)} characters"
        )
    return key


class RedisClaims:
    """Claims in Redis, one string each."""

    def __init__(self, store: RedisStore, keys: Keys, partitions: int) -> None:
        self._store = store
        self._keys = keys
        self._partitions = partitions

    async def claim(self, name: bytes, record: bytes) -> bytes | None:
        partition = int.from_bytes(name[:4]) % self._partitions
        key = self._keys.receipt(partition, name.hex())
        request = pack("SET", key, record, "NX", "GET", "PX", RECEIPT_TTL_MS)
        known: bytes | None = await self._store.ask(partition, request, patient=True)
        # Its own record: an earlier try of this very request, whose reply was lost.
        return None if known == record else known


class MemoryClaims:
    """Claims in process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._records: dict[bytes, tuple[float, bytes]] = {}

    async def claim(self, name: bytes, record: bytes) -> bytes | None:
        now = self._clock()
        # All live equally long, so the oldest go first.
        while self._records:
            oldest = next(iter(self._records))
            if self._records[oldest][0] > now:
                break
            del self._records[oldest]
        _, known = self._records.setdefault(name, (now + RECEIPT_TTL_MS / 1e3, record))
        return None if known == record else known


def claims(store: Store, uid: str, partitions: int) -> Claims:
    """Where the pods of a pipeline keep their claims, beside what the store keeps."""
    if isinstance(store, RedisStore):
        return RedisClaims(store, Keys(uid, partitions), partitions)
    return MemoryClaims()
