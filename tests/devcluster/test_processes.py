"""Only a process that is certainly ours is ever stopped."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from devcluster.errors import DevClusterError
from devcluster.processes import Daemon, Identity, identify, running_programs


def a_daemon(folder: Path, *argv: str) -> Daemon:
    """Return a daemon that sleeps, unless told otherwise."""
    words = argv or (sys.executable, "-c", "import time; time.sleep(60)")
    return Daemon("sleeper", words, folder / "run" / "sleeper.identity", folder / "sleeper.log")


def test_a_started_process_is_known_as_running_until_it_is_stopped(tmp_path: Path) -> None:
    """Start and stop are seen by a second look through the identity file."""
    daemon = a_daemon(tmp_path)
    daemon.start()
    try:
        assert a_daemon(tmp_path).is_running()
    finally:
        daemon.stop()

    assert not a_daemon(tmp_path).is_running()
    assert not daemon.identity_file.exists()


def test_starting_twice_keeps_the_first_process(tmp_path: Path) -> None:
    """A second start finds the process and leaves it."""
    daemon = a_daemon(tmp_path)
    daemon.start()
    try:
        first = daemon.identity()
        daemon.start()

        assert daemon.identity() == first
    finally:
        daemon.stop()


def test_a_stranger_with_the_recorded_pid_is_not_stopped(tmp_path: Path) -> None:
    """After a crash the pid may be somebody else's: start time, boot or program differ."""
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        known = identify(stranger.pid)
        assert known is not None
        daemon = a_daemon(tmp_path)
        daemon.identity_file.parent.mkdir()
        others = (
            replace(known, start_ticks=known.start_ticks - 1),
            replace(known, boot="another-boot"),
            replace(known, program="/somewhere/else"),
        )
        for other in others:
            daemon.identity_file.write_text(json.dumps(asdict(other)))

            assert not daemon.is_running()
            daemon.stop(patience=0.2)
            assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_spoilt_identity_file_means_not_running(tmp_path: Path) -> None:
    """Half a file, as a killed machine may leave it, is nobody's identity."""
    daemon = a_daemon(tmp_path)
    daemon.identity_file.parent.mkdir()
    daemon.identity_file.write_text('{"pid": 12')

    assert not daemon.is_running()
    daemon.stop()


def test_a_program_that_ends_at_once_is_an_error_that_names_its_log(tmp_path: Path) -> None:
    """A wrong flag shows at the start, not as a time-out later."""
    daemon = replace(a_daemon(tmp_path, "/bin/false"), settle_seconds=60)

    with pytest.raises(DevClusterError, match=r"sleeper\.log"):
        daemon.start()


def test_a_process_name_with_spaces_and_brackets_does_not_confuse(tmp_path: Path) -> None:
    """The fields of stat are counted from behind the last bracket."""
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "sys/kernel/random/boot_id").write_text("boot-1\n")
    (tmp_path / "7").mkdir()
    fields = ["S", *["0"] * 18, "4242", "0"]
    (tmp_path / "7/stat").write_text(f"7 (a ) name) {' '.join(fields)}\n")
    (tmp_path / "7/exe").symlink_to("/opt/program")

    assert identify(7, tmp_path) == Identity(7, "boot-1", 4242, "/opt/program")


def test_a_zombie_is_no_process(tmp_path: Path) -> None:
    """What has ended and waits for its parent does not count as running."""
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "sys/kernel/random/boot_id").write_text("boot-1\n")
    (tmp_path / "7").mkdir()
    (tmp_path / "7/stat").write_text(f"7 (gone) Z {' '.join(['0'] * 20)}\n")
    (tmp_path / "7/exe").symlink_to("/opt/program")

    assert identify(7, tmp_path) is None


def test_programs_of_a_folder_are_found_without_an_identity_file() -> None:
    """A lost file does not hide what was started from our folder."""
    here = Path(os.readlink("/proc/self/exe")).parent

    assert os.getpid() in {known.pid for known in running_programs(here)}


def test_what_a_test_runs_of_the_same_programs_is_not_ours(tmp_path: Path) -> None:
    """A cluster is taken away beside `make api-server`, whose API servers live elsewhere."""
    here = Path(os.readlink("/proc/self/exe")).parent
    sleep = [sys.executable, "-c", "import time; time.sleep(300)"]
    with (
        subprocess.Popen([*sleep, f"--data-dir={tmp_path}/state/etcd"]) as lost,
        subprocess.Popen([*sleep, f"--data-dir={tmp_path}/test/etcd"]) as of_a_test,
    ):
        try:
            found = {known.pid for known in running_programs(here, tmp_path / "state")}
        finally:
            lost.kill()
            of_a_test.kill()

    assert found == {lost.pid}
