"""Settings of the process: where they come from, and what is said of bad ones."""

from __future__ import annotations

import dataclasses

import pytest

from anomaly_dataplane.contract import runtime
from anomaly_dataplane.settings import InvalidSettings, Settings, read_settings


def test_without_anything_the_defaults_are_those_of_the_pod() -> None:
    """What the operator leaves out is right for a cluster."""
    settings = read_settings({}, {})
    assert settings == Settings()
    assert settings.config == runtime.CONFIG_PATH
    assert (settings.http_port, settings.admin_port) == (runtime.HTTP_PORT, runtime.ADMIN_PORT)
    assert settings.drain_seconds == runtime.DRAIN_SECONDS


def test_flags_win_over_the_environment_which_wins_over_defaults() -> None:
    """So that a person at a terminal can overrule a deployment."""
    environ = {"ANOMALY_STORE": "memory", "ANOMALY_HTTP_PORT": "81", "ANOMALY_BIND": "::1"}
    settings = read_settings(environ, {"http_port": "82", "bind": None})
    assert (settings.store, settings.http_port, settings.bind) == ("memory", 82, "::1")


def test_every_error_is_told_at_once_by_the_name_its_author_used() -> None:
    """The flag for a flag, the variable for a variable, and what would be right."""
    environ = {"ANOMALY_ADMIN_PORT": "99999", "ANOMALY_LOG_LEVEL": "loud", "REDIS_PASSWORD": "p"}
    with pytest.raises(InvalidSettings) as caught:
        read_settings(environ, {"store": "disk", "redis": "nowhere"})
    assert caught.value.errors == [
        "--store: must be one of redis, memory, not 'disk'",
        "--redis: must be HOST:PORT, several with commas between, not 'nowhere'",
        "ANOMALY_ADMIN_PORT: must be a whole number from 0 to 65535, not '99999'",
        "ANOMALY_LOG_LEVEL: must be one of debug, info, warning, error, not 'loud'",
    ]


def test_words_are_taken_in_any_case() -> None:
    """DEBUG is what most programs call it, the operator among them."""
    assert read_settings({"ANOMALY_LOG_LEVEL": "DEBUG"}, {}).log_level == "debug"


def test_redis_takes_several_addresses() -> None:
    """The members of a Cluster."""
    assert read_settings({}, {"redis": "a:1, b:2"}).redis == ("a:1", "b:2")


def test_a_password_is_never_shown() -> None:
    """Not even by accident in a log."""
    assert "s3cret" not in repr(read_settings({"REDIS_PASSWORD": "s3cret"}, {}))


def test_every_setting_has_a_variable_of_the_contract_and_a_meaning() -> None:
    """The operator sets them by these names."""
    known = {value for name, value in vars(runtime).items() if name.startswith("ENV_")}
    for field in dataclasses.fields(Settings):
        assert field.metadata["env"] in known
        assert field.metadata["help"].endswith(".")
    assert known == {field.metadata["env"] for field in dataclasses.fields(Settings)}
