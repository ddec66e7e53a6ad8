"""HTTPS to a host that no DNS knows: the ingress is asked for it, its certificate is checked."""

from __future__ import annotations

import json
import socket
import ssl
from http.client import HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

from device import Answer


class _Connection(HTTPSConnection):
    """Connects to loopback, whatever the host is called."""

    def connect(self) -> None:
        plain = socket.create_connection(("127.0.0.1", self.port), self.timeout)
        context: ssl.SSLContext = self._context  # type: ignore[attr-defined]
        self.sock = context.wrap_socket(plain, server_hostname=self.host)


def post(url: str, content: object, authority: Path) -> Answer:
    """Post JSON to an https URL, trusting that authority and no other.

    An answer that does not come, or comes with another certificate, is status 0.
    """
    where = urlsplit(url)
    assert where.scheme == "https"
    assert where.hostname is not None
    context = ssl.create_default_context(cafile=str(authority))
    connection = _Connection(where.hostname, where.port or 443, context=context, timeout=15)
    try:
        headers = {"Content-Type": "application/json"}
        connection.request("POST", where.path, json.dumps(content), headers)
        answer = connection.getresponse()
        text = answer.read()
    except OSError as error:
        return Answer(0, {}, str(error))
    finally:
        connection.close()
    found = {name.lower(): value for name, value in answer.getheaders()}
    return Answer(answer.status, found, json.loads(text) if text[:1] in (b"{", b"[") else text)
