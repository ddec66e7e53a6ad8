"""Does without OpenSSL in a pod that speaks TLS to nobody: five megabytes for other uses.

`run.py` asks, before anything of it is imported. To every library the process then looks like a
Python that was built without OpenSSL, for which all of ours are prepared; asked for TLS all the
same, they fail and send nothing. Only uvloop takes names from `ssl` when it is imported, and gets a
stand-in for that moment. Hashes are those of Python's own.
"""

from __future__ import annotations

import importlib
import sys
from importlib.util import find_spec
from types import ModuleType

from anomaly_dataplane.contract.config import PipelineConfig, RedisMode

_HASHES = ("_md5", "_sha1", "_blake2")
_SHA_2 = ("_sha2", "_sha256")  # by one name since Python 3.12, by another before

_BINDINGS = ("_ssl", "_hashlib", "ssl")

_ERRORS = ("SSLError", "SSLWantReadError", "SSLSyscallError", "SSLZeroReturnError")
_NUMBERS = ("SSL_ERROR_WANT_READ", "SSL_ERROR_WANT_WRITE", "SSL_ERROR_SYSCALL")
_TYPES = ("SSLContext", "MemoryBIO", "CertificateError")


def is_needed(config: PipelineConfig) -> bool:
    """Whether a pod of this pipeline may ever speak TLS.

    Receivers and Redis are those of the start, so a config that is taken over later changes
    nothing. Clients of other libraries are not asked whether they do without.
    """
    redis, receivers = config.redis, config.alerting
    return bool(
        redis.tls.enabled
        or redis.mode is not RedisMode.STANDALONE
        or config.ingest.mqtt.broker
        or receivers.alertmanager.urls
        or receivers.webhooks
    )


def leave_out() -> bool:
    """Have nothing in this process import OpenSSL from now on; tells whether that is so.

    It is not where it is there already, or where Python has no hashes of its own.
    """
    if not all(map(find_spec, _HASHES)) or not any(map(find_spec, _SHA_2)):
        return False
    if any(sys.modules.get(name) for name in _BINDINGS):
        return False
    for name in _BINDINGS:
        sys.modules[name] = None  # type: ignore[assignment]  # how Python says "not to be had"
    importlib.import_module("asyncio")  # which so learns that there is no TLS
    sys.modules["ssl"] = _stand_in()
    try:
        importlib.import_module("uvloop")
    finally:
        sys.modules["ssl"] = None  # type: ignore[assignment]
    return True


def _stand_in() -> ModuleType:
    """What uvloop wants to see of `ssl`: nothing of it is ever used."""
    module = ModuleType("ssl", "Not there.")
    for name in _ERRORS:
        setattr(module, name, type(name, (OSError,), {}))
    for name in _TYPES:
        setattr(module, name, type(name, (), {}))
    for number, name in enumerate(_NUMBERS):
        setattr(module, name, number)
    module.__dict__["create_default_context"] = None
    return module
