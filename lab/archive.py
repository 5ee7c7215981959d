"""Container image archives in the format of `docker save`, which containerd imports."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

NOBODY = "65535:65535"


def image(
    files: Mapping[str, Path],
    name: str,
    architecture: str,
    links: Mapping[str, str] | None = None,
    command: Sequence[str] = (),
    user: str = NOBODY,
) -> bytes:
    """Return an archive with one layer that contains `files` by their paths in the image. The first is the entry point.

    `name` is the full reference, `registry.example/path:tag`; `architecture` is a GOARCH. `links` are symbolic links,
    target by path. `command` are the entry point's default arguments. The same input gives the same bytes.
    """
    entry, *_ = files
    layer = _tar({path: (source.read_bytes(), 0o755) for path, source in files.items()}, links or {})
    digest = hashlib.sha256(layer).hexdigest()
    # A third of the size: emulated nodes are slow to download, checksum and store.
    packed = gzip.compress(layer, mtime=0)
    layer_name = f"{hashlib.sha256(packed).hexdigest()}.tar.gz"
    config = _json(
        {
            "architecture": architecture,
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {
                "Entrypoint": [f"/{entry}"],
                **({"Cmd": list(command)} if command else {}),
                "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                "User": user,
                "WorkingDir": "/",
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": f"COPY {entry} /"}],
        }
    )
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = _json([{"Config": config_name, "RepoTags": [name], "Layers": [layer_name]}])
    return _tar({config_name: (config, 0o644), layer_name: (packed, 0o644), "manifest.json": (manifest, 0o644)})


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _tar(files: dict[str, tuple[bytes, int]], links: Mapping[str, str] | None = None) -> bytes:
    """Return a tar of (content, mode) by name, without times and owners: the same content gives the same bytes."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, (content, mode) in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), mode
            archive.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname, link.mode = tarfile.SYMTYPE, target, 0o777
            archive.addfile(link)
    return stream.getvalue()
