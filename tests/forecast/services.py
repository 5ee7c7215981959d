"""Small services beside Kubernetes, one for each way in which a unit follows its files, in wire form."""

from __future__ import annotations

from typing import Any

from nodestate.schema import four_digits
from tests.forecast.hosts import MIRROR, VARIANT
from tests.forecast.rendered import Issuer

FOLDER = "/etc/forecast"
UNITS = "/etc/systemd/system"
TOOL = "/opt/forecast/tool"
RELOADS = "/run/forecast-reloads"
WEB, IDLE, TOOL_UNIT, SETTING, ROUTE, REREADS, KEEPS = (
    f"{name}.service" for name in ("web", "idle", "tool", "setting", "testroute", "rereads", "keeps")
)
RESOLVED = "systemd-resolved.service"
PORTS = {REREADS: 18443, KEEPS: 18444}
ROUTED = "198.51.100.0/24"
WEB_PROGRAM = f"""#!/bin/sh
. {FOLDER}/web.conf
[ "$WORD" != broken ] || exit 1
exec sleep infinity
"""


def unit(start: str, *more: str) -> str:
    """The text of a unit's file."""
    return "\n".join(["[Service]", f"ExecStart={start}", *more, "[Install]", "WantedBy=multi-user.target", ""])


def text(content: str, mode: str = "0644") -> dict[str, Any]:
    """A file of root with this content."""
    return {"content": content, "mode": mode, "owner": "root", "group": "root"}


def folder(mode: str = "0755") -> dict[str, Any]:
    """A directory of root."""
    return {"mode": four_digits(mode), "owner": "root", "group": "root"}


def download(number: int, checksum: str) -> dict[str, Any]:
    """One version of the program that tool.service runs."""
    source = {"url": f"{MIRROR}/{VARIANT}/tool-{number}", "sha256": checksum}
    return {"source": source, "mode": "0755", "owner": "root", "group": "root"}


def tls(name: str) -> tuple[str, str]:
    """The paths of the certificate and key that a TLS service serves."""
    stem = f"{FOLDER}/{name.removesuffix('.service')}"
    return f"{stem}.crt", f"{stem}.key"


def _server(name: str) -> str:
    certificate, key = tls(name)
    return f"openssl s_server -quiet -accept 127.0.0.1:{PORTS[name]} -cert {certificate} -key {key} -www"


def services(issuer: Issuer, checksum: str) -> dict[str, Any]:
    """The component with all of them: restart, reload, reread, no reaction, a download, a probe."""
    once = ("Type=oneshot", "RemainAfterExit=yes")
    units = {
        # A failed start is repeated: a broken configuration is a crash loop.
        WEB: unit(f"{FOLDER}/web", f"ExecReload=/bin/sh -c 'echo {WEB} >>{RELOADS}'", "Restart=always", "RestartSec=2"),
        IDLE: unit("/bin/sleep infinity"),
        TOOL_UNIT: unit(TOOL, "Restart=always"),
        SETTING: unit("/sbin/sysctl -qw net.ipv4.conf.lo.rp_filter=2", *once),
        ROUTE: unit(f"/sbin/ip route replace blackhole {ROUTED} proto 113", *once),
        # One connection per process: each reads the certificate again, as a program that rereads it does.
        REREADS: unit(
            f"/bin/sh -c 'while :; do {_server(REREADS)} -naccept 1; done'", "Restart=always", "StandardInput=null"
        ),
        KEEPS: unit(f"/usr/bin/{_server(KEEPS)}", "Restart=always", "StandardInput=null"),
    }
    files = {f"{UNITS}/{name}": text(content) for name, content in units.items()}
    files |= {
        f"{FOLDER}/web": text(WEB_PROGRAM, "0755"),
        f"{FOLDER}/web.conf": text("WORD=one\n"),
        f"{FOLDER}/web.reread": text("1\n"),
        f"{FOLDER}/key": text("not-a-key-0\n", "0600"),
        f"{FOLDER}/note": text("no reaction\n"),
        f"{FOLDER}/shared": {"content": "managed 1\n", "block": True},
        f"{UNITS}/{WEB}.d/10-own.conf": text("[Service]\nEnvironment=OWN=1\n"),
        TOOL: download(0, checksum),
    }
    for name in PORTS:
        pair = issuer.leaf(name)
        files |= {path: text(content, "0600") for path, content in zip(tls(name), pair, strict=True)}
    return {
        "machineId": "first",
        "directories": {FOLDER: folder("0750")},
        "files": files,
        "units": {name: {"enabled": True, "active": True} for name in units},
        "reactions": [
            _restart(WEB, f"{FOLDER}/web", f"{FOLDER}/web.conf", f"{UNITS}/{WEB}.d/10-own.conf"),
            {"unit": WEB, "action": "reload", "files": [f"{FOLDER}/web.reread"]},
            _restart(IDLE),
            _restart(TOOL_UNIT, TOOL),
            _restart(SETTING),
            _restart(ROUTE),
            *(_restart(name) for name in PORTS),
            *(
                {
                    "unit": name,
                    "action": "self-reload",
                    "files": list(tls(name)),
                    "servedAt": f"127.0.0.1:{port}",
                    "certificate": tls(name)[0],
                }
                for name, port in PORTS.items()
            ),
        ],
        "readiness": [],
        "probes": {
            "rp-filter": {"command": "sysctl -n net.ipv4.conf.lo.rp_filter", "expected": "2", "unit": SETTING},
            "test-route": {
                "command": f"ip route show {ROUTED} | sed 's/ *$//'",
                "expected": f"blackhole {ROUTED} proto 113",
                "unit": ROUTE,
            },
        },
    }


def other() -> dict[str, Any]:
    """A second component of the same node, with a unit that the operating system brings."""
    return {
        "machineId": "first",
        "directories": {f"{FOLDER}-other": folder()},
        "files": {f"{FOLDER}-other/note": text("other\n")},
        "units": {RESOLVED: {"enabled": True, "active": True}},
        "reactions": [{"unit": RESOLVED, "action": "restart", "files": [f"{FOLDER}-other/note"]}],
        "readiness": [],
    }


def _restart(name: str, *files: str) -> dict[str, Any]:
    return {"unit": name, "action": "restart", "files": [*files, f"{UNITS}/{name}"]}
