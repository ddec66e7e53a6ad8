"""Who we are to Redis or a broker and whom we trust: credentials and certificates.

Each connection reads them while it opens, so that a changed Secret is in use at the next one,
without a restart. The operator mounts the Secret of `spec.redis.secretRef` as the folder, and that
of `spec.ingest.mqtt.secretRef` for the connection to a broker.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from anomaly_dataplane.contract.runtime import (
    SECRET_KEY_CA,
    SECRET_KEY_CERTIFICATE,
    SECRET_KEY_PASSWORD,
    SECRET_KEY_PRIVATE_KEY,
    SECRET_KEY_SENTINEL_PASSWORD,
    SECRET_KEY_SENTINEL_USERNAME,
    SECRET_KEY_USERNAME,
)
from anomaly_dataplane.store import redis_errors as exceptions

if TYPE_CHECKING:
    import ssl


class BadSecret(exceptions.ConnectionError):
    """A file of the Secret cannot be used. No connection was tried."""


@dataclass(frozen=True, slots=True)
class Login:
    """What one connection needs.

    Attributes:
        username: of an ACL user; None for the default user.
        password: None for a server that asks for none.
        tls: None for a plain connection.
    """

    username: str | None = None
    password: str | None = None
    tls: ssl.SSLContext | None = None


class Access:
    """Reads credentials and certificates where a Secret is mounted.

    Args:
        username: where the folder has none.
        password: where the folder has none.
        tls: whether connections are encrypted, the server's certificate and host name checked.
        folder: a mounted Secret with any of `username`, `password`, `ca.crt`, `tls.crt`,
            `tls.key`, `sentinel-username` and `sentinel-password`; None for none.
        field: of the spec that names the Secret.
        needed: the Secret must hold something even without TLS.
    """

    def __init__(
        self,
        username: str | None,
        password: str | None,
        *,
        tls: bool,
        folder: Path | None,
        field: str = "redis.secretRef",
        needed: bool = False,
    ) -> None:
        self._username = username
        self._password = password
        self._tls = tls
        self._folder = folder
        self._field = field
        self._needed = needed

    def login(self) -> Login:
        """For a server that holds data.

        Raises:
            BadSecret: naming the key that cannot be used.
        """
        if self._needed:
            self._check_there()
        return Login(
            self._text(SECRET_KEY_USERNAME) or self._username,
            self._text(SECRET_KEY_PASSWORD) or self._password,
            self._context(),
        )

    def sentinel_login(self) -> Login:
        """For a Sentinel, which never gets the credentials of the data.

        Raises:
            BadSecret: as above.
        """
        return Login(
            self._text(SECRET_KEY_SENTINEL_USERNAME),
            self._text(SECRET_KEY_SENTINEL_PASSWORD),
            self._context(),
        )

    def _text(self, key: str) -> str | None:
        path = self._path(key)
        if path is None:
            return None
        try:
            # A line break at the end is an editor's, not the password's.
            return path.read_text(encoding="utf-8").rstrip("\r\n") or None
        except (OSError, UnicodeDecodeError) as error:
            raise BadSecret(f"the Secret's key {key} cannot be read: {error}") from error

    def _check_there(self) -> None:
        if self._folder is not None and not any(self._folder.glob("[!.]*")):
            raise BadSecret(f"the Secret of {self._field} is empty, or there is none")

    def _context(self) -> ssl.SSLContext | None:
        if not self._tls:
            return None
        import ssl  # here, since a pod without TLS does without (`openssl.py`)

        self._check_there()
        ca = self._path(SECRET_KEY_CA)
        certificate = self._path(SECRET_KEY_CERTIFICATE)
        private_key = self._path(SECRET_KEY_PRIVATE_KEY)
        try:
            # Without a CA of its own the connection trusts those of the system.
            context = ssl.create_default_context(cafile=ca)
        except OSError as error:
            raise BadSecret(
                f"TLS: the Secret's key {SECRET_KEY_CA} is not a CA certificate in PEM: {error}"
            ) from error
        if (certificate is None) != (private_key is None):
            there, missing = SECRET_KEY_CERTIFICATE, SECRET_KEY_PRIVATE_KEY
            if certificate is None:
                there, missing = missing, there
            raise BadSecret(f"TLS: the Secret has the key {there} but not {missing}")
        if certificate is not None and private_key is not None:
            try:
                # A password is refused instead of asked for on the terminal.
                context.load_cert_chain(certificate, private_key, password="")
            except OSError as error:
                raise BadSecret(
                    f"TLS: the Secret's keys {SECRET_KEY_CERTIFICATE} and "
                    f"{SECRET_KEY_PRIVATE_KEY} are not a certificate in PEM and its key: {error}"
                ) from error
        return context

    def _path(self, key: str) -> Path | None:
        if self._folder is None:
            return None
        path = self._folder / key
        return path if path.exists() else None
