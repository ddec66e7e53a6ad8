"""What a receiver is shown, and what it must show: from the files of a mounted Secret.

Read again for each POST, so that a changed Secret reaches a running pod without a restart.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp.helpers import BasicAuth

from anomaly_dataplane.contract.runtime import (
    SECRET_KEY_CA,
    SECRET_KEY_PASSWORD,
    SECRET_KEY_TOKEN,
    SECRET_KEY_USERNAME,
)


class BadSecret(Exception):
    """A Secret that is asked for is missing, or holds nothing that can be used."""


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach a receiver.

    Attributes:
        headers: that let us in.
        tls: what its certificate is checked against; True for the system's authorities.
    """

    headers: Mapping[str, str]
    tls: ssl.SSLContext | bool


class Credentials:
    """The credentials of one receiver.

    Args:
        folder: of the mounted Secret; None if there is none.
        insecure: whether any certificate will do.
    """

    def __init__(self, folder: Path | None, *, insecure: bool) -> None:
        self._folder = folder
        self._insecure = insecure
        self._trusted: tuple[str, ssl.SSLContext] | None = None

    def read(self) -> Access:
        """What the Secret says now.

        Raises:
            BadSecret: nothing may be sent before it is mended.
        """
        if self._folder is None:
            return Access({}, not self._insecure)
        token, username = self._text(SECRET_KEY_TOKEN), self._text(SECRET_KEY_USERNAME)
        authority = self._text(SECRET_KEY_CA)
        if token:
            headers = {_HEADER: f"Bearer {token}"}
        elif username:
            login = BasicAuth(username, self._text(SECRET_KEY_PASSWORD), "utf-8")
            headers = {_HEADER: login.encode()}
        elif authority:
            headers = {}
        else:
            raise BadSecret(f"the Secret has none of the keys {_WANTED}, or is missing")
        return Access(headers, self._trust(authority))

    def _trust(self, authority: str) -> ssl.SSLContext | bool:
        if self._insecure or not authority:
            return not self._insecure
        if self._trusted is None or self._trusted[0] != authority:
            try:
                context = ssl.create_default_context(cadata=authority)
            except (ssl.SSLError, ValueError) as error:
                raise BadSecret(f"{SECRET_KEY_CA} of the Secret is no PEM: {error}") from error
            self._trusted = (authority, context)
        return self._trusted[1]

    def _text(self, key: str) -> str:
        assert self._folder is not None
        try:
            return (self._folder / key).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise BadSecret(f"{key} of the Secret cannot be read: {error}") from error


_HEADER = "Authorization"
_WANTED = f"{SECRET_KEY_TOKEN}, {SECRET_KEY_USERNAME} and {SECRET_KEY_CA}"
