"""A service to manage: it answers with a word of its configuration as it was when it started."""

from __future__ import annotations

from tests.provider.conftest import MARKER, Bench, Secret
from tests.provider.container import Container

UNIT = "proof.service"
FILE = f"/etc/systemd/system/{UNIT}"
OTHER = "bystander.service"
OWNED = {"owner": "root", "group": "root", "mode": "0644"}
URL = "http://127.0.0.1:18080/"
PROGRAM = """#!/bin/sh
. /etc/proof/server.conf
[ "$WORD" != broken ] || { echo "bad word: $WORD, key $(cat /etc/proof/key)"; exit 1; }
printf 'HTTP/1.0 200 OK\\r\\n\\r\\n%s' "$WORD" >/run/proof-answer
# Reads the request before it answers: socat prints no answer while a request is unread.
exec socat TCP-LISTEN:18080,reuseaddr,fork SYSTEM:'sed -un /^.$/q; cat /run/proof-answer'
"""
SERVICE = """[Service]
ExecStart=/etc/proof/server
ExecReload=/bin/touch /run/proof-reloaded
Restart=always
RestartSec=1
[Install]
WantedBy=multi-user.target
"""
SLEEPER = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"


def serve(bench: Bench) -> None:
    """Brings up a service with a program, a configuration, a key and a file that it rereads; and a service without reactions to them."""
    bench.text("server", PROGRAM, mode="0755")
    bench.text("server.conf", "WORD=one\n")
    bench.text("reread.conf", "1\n")
    bench.text("key", Secret(f"{MARKER}-key\n"), mode="0600")
    bench.files[FILE] = {"content": SERVICE, **OWNED}
    bench.files[f"/etc/systemd/system/{OTHER}"] = {"content": SLEEPER, **OWNED}
    bench.extra = {
        "units": {UNIT: {"enabled": True, "active": True}, OTHER: {"enabled": True, "active": True}},
        "reactions": [
            {"unit": UNIT, "action": "restart", "files": ["/etc/proof/server", "/etc/proof/server.conf", FILE]},
            {"unit": UNIT, "action": "reload", "files": ["/etc/proof/reread.conf"]},
            {"unit": OTHER, "action": "restart", "files": [f"/etc/systemd/system/{OTHER}"]},
        ],
        "readiness": [{"unit": UNIT, "http": URL, "timeout": 20}],
    }
    assert bench.up() == {"create": 2}


def said(systemd: Container) -> str:
    """The service's answer."""
    return systemd.run(f"curl -fsS {URL}")
