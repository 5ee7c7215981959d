"""The mirror's server: GET and HEAD of files in its folder, nothing else."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from lab.mirror import Handler


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[http.client.HTTPConnection]:
    (tmp_path / "tree/runc").mkdir(parents=True)
    (tmp_path / "tree/runc/runc").write_bytes(b"\0binary")
    (tmp_path / "secret").write_text("outside")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(tmp_path / "tree"))) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
        yield connection
        connection.close()
        server.shutdown()


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/runc/runc", 200, b"\0binary"),
        ("HEAD", "/runc/runc", 200, b""),
        ("GET", "/runc/", 404, None),
        ("GET", "/missing", 404, None),
        ("GET", "/../secret", 404, None),
        ("GET", "/%2e%2e/secret", 404, None),
        ("PUT", "/runc/runc", 501, None),
    ],
)
def test_handler_serves_files_of_its_folder_only(
    connection: http.client.HTTPConnection, method: str, path: str, status: int, body: bytes | None
) -> None:
    connection.request(method, path)
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status == status
    if body is not None:
        assert content == body
        assert answer.getheader("Content-Length") == str(len(b"\0binary"))
