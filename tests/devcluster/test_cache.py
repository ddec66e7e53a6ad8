"""Where things are kept, and when they are made anew."""

import shutil
from pathlib import Path

import pytest

from devcluster.binaries import ADDONS, CONTROL_PLANE, cache_key, link_flags
from devcluster.golang import GOMOD, is_recent_enough
from devcluster.packages import Package, require
from devcluster.paths import CHECKOUT, Cache, cache_root


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"ANOMALY_CACHE": "/a", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/a"),
        ({"XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/anomaly-pipeline"),
        ({"HOME": "/h"}, "/h/.cache/anomaly-pipeline"),
    ],
    ids=["said", "XDG", "home"],
)
def test_the_cache_is_where_the_environment_says(environ: dict[str, str], expected: str) -> None:
    """ANOMALY_CACHE wins, then the XDG folder, then the home."""
    assert cache_root(environ) == Path(expected)


def test_the_same_sources_have_the_same_key(tmp_path: Path) -> None:
    """A second checkout finds what the first one built."""
    copy = tmp_path / "gomod"
    shutil.copytree(GOMOD, copy)

    assert cache_key(copy) == cache_key(GOMOD)


@pytest.mark.parametrize("changed", ["go.mod", "go.sum", "pause/main.go"])
def test_a_changed_pin_or_source_has_another_key(tmp_path: Path, changed: str) -> None:
    """Whatever decides a binary decides its folder."""
    copy = tmp_path / "gomod"
    shutil.copytree(GOMOD, copy)
    with (copy / changed).open("a") as file:
        file.write("\n// changed\n")

    assert cache_key(copy) != cache_key(GOMOD)


def test_every_program_is_pinned_by_the_committed_module() -> None:
    """A package is either ours or of a module that go.mod requires at a version."""
    pins = (GOMOD / "go.mod").read_text()
    for binary in (*ADDONS, *CONTROL_PLANE):
        if binary.package.startswith("./"):
            assert (GOMOD / binary.package / "main.go").exists()
        else:
            module = binary.package.partition("/cmd/")[0]
            assert f"\t{module} v" in pins


def test_the_programs_know_their_version() -> None:
    """Without the flags the API server calls itself v0.0.0-master."""
    flags = link_flags()

    assert "gitVersion=v1.34.4" in flags
    assert "gitMajor=1" in flags
    assert "gitMinor=34" in flags


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("go version go1.26.8 linux/amd64", True),
        ("go version go1.21.0 linux/amd64", True),
        ("go version go1.19.8 linux/amd64", False),
        ("what?", False),
    ],
)
def test_an_old_go_is_not_used(answer: str, expected: bool) -> None:
    """Before 1.21 the go command cannot fetch the toolchain that go.mod asks for."""
    assert is_recent_enough(answer) is expected


def test_nothing_is_installed_when_every_package_is_there(tmp_path: Path) -> None:
    """No apt-get, no root, no word on the screen."""
    require(Cache(tmp_path), [Package("python3", "/proc/self/exe")], "a test")


def test_no_committed_file_names_a_registry_or_this_machine() -> None:
    """The sources say what, never from whom; the clients' own settings say that."""
    hosts = ("proxy" + ".golang", "pypi" + ".org", "/work" + "/", "/root" + "/", "deb." + "debian")
    folder = CHECKOUT / "hack" / "devcluster"
    files = [
        path for path in folder.rglob("*") if "__pycache__" not in path.parts and path.is_file()
    ]
    for path in files:
        text = path.read_text()

        assert not [host for host in hosts if host in text], path
