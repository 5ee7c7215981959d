"""The artifact mirror: a folder by http (GET and HEAD), as a background process inside the lab's namespace.

Where VMs run on the system's own libvirt there is no namespace: then it listens on their gateway only.
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

from lab import netns, processes
from lab.build import SUMS
from lab.context import SOURCES, Lab, LabError

PORT = 8080
EVERYWHERE = "0.0.0.0"
_IP_FREEBIND = 15  # from linux/in.h


def start(lab: Lab, addresses: Sequence[str] = (EVERYWHERE,), seconds: float = 20) -> None:
    """Starts the mirror where it does not run, and waits until it serves its own SHA256SUMS. Raises LabError.

    It must serve on 127.0.0.1, too, to be asked. An address may come to exist later.
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

    return netns.call(lab, asked) if netns.exists(lab) else asked()


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


class Server(ThreadingHTTPServer):
    """A server that may be bound to an address before an interface has it."""

    def server_bind(self) -> None:
        """The bridge of the VMs' network comes up after the mirror."""
        self.socket.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
        super().server_bind()


def serve(folder: Path, port: int, addresses: Sequence[str]) -> None:
    """Serves `folder` on the addresses until the process ends."""
    servers = [Server((address, port), partial(Handler, directory=str(folder))) for address in addresses]
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
