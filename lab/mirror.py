"""The artifact mirror: serves a folder over HTTP (GET and HEAD), as a background process in the lab's namespace.

If VMs run on the system's libvirt there is no namespace: then it listens on their gateway address only.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from builder.errors import UserError
from lab import netns, processes
from lab.build import SUMS
from lab.context import SOURCES, Lab

PORT = 8080
EVERYWHERE = "0.0.0.0"
_IP_FREEBIND = 15  # from linux/in.h


def start(lab: Lab, addresses: Sequence[str] = (EVERYWHERE,), seconds: float = 20) -> None:
    """Start the mirror if it is not running, and wait until it serves its SHA256SUMS. Raises UserError.

    `addresses` must include 127.0.0.1, where the check connects. They need not exist yet.
    """
    log = lab.state / "mirror.log"
    if processes.running(_pidfile(lab)) is None:
        stop(lab)
        command = [sys.executable, "-m", "lab.mirror", str(lab.mirror), str(PORT), *addresses]
        if netns.exists(lab):
            command = netns.enter(lab, command)
        processes.start(_pidfile(lab), command, log, folder=SOURCES.parent)
    deadline = time.monotonic() + seconds
    while not serves(lab):
        if time.monotonic() > deadline:
            raise UserError(f"the artifact mirror does not serve {SUMS} within {seconds:.0f} s: see {log}")
        time.sleep(0.05)


def serves(lab: Lab) -> bool:
    """Return whether the mirror serves this lab's files."""
    sums = lab.mirror / SUMS
    expected = sums.read_bytes() if sums.exists() else None
    # No proxy: the address is the namespace's loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def matches() -> bool:
        try:
            with opener.open(f"http://127.0.0.1:{PORT}/{SUMS}", timeout=5) as answer:
                return bool(answer.read() == expected)
        except OSError:
            return False

    return netns.call(lab, matches) if netns.exists(lab) else matches()


def stop(lab: Lab) -> None:
    """Stop the mirror. Idempotent."""
    processes.stop(_pidfile(lab))


def _pidfile(lab: Lab) -> Path:
    return lab.state / "mirror.pid"


class Handler(SimpleHTTPRequestHandler):
    """Serves files, not folders, over persistent connections."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def list_directory(self, path: str | os.PathLike[str]) -> None:
        """Answer 404."""
        self.send_error(HTTPStatus.NOT_FOUND)


class Server(ThreadingHTTPServer):
    """A server that can bind to an address that no interface has yet."""

    def server_bind(self) -> None:
        """The bridge of the VMs' network is created after the mirror starts."""
        self.socket.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
        super().server_bind()


def serve(folder: Path, port: int, addresses: Sequence[str]) -> None:
    """Serve `folder` on the addresses until the process ends."""
    servers = [Server((address, port), partial(Handler, directory=str(folder))) for address in addresses]
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
