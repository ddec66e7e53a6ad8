"""The programs of the stack and their images.

The operator comes from its Go module; Prometheus is the one that tests use as a sender, for
Debian's is built without Kubernetes; Alertmanager and promtool come from Debian's packages.
"""

import hashlib
from pathlib import Path

from devcluster import senders
from devcluster.binaries import Binary, build
from devcluster.command import run
from devcluster.debian import package_folder
from devcluster.images.archive import Image, write
from devcluster.images.programs import libraries, program_image
from devcluster.paths import PACKAGE, Cache
from devcluster.screen import step

GOMOD = PACKAGE / "monitoring" / "gomod"
MODULE = "github.com/prometheus-operator/prometheus-operator"

_PINS = (GOMOD / "go.mod", GOMOD / "go.sum")

_RECIPES = (Path(__file__), Path(senders.__file__))

OPERATOR = Binary("operator", f"{MODULE}/cmd/operator")
RELOADER = Binary("prometheus-config-reloader", f"{MODULE}/cmd/prometheus-config-reloader")


def promtool(cache: Cache) -> Path:
    """Return the program that checks and tests rules, fetched on the first call."""
    return package_folder(cache, "prometheus") / "usr" / "bin" / "promtool"


def archive(cache: Cache) -> Path:
    """Return the docker archive of the stack's images, written on the first call."""
    go = _go_programs(cache)
    senders.ensure(cache, (senders.PROMETHEUS,))
    prometheus = senders.PROMETHEUS.program(cache)
    alertmanager = package_folder(cache, "prometheus-alertmanager")
    path = cache.folder("images") / f"monitoring-{_key(*_PINS, *_RECIPES)}.tar"
    if not path.exists():
        for old in path.parent.glob("monitoring-*"):
            old.unlink()
        with step("writing the images of the monitoring stack"):
            write(
                path,
                [
                    program_image("prometheus-operator", go / OPERATOR.name),
                    program_image(RELOADER.name, go / RELOADER.name, folder="/bin"),
                    program_image("prometheus", prometheus),
                    _alertmanager_image(alertmanager),
                ],
            )
    return path


def _go_programs(cache: Cache) -> Path:
    folder = cache.folder("bin", f"monitoring-{_key(*_PINS)}")
    missing = [each for each in (OPERATOR, RELOADER) if not (folder / each.name).exists()]
    if missing:
        with step("building the Prometheus operator (the first time takes minutes)"):
            build(cache, folder, missing, sources=GOMOD, log="go-build-monitoring.log")
    return folder


def _key(*files: Path) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def _alertmanager_image(folder: Path) -> Image:
    """Return the image of Debian's program, its templates and this machine's C library."""
    binary = folder / "usr" / "bin" / "prometheus-alertmanager"
    path = "/usr/local/bin/alertmanager"
    files = {library: Path(library) for library in libraries(run(["ldd", binary]))}
    for template in (folder / "usr" / "share" / "prometheus" / "alertmanager").glob("*.tmpl"):
        files[f"/{template.relative_to(folder)}"] = template
    return Image("anomaly-local/alertmanager:dev", {**files, path: binary}, (path,))
