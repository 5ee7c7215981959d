"""Pushes image archives to a registry: `python -m tests.e2e.site.push URL CA USER ARCHIVE...`, with the password on stdin.

Each image goes to its name's path without the registry's host, as a mirror of that registry has it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True)
class Registry:
    """A registry with TLS and a user."""

    url: str
    ca: str
    authorization: str

    def send(self, method: str, place: str, body: bytes | None = None, kind: str = "application/octet-stream") -> str:
        """Send a request. Return the header Location, which may be empty."""
        url = place if place.startswith("https://") else f"{self.url}{place}"
        headers = {"Authorization": self.authorization, "Content-Type": kind}
        request = Request(url, data=body, headers=headers, method=method)
        with urlopen(request, context=ssl.create_default_context(cafile=self.ca), timeout=60) as response:
            return response.headers.get("Location") or ""

    def blob(self, repository: str, content: bytes, kind: str) -> dict[str, object]:
        """Upload a blob unless the registry has it. Return its descriptor."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        try:
            self.send("HEAD", f"/v2/{repository}/blobs/{digest}")
        except HTTPError as error:
            if error.code != 404:
                raise
            place = self.send("POST", f"/v2/{repository}/blobs/uploads/", b"")
            self.send("PUT", f"{place}{'&' if '?' in place else '?'}digest={digest}", content)
        return {"mediaType": kind, "digest": digest, "size": len(content)}


def push(registry: Registry, archive: Path) -> None:
    """Push the image of an archive in the format of `docker save`, with gzipped layers."""
    with tarfile.open(archive) as tar:

        def read(name: str) -> bytes:
            found = tar.extractfile(name)
            assert found is not None
            return found.read()

        [image] = json.loads(read("manifest.json"))
        [name] = image["RepoTags"]
        repository, _, tag = name.partition("/")[2].rpartition(":")
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": registry.blob(repository, read(image["Config"]), CONFIG),
            "layers": [registry.blob(repository, read(layer), LAYER) for layer in image["Layers"]],
        }
    registry.send("PUT", f"/v2/{repository}/manifests/{tag}", json.dumps(manifest).encode(), MANIFEST)
    print(f"pushed {repository}:{tag}")


if __name__ == "__main__":
    url, ca, user, *archives = sys.argv[1:]
    credentials = base64.b64encode(f"{user}:{sys.stdin.read()}".encode()).decode()
    for path in archives:
        push(Registry(url, ca, f"Basic {credentials}"), Path(path))
