"""etcd and an API server beside the hosts, in their network: the kubelets register there.

A kubelet that has never reached an API server replaces no static pod: it waits for all of its sources first.
"""

from __future__ import annotations

import ssl
import tarfile
import time
import urllib.request
from pathlib import Path

from lab import processes, stack
from lab.context import Lab
from tests.forecast.hosts import pidfile
from tests.forecast.rendered import Issuer

ADDRESS = str(stack.HOST_GATEWAY)
URL = f"https://{ADDRESS}:6443"
START_SECONDS = 120


def start(lab: Lab, issuer: Issuer) -> None:
    """Starts both, and waits until the API server is ready. Use it from inside the lab's network namespace."""
    folder = lab.project / "control-plane"
    folder.mkdir()
    [etcd] = lab.mirror.glob("etcd/*/etcd")
    for name, text in zip(("api.crt", "api.key"), issuer.leaf("kube-apiserver", ADDRESS), strict=True):
        (folder / name).write_text(text)
    (folder / "ca.crt").write_text(issuer.certificate)
    commands = {
        "etcd": [str(etcd), f"--data-dir={folder / 'etcd'}", "--unsafe-no-fsync"],
        "kube-apiserver": [
            str(_api_server(lab, folder)),
            f"--advertise-address={ADDRESS}",
            "--authorization-mode=AlwaysAllow",
            f"--cert-dir={folder}",
            f"--client-ca-file={folder / 'ca.crt'}",
            "--etcd-servers=http://127.0.0.1:2379",
            "--service-account-issuer=https://forecast",
            f"--service-account-key-file={folder / 'api.crt'}",
            f"--service-account-signing-key-file={folder / 'api.key'}",
            "--service-cluster-ip-range=10.96.0.0/16",
            f"--tls-cert-file={folder / 'api.crt'}",
            f"--tls-private-key-file={folder / 'api.key'}",
        ],
    }
    for name, command in commands.items():
        processes.start(pidfile(lab, name), command, folder / f"{name}.log", folder=folder)
    _wait(lab, folder)


def _api_server(lab: Lab, folder: Path) -> Path:
    """The program out of its image, as the nodes of a cluster run it."""
    [image] = lab.mirror.glob("images/kube-apiserver-*.tar")
    with tarfile.open(image) as outer:
        [layer] = [one for one in outer if one.name.endswith(".tar.gz")]
        with tarfile.open(fileobj=outer.extractfile(layer)) as inner:
            inner.extract("usr/local/bin/kube-apiserver", folder, filter="data")
    return folder / "usr/local/bin/kube-apiserver"


def _wait(lab: Lab, folder: Path) -> None:
    trusted = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    trusted.load_cert_chain(folder / "api.crt", folder / "api.key")
    handlers = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusted)
    opener = urllib.request.build_opener(*handlers)
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with opener.open(f"{URL}/readyz", timeout=5):
                return
        except OSError as error:
            ended = time.monotonic() > deadline - START_SECONDS + 5 and not processes.running(
                pidfile(lab, "kube-apiserver")
            )
            if ended or time.monotonic() > deadline:
                raise RuntimeError(f"the API server is not ready ({error}): see {folder}") from None
            time.sleep(0.5)
