"""What goes wrong with Redis: the classes of redis-py by the same names, without redis-py.

Links raise them and `faults.py` reads them; `questions.py` turns redis-py's own into these. The
package takes 7 MiB and a tenth of a second to import, and a pod with a single Redis needs nothing
else of it.
"""

from __future__ import annotations


class RedisError(Exception):
    """Any of them."""


class ConnectionError(RedisError):  # redis-py's name
    """There is no connection, or no longer."""


class TimeoutError(RedisError):  # redis-py's name
    """No answer in time."""


class ResponseError(RedisError):
    """The server refused the command, in words of its own."""


class AuthenticationError(ConnectionError):
    """It does not know these credentials."""


class NoPermissionError(ResponseError):
    """The ACL user may not do that."""


class BusyLoadingError(ConnectionError):
    """It still reads its data."""


class ClusterDownError(ResponseError):
    """The Cluster does not serve this slot."""


_KNOWN: dict[str, type[RedisError]] = {
    of.__name__: of
    for of in (
        RedisError,
        ConnectionError,
        TimeoutError,
        ResponseError,
        AuthenticationError,
        NoPermissionError,
        BusyLoadingError,
        ClusterDownError,
    )
}


def translated(error: Exception) -> RedisError:
    """The error of redis-py as the nearest of these."""
    names = (of.__name__ for of in type(error).__mro__)
    return next(_KNOWN[name] for name in names if name in _KNOWN)(*error.args)
