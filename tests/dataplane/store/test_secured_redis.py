"""Real servers that ask for a password, a user's rights or a certificate."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from anomaly_dataplane.errors import StoreUnavailable
from anomaly_dataplane.store import Store
from certificates import Authority, authority
from redis_server import PASSWORD, redis_server
from redis_stores import (
    ACL_RULES,
    Failures,
    SecuredRedis,
    config_for,
    on_sentinels,
    opened,
    secured_redis,
    set_user,
)
from redis_topologies import redis_cluster, redis_sentinels
from senders import Sender


@pytest.fixture(scope="module")
def ca() -> Authority:
    return authority("the CA of these tests")


@pytest.fixture(scope="module")
def stranger() -> Authority:
    return authority("another CA")


USER = ("on", ">p", "~{*", *ACL_RULES.split())


async def refusal(store: Store, kind: str) -> str:
    """What a ping says once it fails for this reason: a lost connection is noticed before."""
    while True:
        with pytest.raises(StoreUnavailable) as refused:
            await store.ping()
        if str(refused.value).startswith(f"Redis: {kind}: "):
            return str(refused.value)


async def why_not(secured: SecuredRedis, secret: Path) -> str:
    """What a pod with this Secret says of the server."""
    async with opened(secured.config(), secret_dir=secret) as store:
        with pytest.raises(StoreUnavailable) as refused:
            await store.ping()
    return str(refused.value)


async def test_a_server_without_client_certificates_asks_for_none(
    ca: Authority, tmp_path: Path
) -> None:
    """The CA and a password are enough."""
    with secured_redis(ca, tmp_path, "--tls-auth-clients", "no") as secured:
        for key in ("tls.crt", "tls.key"):
            shutil.move(secured.secret / key, tmp_path / key)
        async with opened(secured.config(), secret_dir=secured.secret) as store:
            await store.ping()


async def test_a_server_of_another_ca_is_not_trusted(
    secured: SecuredRedis, stranger: Authority, tmp_path: Path
) -> None:
    """Nothing is sent to it, and no time is spent on trying again."""
    said = await why_not(secured, stranger.secret(tmp_path))

    assert said.startswith("Redis: tls: ")
    assert "certificate verify failed" in said
    assert "ca.crt" in said


async def test_a_certificate_for_another_host_is_not_trusted(ca: Authority, tmp_path: Path) -> None:
    """Host names are checked."""
    server_secret = ca.secret(tmp_path / "server", host="redis.example")
    with redis_server("--tls-auth-clients", "no", tls=server_secret) as server:
        config = config_for(server, tls={"enabled": True})
        async with opened(config, secret_dir=ca.write_ca(tmp_path / "pod")) as store:
            with pytest.raises(StoreUnavailable, match=r"tls: .*IP address mismatch"):
                await store.ping()


async def test_a_missing_client_certificate_is_told(secured: SecuredRedis, tmp_path: Path) -> None:
    """The server only hangs up; what it may have wanted is said."""
    said = await why_not(secured, secured.authority.write_ca(tmp_path))

    assert "client certificate" in said or "certificate required" in said


async def test_tls_spoken_to_a_plain_server_is_told(ca: Authority, tmp_path: Path) -> None:
    """And the other way round."""
    with redis_server() as plain:
        config = config_for(plain, tls={"enabled": True})
        async with opened(config, secret_dir=ca.write_ca(tmp_path)) as store:
            with pytest.raises(StoreUnavailable, match="TLS"):
                await store.ping()


async def test_a_plain_connection_to_a_tls_server_is_told(secured: SecuredRedis) -> None:
    """The server hangs up at once."""
    async with opened(config_for(secured.server)) as store:
        with pytest.raises(StoreUnavailable, match="does it expect TLS"):
            await store.ping()


async def test_a_rotated_password_is_taken_up_without_a_restart(
    ca: Authority, tmp_path: Path
) -> None:
    """At the next connection; the one that is open goes on."""
    with secured_redis(ca, tmp_path) as secured:
        async with opened(secured.config(), secret_dir=secured.secret) as store:
            sender = Sender(store)
            await sender.send()
            secured.allow("resetpass", ">rotated")
            with secured.client() as admin:
                admin.client_kill_filter(_type="normal", skipme=True)
            assert "redis.secretRef" in await refusal(store, "auth")

            (secured.secret / "password").write_text("rotated")
            await sender.send()

            assert (await store.totals()).samples == 2 * len(sender.series)


async def test_a_missing_right_is_named_with_all_that_are_needed(secured: SecuredRedis) -> None:
    """The condition's message says what to grant."""
    secured.allow("-fcall")
    try:
        async with opened(secured.config(), secret_dir=secured.secret) as store:
            said = await refusal(store, "permission")
    finally:
        secured.allow("+fcall")
    for right in ACL_RULES.split():
        assert right in said


async def test_a_cluster_over_tls_with_a_password(ca: Authority, tmp_path: Path) -> None:
    """Discovery and data alike."""
    secret = ca.secret(tmp_path)
    (secret / "password").write_text(PASSWORD)
    with redis_cluster(3, tls=secret, password=PASSWORD) as cluster:
        for server in cluster.servers:
            with cluster.client(server) as admin:
                set_user(admin, "pod", *USER, "+cluster|slots", "+asking")
        (secret / "username").write_text("pod")
        (secret / "password").write_text("p")
        config = config_for(*cluster.servers, mode="Cluster", tls={"enabled": True})
        async with opened(config, secret_dir=secret) as store:
            await Sender(store).send()
            assert len(set(await store.lanes())) > 1


async def test_sentinels_with_a_password_of_their_own_over_tls(
    ca: Authority, tmp_path: Path
) -> None:
    """They get that one, and the server the other."""
    secret = ca.secret(tmp_path)
    failures = Failures()
    with redis_sentinels(1, 3, tls=secret, password="data", sentinel_password="watch") as watched:
        config = on_sentinels(watched, tls={"enabled": True})
        with watched.client(watched.primary()) as admin:
            set_user(admin, "pod", *USER, "+role")
        (secret / "username").write_text("pod")
        (secret / "password").write_text("p")
        async with opened(config, failures, secret_dir=secret) as store:
            with pytest.raises(StoreUnavailable, match=r"auth: Sentinel .*Authentication required"):
                await store.ping()

            (secret / "sentinel-password").write_text("watch")
            await Sender(store).send()


async def test_a_redis_before_seven_is_told_what_is_needed() -> None:
    """It knows no Functions. Renamed here, as no old server is at hand."""
    with redis_server(
        "--rename-command", "FCALL", "", "--rename-command", "FUNCTION", ""
    ) as server:
        async with opened(config_for(server)) as store:
            with pytest.raises(StoreUnavailable, match="Redis 7 or newer"):
                await store.ping()
