"""What a mounted Secret holds: credentials and certificates, read again, refused with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from anomaly_dataplane.store.access import Access, BadSecret
from certificates import Authority, authority


@pytest.fixture(scope="module")
def ca() -> Authority:
    return authority("a CA")


def access(folder: Path | None, *, tls: bool = False) -> Access:
    return Access("from-env", "env-password", tls=tls, folder=folder)


def test_the_environment_counts_where_there_is_no_secret(tmp_path: Path) -> None:
    """Nor one of its keys."""
    for folder in (None, tmp_path):
        login = access(folder).login()
        assert (login.username, login.password, login.tls) == ("from-env", "env-password", None)


def test_a_changed_secret_is_read_at_the_next_connection(tmp_path: Path) -> None:
    """Without the line break that an editor leaves at its end."""
    found = access(tmp_path)
    (tmp_path / "username").write_text("pod")
    (tmp_path / "password").write_text("one two\r\n")
    assert (found.login().username, found.login().password) == ("pod", "one two")

    (tmp_path / "password").write_text("three")
    assert found.login().password == "three"


def test_sentinels_never_get_the_credentials_of_the_data(tmp_path: Path) -> None:
    """Only what is given for them."""
    found = access(tmp_path)
    (tmp_path / "password").write_text("data")
    assert found.sentinel_login().password is None

    (tmp_path / "sentinel-username").write_text("watcher")
    (tmp_path / "sentinel-password").write_text("watch")
    login = found.sentinel_login()
    assert (login.username, login.password) == ("watcher", "watch")


def test_a_ca_of_ones_own_replaces_those_of_the_system(tmp_path: Path, ca: Authority) -> None:
    """Nobody else's certificate is trusted then."""
    context = access(ca.write_ca(tmp_path), tls=True).login().tls

    assert context is not None
    assert context.check_hostname
    (trusted,) = context.get_ca_certs()
    assert "a CA" in str(trusted["subject"])


def test_without_a_secret_the_system_is_trusted() -> None:
    """For servers whose certificates a public CA has signed."""
    context = access(None, tls=True).login().tls

    assert context is not None
    assert context.check_hostname


@pytest.mark.parametrize(
    ("key", "content", "said"),
    [
        ("ca.crt", "not a certificate", "ca.crt is not a CA certificate in PEM"),
        ("tls.crt", "not a certificate", "tls.crt and tls.key are not a certificate"),
        ("tls.key", "not a key", "tls.crt and tls.key are not a certificate"),
        ("tls.key", None, "has the key tls.crt but not tls.key"),
        ("tls.crt", None, "has the key tls.key but not tls.crt"),
    ],
)
def test_a_key_that_cannot_be_used_is_named(
    tmp_path: Path, ca: Authority, key: str, content: str | None, said: str
) -> None:
    """Before any connection is tried."""
    folder = ca.secret(tmp_path)
    if content is None:
        (folder / key).unlink()
    else:
        (folder / key).write_text(content)

    with pytest.raises(BadSecret, match=said):
        access(folder, tls=True).login()


def test_a_password_that_is_not_text_is_refused(tmp_path: Path) -> None:
    """Not sent as something else."""
    (tmp_path / "password").write_bytes(b"\xff\xfe")

    with pytest.raises(BadSecret, match="password cannot be read"):
        access(tmp_path).login()


def test_a_secret_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Kubernetes mounts an empty folder for it."""
    with pytest.raises(BadSecret, match="is empty, or there is none"):
        access(tmp_path, tls=True).login()
