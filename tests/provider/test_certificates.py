"""A serving certificate: its program rereads it by itself, and is restarted only if it does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.provider.conftest import Bench, Later, Secret
from tests.provider.container import Container

UNIT = "tls.service"
FILE = f"/etc/systemd/system/{UNIT}"
AT = "127.0.0.1:18443"
SERVE = "openssl s_server -quiet -accept 127.0.0.1:18443 -cert /etc/proof/tls.crt -key /etc/proof/tls.key -www"
# One connection per process: each reads the certificate again, as a program that rereads it does.
REREADS = f"/bin/sh -c 'while :; do {SERVE} -naccept 1; done'"
KEEPS = f"/usr/bin/{SERVE}"


def issued(serial: int) -> tuple[str, str]:
    """A self-signed certificate with this serial number, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "proof")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(pem).decode(), private.decode()


def wants(bench: Bench, serial: int, later: bool = False) -> str:
    """Wants this certificate and key served; returns the key."""
    certificate, key = issued(serial)
    bench.text("tls.crt", Later(certificate) if later else certificate)
    bench.text("tls.key", Secret(key), mode="0600")
    return key


def served(systemd: Container) -> str:
    """The serial number that a client sees."""
    return systemd.run(f"openssl s_client -connect {AT} </dev/null 2>/dev/null | openssl x509 -noout -serial").strip()


@pytest.mark.parametrize(("program", "restarts"), [(REREADS, False), (KEEPS, True)], ids=["rereads", "keeps"])
def test_self_reload_restarts_only_a_unit_that_serves_the_old_certificate(
    remote: Bench, systemd: Container, program: str, restarts: bool
) -> None:
    wants(remote, 0x1001)
    unit = (
        f"[Service]\nExecStart={program}\nRestart=always\nStandardInput=null\n[Install]\nWantedBy=multi-user.target\n"
    )
    remote.files[FILE] = {"content": unit, "mode": "0644", "owner": "root", "group": "root"}
    certificate = "/etc/proof/tls.crt"
    remote.extra = {
        "units": {UNIT: {"enabled": True, "active": True}},
        "reactions": [
            {"unit": UNIT, "action": "restart", "files": [FILE]},
            {
                "unit": UNIT,
                "action": "self-reload",
                "files": [certificate, "/etc/proof/tls.key"],
                "servedAt": AT,
                "certificate": certificate,
            },
        ],
    }
    remote.up()
    assert served(systemd) == "serial=1001"
    before = systemd.started(UNIT)
    key = wants(remote, 0x2002, later=True)
    shown = remote.preview(refresh=False)
    assert (
        "n1: tls.service rereads its files by itself because /etc/proof/tls.crt, /etc/proof/tls.key change; "
        f"it restarts only if {AT} still serves the old certificate"
    ) in shown
    assert "[secret]" in shown
    assert systemd.started(UNIT) == before
    remote.printed.clear()
    remote.up()
    said = "\n".join(remote.printed)
    assert served(systemd) == "serial=2002"
    assert (systemd.started(UNIT) != before) is restarts
    restarted = f"n1: restarting tls.service because {AT} still serves the old certificate"
    reread = f"n1: tls.service serves its new certificate at {AT}: no restart was needed"
    assert (restarted in said) is restarts
    assert (reread in said) is not restarts
    for line in key.splitlines()[1:-1]:
        assert line not in said + shown + remote.state()


def test_self_reload_without_a_certificate_is_rolled_back(remote: Bench, systemd: Container) -> None:
    wants(remote, 0x1001)
    remote.files[FILE] = {
        "content": "[Service]\nExecStart=/bin/sleep infinity\n",
        **{"mode": "0644", "owner": "root", "group": "root"},
    }
    reaction = {"unit": UNIT, "action": "self-reload", "files": ["/etc/proof/tls.crt"]}
    remote.extra = {
        "units": {UNIT: {"enabled": False, "active": True}},
        "reactions": [{**reaction, "servedAt": AT, "certificate": "/etc/proof/tls.crt"}],
    }
    remote.up()
    good, before = systemd.run("cat /etc/proof/tls.crt"), systemd.started(UNIT)
    remote.text("tls.crt", "no certificate\n")
    failure = remote.fails()
    assert "n1: /etc/proof/tls.crt is no certificate in PEM, and tls.service has to serve it" in failure
    assert "n1: the previous files were put back" in failure
    assert "tls.service restarted" not in failure, "it was not restarted, so there is nothing to undo"
    assert systemd.started(UNIT) == before
    assert systemd.run("cat /etc/proof/tls.crt") == good
