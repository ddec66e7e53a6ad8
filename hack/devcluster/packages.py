"""Debian packages this tool needs: installed when root on Debian or Ubuntu, asked for otherwise."""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from devcluster.command import download
from devcluster.errors import DevClusterError
from devcluster.paths import Cache
from devcluster.screen import say, step


@dataclass(frozen=True, slots=True)
class Package:
    """A Debian package and a file or command that shows it is there."""

    name: str
    proof: str

    def is_installed(self) -> bool:
        """Tell whether the package's proof is on this machine."""
        if self.proof.startswith("/"):
            return Path(self.proof).exists()
        return shutil.which(self.proof) is not None


CNI_PLUGINS = Path("/usr/lib/cni")

NODE = (
    Package("containerd", "containerd"),
    Package("runc", "runc"),
    Package("containernetworking-plugins", str(CNI_PLUGINS / "bridge")),
    Package("nftables", "nft"),
    Package("iproute2", "ip"),
)
BASE_IMAGE = (Package("debootstrap", "debootstrap"),)
IMAGE_BUILDER = (Package("docker.io", "dockerd"),)


def require(cache: Cache, packages: Iterable[Package], purpose: str) -> None:
    """Make sure that packages are installed; raise with the command to type if we may not."""
    missing = [package.name for package in packages if not package.is_installed()]
    if not missing:
        return
    names = " ".join(missing)
    if os.geteuid() != 0:
        raise DevClusterError(f"{purpose} needs root and the Debian packages: {names}")
    if shutil.which("apt-get") is None:
        raise DevClusterError(f"{purpose} needs these programs, and there is no apt-get: {names}")
    say(f"{purpose} needs Debian packages on this machine; as root, apt-get installs: {names}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    with step(f"installing {names}"):
        log = cache.logs / "apt.log"
        download(["apt-get", "update", "-qq"], env=quiet, log=log)
        options = ["-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=600"]
        download(["apt-get", "install", *options, *missing], env=quiet, log=log)
