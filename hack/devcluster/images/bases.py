"""The base images where no registry can be reached: Debian, Python and Redis, made on the spot."""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from devcluster.command import run
from devcluster.images.engine import Engine
from devcluster.packages import BASE_IMAGE, require
from devcluster.paths import PACKAGE, Cache
from devcluster.screen import step
from devcluster.versions import (
    DEBIAN,
    LOCAL_PYTHON_BUILD_IMAGE,
    LOCAL_PYTHON_IMAGE,
    LOCAL_REDIS_IMAGE,
    OFFICIAL_PYTHON_BUILD_IMAGE,
    OFFICIAL_PYTHON_IMAGE,
    OFFICIAL_REDIS_IMAGE,
)

_DEBIAN_IMAGE = f"anomaly-local/debian:{DEBIAN}"
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
_SUPERFLUOUS = (
    "var/cache/apt",
    "var/lib/apt/lists",
    "usr/share/doc",
    "usr/share/locale",
    "usr/share/man",
    "usr/share/info",
)
_FOLDER = PACKAGE / "images"


@dataclass(frozen=True, slots=True)
class PythonImages:
    """What our images are made from: the base that ships, and the same with a C compiler."""

    base: str
    build: str


def python_images(cache: Cache, engine: Engine) -> PythonImages:
    """Return what to build on: the official images if both can be had, else our own."""
    official = PythonImages(OFFICIAL_PYTHON_IMAGE, OFFICIAL_PYTHON_BUILD_IMAGE)
    if not engine.own and engine.can_pull(official.base) and engine.can_pull(official.build):
        return official
    base = _built(cache, engine, LOCAL_PYTHON_IMAGE, "Dockerfile.python")
    build = _built(cache, engine, LOCAL_PYTHON_BUILD_IMAGE, "Dockerfile.python-build", base)
    return PythonImages(base, build)


def redis_image(cache: Cache, engine: Engine) -> str:
    """Return the Redis image to load: the official one if it can be had, else our own."""
    if not engine.own and engine.can_pull(OFFICIAL_REDIS_IMAGE):
        return OFFICIAL_REDIS_IMAGE
    return _built(cache, engine, LOCAL_REDIS_IMAGE, "Dockerfile.redis")


def build_options(engine: Engine) -> list[str]:
    """Return the options of every build: our own engine has no network but the host's."""
    return ["--network=host"] if engine.own else []


def _built(
    cache: Cache, engine: Engine, name: str, dockerfile: str, base: str = _DEBIAN_IMAGE
) -> str:
    if not engine.has_image(name):
        if base == _DEBIAN_IMAGE:
            _ensure_debian(cache, engine)
        with step(f"building {name}"):
            engine.docker(
                "build",
                *build_options(engine),
                "--build-arg",
                f"BASE_IMAGE={base}",
                "--tag",
                name,
                "--file",
                str(_FOLDER / dockerfile),
                str(_FOLDER),
                log=cache.logs / f"image-{dockerfile.rpartition('.')[2]}.log",
            )
    return name


def _ensure_debian(cache: Cache, engine: Engine) -> None:
    if engine.has_image(_DEBIAN_IMAGE):
        return
    archive = cache.folder("images") / f"debian-{DEBIAN}.tar"
    if not archive.exists():
        _write_debian(cache, archive)
    variables = " ".join(f"{name}={_AUTHORITIES}" for name in ("SSL_CERT_FILE", "PIP_CERT"))
    engine.docker(
        "import",
        "--change",
        f"ENV {variables}",
        "--change",
        'CMD ["bash"]',
        str(archive),
        _DEBIAN_IMAGE,
    )


def _write_debian(cache: Cache, archive: Path) -> None:
    require(cache, BASE_IMAGE, "making a base image without a registry")
    root = Path(tempfile.mkdtemp(prefix="debian-", dir=cache.folder("images")))
    try:
        with step(f"making a Debian {DEBIAN} base image"):
            run(
                ["debootstrap", "--variant=minbase", "--include=ca-certificates", DEBIAN, root],
                log=cache.logs / "debootstrap.log",
            )
            # A company's own authority, if this machine trusts one, is needed in every build.
            if _AUTHORITIES.exists():
                shutil.copy(_AUTHORITIES, root / _AUTHORITIES.relative_to("/"))
            for folder in _SUPERFLUOUS:
                shutil.rmtree(root / folder, ignore_errors=True)
                (root / folder).mkdir(parents=True)
            partial = archive.with_suffix(f".{os.getpid()}")
            run(["tar", "--directory", root, "--create", "--file", partial, "."])
            partial.rename(archive)
    finally:
        shutil.rmtree(root, ignore_errors=True)
