"""The artifact mirror: a folder by http (GET and HEAD), as a background process inside the lab's namespace."""

from __future__ import annotations

import os
import sys
import time
import urllib.request
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from lab import netns, processes
from lab.build import SUMS
from lab.context import SOURCES, Lab, LabError

PORT = 8080


def start(lab: Lab, seconds: float = 20) -> None:
    """Starts the mirror where it does not run, and waits until it serves its own SHA256SUMS. Raises LabError."""
    log = lab.state / "mirror.log"
    if processes.running(_pidfile(lab)) is None:
        stop(lab)
        command = netns.enter(lab, [sys.executable, "-m", "lab.mirror", str(lab.mirror), str(PORT)])
        processes.start(_pidfile(lab), command, log, folder=SOURCES.parent)
    deadline = time.monotonic() + seconds
    while not serves(lab):
        if time.monotonic() > deadline:
            raise LabError(f"the artifact mirror does not serve {SUMS} within {seconds:.0f} s: its log is {log}")
        time.sleep(0.05)


def serves(lab: Lab) -> bool:
    """Whether the mirror answers, and with this lab's tree."""
    sums = lab.mirror / SUMS
    expected = sums.read_bytes() if sums.exists() else None
    # Asked without a proxy: the address is the namespace's own loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def asked() -> bool:
        try:
            with opener.open(f"http://127.0.0.1:{PORT}/{SUMS}", timeout=5) as answer:
                return bool(answer.read() == expected)
        except OSError:
            return False

    return netns.call(lab, asked)


def stop(lab: Lab) -> None:
    """Ends the mirror. Safe to repeat."""
    processes.stop(_pidfile(lab))


def _pidfile(lab: Lab) -> Path:
    return lab.state / "mirror.pid"


class Handler(SimpleHTTPRequestHandler):
    """Files only, over connections that stay open."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def list_directory(self, path: str | os.PathLike[str]) -> None:
        """A folder is nothing to download."""
        self.send_error(HTTPStatus.NOT_FOUND)


def serve(folder: Path, port: int) -> None:
    """Serves `folder` on every address of the namespace until the process ends."""
    with ThreadingHTTPServer(("0.0.0.0", port), partial(Handler, directory=str(folder))) as server:
        server.serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))
