"""Certificates for tests: a CA of its own, and what it signs, written as a Secret's files are."""

from __future__ import annotations

import base64
import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA that exists only for a test."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def secret(self, folder: Path, *, host: str = "127.0.0.1") -> Path:
        """A folder with ca.crt, and tls.crt and tls.key for this host, as a mounted Secret has."""
        folder.mkdir(parents=True, exist_ok=True)
        self.write_ca(folder)
        key = ec.generate_private_key(ec.SECP256R1())
        name: x509.GeneralName
        try:
            name = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            name = x509.DNSName(host)
        builder = _builder(host, self.certificate.subject, key)
        builder = builder.add_extension(x509.SubjectAlternativeName([name]), critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        _write(folder / "tls.crt", certificate)
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        (folder / "tls.key").write_bytes(pem)
        return folder

    def write_ca(self, folder: Path) -> Path:
        """A folder with ca.crt only: for a client without a certificate of its own."""
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "ca.crt", self.certificate)
        return folder


def authority(name: str) -> Authority:
    """A new CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(name, subject, key).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    return Authority(key, builder.sign(key, hashes.SHA256()))


def _builder(
    name: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
    )


def _write(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def tls_secret(name: str, folder: Path) -> dict[str, Any]:
    """A Secret of type kubernetes.io/tls with what `Authority.secret` wrote."""
    files = ("tls.crt", "tls.key")
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": name},
        "data": {file: base64.b64encode((folder / file).read_bytes()).decode() for file in files},
    }
