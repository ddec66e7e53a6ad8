"""Build the project's two images and put them, with Redis, into a cluster."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devcluster.access import Provider
from devcluster.errors import DevClusterError
from devcluster.images import bases
from devcluster.images.engine import Engine, engine
from devcluster.paths import CHECKOUT, Cache
from devcluster.screen import say, step
from devcluster.versions import DATAPLANE_IMAGE, OPERATOR_IMAGE


@dataclass(frozen=True, slots=True)
class ProjectImage:
    """An image and the Dockerfile it is built from; `compiles` if that wants a BUILD_IMAGE."""

    name: str
    dockerfile: Path
    compiles: bool = False


PROJECT_IMAGES = (
    ProjectImage(OPERATOR_IMAGE, CHECKOUT / "Dockerfile.operator"),
    ProjectImage(DATAPLANE_IMAGE, CHECKOUT / "Dockerfile.dataplane", compiles=True),
)


def build_and_load(cache: Cache, provider: Provider) -> None:
    """Build every image of the project and load those that the cluster does not have yet."""
    missing = [str(image.dockerfile) for image in PROJECT_IMAGES if not image.dockerfile.exists()]
    if missing:
        raise DevClusterError(f"nothing to build images from: {', '.join(missing)}")
    if not provider.is_up():
        raise DevClusterError("the cluster is not up; `make cluster` repairs it")
    with engine(cache) as docker:
        python = bases.python_images(cache, docker)
        redis = bases.redis_image(cache, docker)
        for image in PROJECT_IMAGES:
            _build(cache, docker, image, python)
        _load(cache, docker, provider, [*(image.name for image in PROJECT_IMAGES), redis])
    (cache.root / "redis-image").write_text(redis)


def not_loaded(identities: Mapping[str, str], loaded: Mapping[str, str]) -> list[str]:
    """Return the names whose image differs from the one that was loaded last."""
    return [name for name, identity in identities.items() if loaded.get(name) != identity]


def _build(cache: Cache, docker: Engine, image: ProjectImage, python: bases.PythonImages) -> None:
    build_image = ("--build-arg", f"BUILD_IMAGE={python.build}") if image.compiles else ()
    with step(f"building {image.name} on {python.base}"):
        docker.docker(
            "build",
            *bases.build_options(docker),
            "--build-arg",
            f"BASE_IMAGE={python.base}",
            *build_image,
            "--tag",
            image.name,
            "--file",
            str(image.dockerfile),
            str(CHECKOUT),
            log=cache.logs / f"image-{image.dockerfile.suffix.removeprefix('.')}.log",
        )


def _load(cache: Cache, docker: Engine, provider: Provider, names: list[str]) -> None:
    record = (
        cache.folder("images")
        / f"loaded-{cluster_identity(Path(provider.access().kubeconfig))}.json"
    )
    loaded = json.loads(record.read_text()) if record.exists() else {}
    identities = {
        name: docker.docker("image", "inspect", "--format", "{{.Id}}", name).strip()
        for name in names
    }
    wanted = not_loaded(identities, loaded)
    if not wanted:
        say("the cluster has these images already")
        return
    archive = cache.folder("images") / "project.tar"
    with step(f"loading {', '.join(wanted)}"):
        docker.docker("save", "--output", str(archive), *wanted)
        try:
            provider.load(archive)
        finally:
            archive.unlink()
    for old in record.parent.glob("loaded-*.json"):
        old.unlink()
    record.write_text(json.dumps(identities))


def cluster_identity(kubeconfig: Path) -> str:
    """Return what changes with every new cluster: its kubeconfig, with its certificates."""
    return hashlib.sha256(kubeconfig.read_bytes()).hexdigest()[:12]
