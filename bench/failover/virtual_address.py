"""A virtual address for the API of kubeadm's cluster, as kubeadm's documentation on load balancing has it: keepalived on the hosts."""

from __future__ import annotations

from pathlib import Path

from bench.up import files
from bench.up.hosts import Hosts
from builder.cache import cached, digest
from builder.process import run
from lab import rootfs

ADDRESS = "10.78.0.100"
ROUTER = 51
PACKAGE = "keepalived"
FOLDER = "bench/keepalived"
CHECK = """#!/bin/sh
curl -sfk --max-time 2 https://localhost:6443/healthz -o /dev/null
"""


def packages() -> Path:
    """A folder with keepalived and what the hosts' Debian lacks of its dependencies. Raises UserError."""
    root = rootfs.ensure()

    def download(into: Path) -> None:
        (into / "partial").mkdir()
        options = {
            "Dir::State::status": root / "var/lib/dpkg/status",
            "Dir::Cache::archives": into,
            "Debug::NoLocking": 1,
        }
        flags = [flag for name, value in options.items() for flag in ("-o", f"{name}={value}")]
        run(["apt-get", *flags, "install", "--yes", "--download-only", "--no-install-recommends", PACKAGE])

    return cached(f"bench/{PACKAGE}-{digest(str(root))}", download)


def install(hosts: Hosts) -> None:
    """Installs and starts keepalived on the control-plane nodes; the first one has the address. Raises Failed."""
    # Their own names have signs that a URL cannot have.
    names = {f"{number}.deb": file for number, file in enumerate(sorted(packages().glob("*.deb")))}
    files.serve(hosts, {f"{FOLDER}/{name}": file for name, file in names.items()})
    fetched = [files.Fetched(f"{FOLDER}/{name}", f"/run/bench/{name}", "0644") for name in names]
    script = files.fetching(fetched) + "DEBIAN_FRONTEND=noninteractive dpkg --install /run/bench/*.deb >/dev/null\n"
    hosts.each(
        {
            host: script
            + files.writing(
                {"/etc/keepalived/keepalived.conf": configuration(number), "/etc/keepalived/check.sh": CHECK}
            )
            + "chmod 0755 /etc/keepalived/check.sh\nsystemctl restart keepalived.service\n"
            for number, host in enumerate(hosts.control_plane)
        }
    )
    seen = f"timeout 30 sh -c 'until ip -4 address show dev host0 | grep -q {ADDRESS}/; do sleep 0.2; done'\n"
    hosts.root(hosts.control_plane[0], seen)


def configuration(number: int) -> str:
    """keepalived's configuration on a control-plane node. Intervals and weights are those of kubeadm's documentation."""
    state, priority = ("MASTER", 101) if number == 0 else ("BACKUP", 100)
    return f"""global_defs {{
    router_id LVS_DEVEL
    script_user root
    enable_script_security
}}
vrrp_script check_apiserver {{
    script "/etc/keepalived/check.sh"
    interval 3
    weight -2
    fall 10
    rise 2
}}
vrrp_instance VI_1 {{
    state {state}
    interface host0
    virtual_router_id {ROUTER}
    priority {priority}
    authentication {{
        auth_type PASS
        auth_pass 42
    }}
    virtual_ipaddress {{
        {ADDRESS}/24
    }}
    track_script {{
        check_apiserver
    }}
}}
"""
