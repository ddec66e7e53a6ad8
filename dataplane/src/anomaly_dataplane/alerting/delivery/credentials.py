"""What a receiver is shown, and what it must show: from the files of a mounted Secret.

The same for Alertmanagers and webhooks; only webhooks sign what they are sent. Read again for each
POST, so that a changed Secret reaches a running pod without a restart.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp.helpers import BasicAuth

from anomaly_dataplane.contract.runtime import (
    SECRET_KEY_CA,
    SECRET_KEY_PASSWORD,
    SECRET_KEY_TOKEN,
    SECRET_KEY_USERNAME,
    SECRET_KEY_WEBHOOK,
)

if TYPE_CHECKING:
    import ssl


class BadSecret(Exception):
    """A Secret that is asked for is missing, or holds nothing that can be used."""


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach a receiver.

    Attributes:
        headers: that let us in.
        tls: what its certificate is checked against; True for the system's authorities.
        signing_key: of what is sent; None where nothing is signed.
    """

    headers: Mapping[str, str]
    tls: ssl.SSLContext | bool
    signing_key: bytes | None = None


class Credentials:
    """The credentials of one receiver.

    Args:
        folder: of the mounted Secret; None if there is none.
        insecure: whether any certificate will do.
        signs: whether the Secret may hold a key to sign with.
    """

    def __init__(self, folder: Path | None, *, insecure: bool, signs: bool = False) -> None:
        self._folder = folder
        self._insecure = insecure
        self._signs = signs
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
        secret = self._text(SECRET_KEY_WEBHOOK) if self._signs else ""
        headers: dict[str, str] = {}
        if token:
            headers[_HEADER] = f"Bearer {token}"
        elif username:
            login = BasicAuth(username, self._text(SECRET_KEY_PASSWORD), "utf-8")
            headers[_HEADER] = login.encode()
        if not (headers or authority or secret):
            wanted = ", ".join((*_KEYS, SECRET_KEY_WEBHOOK) if self._signs else _KEYS)
            raise BadSecret(f"the Secret has none of the keys {wanted}, or is missing")
        return Access(headers, self._trust(authority), signing_key(secret) if secret else None)

    def _trust(self, authority: str) -> ssl.SSLContext | bool:
        if self._insecure or not authority:
            return not self._insecure
        import ssl  # here, since a pod without TLS does without (`openssl.py`)

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


def signing_key(text: str) -> bytes:
    """The key that signs: the text itself, or what follows the specification's prefix as base64.

    Raises:
        BadSecret: it has the prefix and is no base64.
    """
    if not text.startswith(_PREFIX):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise BadSecret(f"the secret begins with {_PREFIX} but is no base64: {error}") from error


_HEADER = "Authorization"
_PREFIX = "whsec_"
_KEYS = (SECRET_KEY_TOKEN, SECRET_KEY_USERNAME, SECRET_KEY_CA)
