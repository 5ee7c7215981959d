"""How an API server with the program's own flags ends: open watches do not hold it up until the kubelet kills it."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from cluster.node import kube_apiserver
from tests.api import server
from tests.unit.cluster.graph import samples

FLAG = "shutdown-watch-termination-grace-period"
GRACE_SECONDS = 30
"""The kubelet's default terminationGracePeriodSeconds."""


@pytest.mark.parametrize("ours", [True, pytest.param(False, marks=pytest.mark.thorough)])
def test_open_watches_do_not_hold_up_the_end(tmp_path: Path, ours: bool) -> None:
    cluster = samples.cluster()
    flags = kube_apiserver.static_pod(cluster, cluster.control_plane_nodes()[0]).flags
    more = {FLAG.replace("-", "_"): str(flags[FLAG])} if ours else {}
    with server.running(tmp_path / "api", **more) as api:
        url = f"https://127.0.0.1:{api.port}/api/v1/namespaces?watch=true"
        key = ["--cert", str(api.folder / "admin.crt"), "--key", str(api.folder / "admin.key")]
        with subprocess.Popen(
            ["curl", "--silent", "--no-buffer", "--cacert", str(api.folder / "ca.crt"), *key, url],
            stdout=subprocess.PIPE,
        ) as watch:
            assert watch.stdout is not None
            assert b"ADDED" in watch.stdout.readline()
            api.process.terminate()
            ended = _ended(api.process)
            watch.kill()
    assert ended == ours


def _ended(process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + GRACE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    return process.poll() == 0
