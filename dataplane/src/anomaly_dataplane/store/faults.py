"""What an error of Redis means: its kind, for people, and what may be done about it.

Called by `redis_store.py`. Links raise a server's words as they came, redis-py classes of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from anomaly_dataplane.store import redis_errors as exceptions
from anomaly_dataplane.store.access import BadSecret
from anomaly_dataplane.store.link import Address, Unsent


class Remedy(Enum):
    """What to do with a request that failed so."""

    MOVE = auto()
    """The slot has another primary: go there."""
    ASK = auto()
    """The slot is on its way to another primary: ask there, this once."""
    LOAD = auto()
    """The server has not got the Function: load it."""
    WAIT = auto()
    """It passes: look again where the primary is, and try again."""
    NONE = auto()
    """It will not pass by itself soon."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One failed request.

    Attributes:
        kind: a word of a small closed set, for metrics and messages.
        unknown_fate: whether the server may have done it all the same.
        address: where to go, for MOVE and ASK; an empty host means the same host.
        advice: what to change, where the error itself does not say it.
    """

    kind: str
    remedy: Remedy = Remedy.NONE
    unknown_fate: bool = False
    address: Address | None = None
    advice: str = ""


RIGHTS = (
    "the ACL user needs +fcall +mget +hgetall +hlen +hget +hscan +hsetnx +xrange +xrevrange "
    "+function|load, what the Functions call (+get +getrange +set +setrange +pexpire +del +hset "
    "+hdel +hincrby +xadd +xlen +xtrim +xdel +xgroup|create +xgroup|delconsumer +xreadgroup "
    "+xautoclaim +xack +xinfo|consumers +xinfo|groups +xinfo|stream), +cluster|slots +asking with "
    "a Cluster or +role with Sentinel, +wait with redis.minReplicasToWrite, and the keys ~{*"
)

_AUTH = Fault("auth", advice="check username and password in the Secret of redis.secretRef")
_PERMISSION = Fault("permission", advice=RIGHTS)
_CLUSTER_DOWN = Fault("cluster_down", Remedy.WAIT)
_READ_ONLY = Fault("read_only", Remedy.WAIT)
_LOADING = Fault("loading", Remedy.WAIT)
_CONNECTION = Fault("connection", Remedy.WAIT)
_LOST = Fault("connection", Remedy.WAIT, unknown_fate=True)
_TIMEOUT = Fault("timeout", Remedy.WAIT, unknown_fate=True)
_TLS = Fault("tls", advice="check ca.crt, tls.crt and tls.key in the Secret of redis.secretRef")
_SECRET = Fault("secret")
_VERSION = Fault("version", advice="Redis 7 or newer, or Valkey, is needed for Functions")

_BY_CODE = {
    "TRYAGAIN": Fault("migrating", Remedy.WAIT),
    "CLUSTERDOWN": _CLUSTER_DOWN,
    "LOADING": _LOADING,
    "READONLY": _READ_ONLY,
    "MASTERDOWN": Fault("no_primary", Remedy.WAIT),
    "NOREPLICAS": Fault("no_replicas", Remedy.WAIT),
    "UNREPLICATED": Fault("no_replicas", Remedy.WAIT, unknown_fate=True),
    "BUSY": Fault("busy", Remedy.WAIT),
    "OOM": Fault("out_of_memory"),
    "MISCONF": Fault("disk"),
    "NOAUTH": _AUTH,
    "WRONGPASS": _AUTH,
    "DENIED": _AUTH,
    "NOPERM": _PERMISSION,
}

_BY_WORDS = (
    ("Function not found", Fault("no_function", Remedy.LOAD)),
    ("unknown command", _VERSION),
    ("max number of clients", _CONNECTION),
    ("can't run this command", _PERMISSION),
    ("can't access at least one of the keys", _PERMISSION),
    ("[SSL", _TLS),
)

_BY_CLASS: tuple[tuple[type[Exception], Fault], ...] = (
    (BadSecret, _SECRET),
    (exceptions.AuthenticationError, _AUTH),
    (exceptions.NoPermissionError, _PERMISSION),
    (exceptions.BusyLoadingError, _LOADING),
    (exceptions.ClusterDownError, _CLUSTER_DOWN),
    (Unsent, _CONNECTION),
    (exceptions.TimeoutError, _TIMEOUT),
    (exceptions.ConnectionError, _LOST),
)


def fault_of(error: Exception) -> Fault:
    """What this error of a link or of redis-py means."""
    text = str(error)
    code, _, rest = text.partition(" ")
    if code in ("MOVED", "ASK") and isinstance(error, exceptions.ResponseError):
        # "MOVED 3999 127.0.0.1:6381"; the host may be an IPv6 address, or empty.
        host, _, port = rest.partition(" ")[2].rpartition(":")
        remedy = Remedy.MOVE if code == "MOVED" else Remedy.ASK
        return Fault("redirected", remedy, address=(host, int(port)))
    if code in _BY_CODE:
        return _BY_CODE[code]
    by_words = (fault for words, fault in _BY_WORDS if words in text)
    by_class = (fault for of, fault in _BY_CLASS if isinstance(error, of))
    return next(by_words, None) or next(by_class, None) or Fault("other")
