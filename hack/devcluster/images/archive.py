"""Write container images straight from files, with no engine: a docker archive is a tar of tars."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Image:
    """An image of one layer: files by their path inside, and what it runs."""

    name: str
    files: Mapping[str, Path]
    entrypoint: tuple[str, ...]
    folders: tuple[str, ...] = ("tmp",)
    environment: tuple[str, ...] = field(
        default=("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",)
    )


def write(archive: Path, images: Sequence[Image]) -> None:
    """Write images into one docker archive, whole or not at all."""
    partial = archive.with_suffix(".partial")
    manifest = []
    with tarfile.open(partial, "w") as out:
        for image in images:
            layer = partial.with_suffix(".layer")
            _write_layer(layer, image)
            digest = _sha256(layer)
            config = json.dumps(_config(image, digest), sort_keys=True).encode()
            config_name = f"{hashlib.sha256(config).hexdigest()}.json"
            out.add(layer, f"{digest}/layer.tar", filter=_plain)
            layer.unlink()
            _add_bytes(out, config_name, config)
            manifest.append(
                {
                    "Config": config_name,
                    "RepoTags": [f"localhost/{image.name}"],
                    "Layers": [f"{digest}/layer.tar"],
                }
            )
        _add_bytes(out, "manifest.json", json.dumps(manifest).encode())
    partial.rename(archive)


def _write_layer(path: Path, image: Image) -> None:
    with tarfile.open(path, "w") as layer:
        for folder in image.folders:
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
            layer.addfile(entry)
        for inside, source in sorted(image.files.items()):
            layer.add(source.resolve(), inside.lstrip("/"), filter=_plain)


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Forget who built it and when, so that the same files make the same image."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = 0
    entry.mode = 0o755
    return entry


def _config(image: Image, layer_digest: str) -> dict[str, object]:
    return {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": list(image.entrypoint), "Env": list(image.environment)},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
        "history": [{"created_by": "anomaly-pipeline devcluster"}],
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _add_bytes(out: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    out.addfile(entry, io.BytesIO(data))
