"""Programs out of Debian's packages, unpacked into the cache: nothing is installed or started."""

import os
import shutil
from pathlib import Path

from devcluster.command import download, run
from devcluster.errors import DevClusterError
from devcluster.paths import Cache
from devcluster.screen import step


def package_folder(cache: Cache, name: str) -> Path:
    """Return the folder that a package's files are in, fetched on the first call."""
    folder = cache.root / "debian" / name
    if folder.exists():
        return folder
    if shutil.which("apt-get") is None:
        raise DevClusterError(f"{name} comes from a Debian package, and there is no apt-get here")
    partial = cache.folder("debian", f".{name}-{os.getpid()}")
    log = cache.logs / f"debian-{name}.log"
    with step(f"fetching the Debian package {name}"):
        if os.geteuid() == 0:
            download(["apt-get", "update", "-qq"], log=log)
        download(["apt-get", "download", "-qq", name], cwd=partial, log=log)
        (archive,) = partial.glob("*.deb")
        run(["dpkg-deb", "--extract", archive, partial])
        archive.unlink()
    partial.rename(folder)
    return folder
