"""Build the project's two images and put them, with Redis, into a cluster."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from devcluster.access import Provider
from devcluster.dist import CHART
from devcluster.errors import DevClusterError
from devcluster.images import bases
from devcluster.images.engine import Engine, engine
from devcluster.paths import CHECKOUT, Cache
from devcluster.screen import say, step
from devcluster.versions import DATAPLANE_IMAGE, OFFICIAL_REDIS_IMAGE, OPERATOR_IMAGE


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
        built = [*(image.name for image in PROJECT_IMAGES), redis]
        _load(cache, docker, provider, [*built, *_as_released(docker, redis)])
    (cache.root / "redis-image").write_text(redis)


def released_names(redis: str) -> dict[str, str]:
    """Return the names by which the chart's defaults know what is built here."""
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    named = {image.name: f"{image.name.rpartition(':')[0]}:{version}" for image in PROJECT_IMAGES}
    return {**named, redis: OFFICIAL_REDIS_IMAGE}


def _as_released(docker: Engine, redis: str) -> list[str]:
    """Give the images those names too, so that `helm install` as documented just works."""
    found = [(name, alias) for name, alias in released_names(redis).items() if name != alias]
    for name, alias in found:
        docker.docker("tag", name, alias)
    return [alias for _, alias in found]


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
