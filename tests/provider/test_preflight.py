"""The preflight on four container hosts: faults planted on them, each named with node and remedy before anything is written."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pulumi
import pytest
from pulumi import automation

from cluster import preflight
from cluster.config.model import Cluster
from lab import hosts, keys, netns
from lab.context import Lab
from lab.stack import Host
from nodestate import Connection, Secret
from provider.preflight import Result, Target, examine
from provider.ssh import SshPool
from tests import clusters
from tests.provider.conftest import ROOT, Bench
from tests.provider.container import Container

ADDRESSES = {"m1": "10.78.0.11", "m2": "10.78.0.12", "m3": "10.78.0.13", "w1": "10.78.0.21"}
STAND_IN = "printf '#!/bin/sh\\n%s\\n' {text} >/usr/local/bin/{name}; chmod 755 /usr/local/bin/{name}"


def stand_in(name: str, text: str) -> str:
    return STAND_IN.format(name=name, text=shlex.quote(text))


FAULTS: dict[str, tuple[str, str, str, str]] = {
    # fault: (host, script that plants it, check, words of the finding or its remedy)
    "architecture": ("m1", stand_in("uname", "echo riscv64"), "architecture", "riscv64"),
    "missing tool": ("m1", "mv /usr/sbin/nft /usr/sbin/nft.away", "tools", "install nft"),
    "no resolved": ("m1", "rm -rf /run/systemd/resolve", "resolver", "enable systemd-resolved"),
    "cloud-init": (
        "m1",
        "mkdir -p /etc/cloud; echo 'manage_etc_hosts: true' >/etc/cloud/cloud.cfg",
        "cloud-init",
        "manage_etc_hosts: false",
    ),
    "swap": (
        "m1",
        "printf 'Filename\\n/swapfile file 1 0 -2\\n' >/run/swaps; mount --bind /run/swaps /proc/swaps",
        "swap",
        "swapoff -a",
    ),
    "read-only folder": ("m2", "mkdir -p /opt; mount -t tmpfs -o ro tmpfs /opt", "writable", "mount /opt read-write"),
    "other kubelet": (
        "m2",
        "printf '[Service]\\nExecStart=/bin/sleep infinity\\n' >/run/systemd/system/k3s.service; systemctl start k3s",
        "services",
        "systemctl disable --now k3s.service",
    ),
    "clock": (
        "m2",
        stand_in("date", 'case "$1" in +%s) echo $(($(/bin/date +%s) - 7200)) ;; *) exec /bin/date "$@" ;; esac'),
        "clock",
        "s behind this computer",
    ),
    "slow disk": ("m2", stand_in("dd", "sleep 3"), "sync", "etcd loses its leader"),
    "noexec": ("m3", "mkdir -p /opt/bin; mount -t tmpfs -o noexec tmpfs /opt/bin", "writable", "without noexec"),
    "disk full": ("m3", "mkdir -p /opt/bin; mount -o remount,size=64m /opt/bin", "disk", "64 MiB free"),
    "port in use": (
        "m3",
        "printf '[Socket]\\nListenStream=10250\\nAccept=yes\\n' >/run/systemd/system/held.socket\n"
        "printf '[Service]\\nExecStart=/bin/true\\n' >/run/systemd/system/held@.service; systemctl start held.socket",
        "port",
        "10250 is used by systemd",
    ),
    "name of the API": ("m3", "echo '192.0.2.9 api.golden.cluster.local' >>/etc/hosts", "hosts", "as 192.0.2.9"),
    "mtu": ("w1", "ip link set host0 mtu 1400", "mtu", "mtu to 1500"),
    "doubled machine id": (
        "w1",
        "chmod u+w /etc/machine-id; echo {machine} >/etc/machine-id",
        "machine-id",
        "the same as m1",
    ),
    "memory": (
        "w1",
        "echo 'MemTotal: 400000 kB' >/run/meminfo; mount --bind /run/meminfo /proc/meminfo",
        "memory",
        "more memory",
    ),
    "firewall": (
        "w1",
        "nft add table inet t; nft add chain inet t i '{{ type filter hook input priority 0; }}'\n"
        "nft add rule inet t i ip saddr 10.78.0.12 tcp dport 10250 drop",
        "reach",
        "port 10250 of w1 (10.78.0.21)",
    ),
}
REACHED_FROM = {"firewall": "m2"}
"""The node that a fault is named for, if it is not the one that has it."""


class Machines:
    """Four booted hosts and what the cluster needs of them."""

    def __init__(self, lab: Lab, cluster: Cluster) -> None:
        self.lab, self.cluster = lab, cluster

    def run(self, name: str, script: str) -> str:
        login = keys.login(self.lab, ADDRESSES[name], f"sudo -n sh -euc {shlex.quote(script)}")
        done = subprocess.run(
            netns.enter(self.lab, login),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, f"{name}: {script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def examine(self, **changed: str) -> Result:
        """Runs the preflight from inside the hosts' network; `changed` replaces lines of the variables."""
        key = Secret(keys.user_key(self.lab).read_text())
        targets = {}
        for node in self.cluster.nodes:
            public = (self.lab.hosts / node.name / "ssh_host_ed25519_key.pub").read_text()
            connection = Connection(str(node.address), key, " ".join(public.split()[:2]), user="core")
            needed = preflight.host_check(self.cluster, node)
            lines = "".join(f"{name}={shlex.quote(value)}\n" for name, value in changed.items())
            targets[node.name] = Target(connection, str(node.address), needed.variables + lines, needed.dialled)

        async def asked() -> Result:
            pool = SshPool()
            try:
                return await examine(targets, preflight.script(), pool)
            finally:
                await pool.close()

        return netns.call(self.lab, lambda: asyncio.run(asked()))


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    project = tmp_path_factory.mktemp("preflight")
    lab = Lab(project, f"preflight-{os.getpid()}")
    netns.ensure(lab)
    try:
        hosts.up(lab, [Host(name, IPv4Address(address)) for name, address in ADDRESSES.items()])
        yield Machines(lab, _cluster(project, lab))
    finally:
        hosts.down(lab)
        netns.remove(lab)


def _cluster(project: Path, lab: Lab) -> Cluster:
    """The cluster of the hosts; its configuration is also written, as that of the stack `proof`."""
    values = clusters.values()
    (project / "id").write_text(keys.user_key(lab).read_text())
    (project / "id").chmod(0o600)
    values["machines"] = {"source": "existing", "ssh": {"user": "core", "privateKeyFile": "id"}}
    for name, address in ADDRESSES.items():
        values["nodes"][name]["address"] = address
        values["nodes"][name]["ssh"] = {"hostKeyFile": f".lab/hosts/{name}/ssh_host_ed25519_key.pub"}
    values["kubelet"] |= {"failCgroupV1": False}
    configuration = {"config": {f"plumbline:{key}": value for key, value in values.items()}}
    (project / "Pulumi.proof.yaml").write_text(json.dumps(configuration))
    return clusters.load(project, values)


def test_preflight_of_four_good_hosts_takes_five_seconds_at_most(machines: Machines) -> None:
    begun = time.monotonic()
    result = machines.examine()
    took = time.monotonic() - begun
    print(f"4 hosts: {took:.2f} s")
    assert [str(one) for one in result.findings if one.status == "fail"] == []
    assert {one.node for one in result.findings} == ADDRESSES.keys() == result.fresh
    assert took <= 5


def test_doctor_prints_a_table_of_the_stack_before_its_first_up(machines: Machines) -> None:
    command = [sys.executable, "-m", "status.doctor", "proof"]

    def doctor() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            netns.enter(machines.lab, command),
            cwd=machines.lab.project,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )

    good = doctor()
    assert good.returncode == 0, good.stdout + good.stderr
    head, *rows, summary = good.stdout.splitlines()
    assert head.split()[:2] == ["NODE", "CHECK"]
    assert {row.split()[0] for row in rows} == ADDRESSES.keys()
    assert summary == "nothing is missing"
    machines.run("w1", "mv /usr/bin/tar /usr/bin/tar.away")
    try:
        bad = doctor()
    finally:
        machines.run("w1", "mv /usr/bin/tar.away /usr/bin/tar")
    assert bad.returncode == 1
    assert "install tar" in bad.stdout
    assert bad.stdout.splitlines()[-1] == "1 to fix on w1"


def test_preflight_refuses_cgroup_v1_unless_the_kubelet_may_use_it(machines: Machines) -> None:
    version = machines.run("m1", "stat -fc %T /sys/fs/cgroup").strip()
    named = {one.node for one in machines.examine(cgroup="2").failures(list(ADDRESSES)) if one.check == "cgroup"}
    assert named == (set() if version == "cgroup2fs" else ADDRESSES.keys())


def test_preflight_names_every_planted_fault_with_node_and_remedy(machines: Machines) -> None:
    machine = machines.run("m1", "cat /etc/machine-id").strip()
    for host, script, _, _ in FAULTS.values():
        machines.run(host, script.replace("{machine}", machine).replace("{{", "{").replace("}}", "}"))
    for host in ADDRESSES:
        machines.run(host, "touch /run/before")
    begun = time.monotonic()
    failures = machines.examine().failures(list(ADDRESSES))
    took = time.monotonic() - begun
    rows, missing = [], []
    for fault, (host, _, check, words) in FAULTS.items():
        node = REACHED_FROM.get(fault, host)
        found = [
            one for one in failures if one.node == node and one.check == check and words in str(one) and one.remedy
        ]
        rows.append(f"{fault:20} {node}  {found[0].check if found else 'NOT NAMED'}")
        missing += [] if found else [fault]
    print("\n".join(rows), f"\n{len(FAULTS)} faults on 4 hosts: {took:.2f} s")
    assert not missing, "\n".join(map(str, failures))
    written = "find / -xdev -newer /run/before -type f -not -path '/var/log/*' -not -path '/proc/*' -not -path '/run/*'"
    for host in ADDRESSES:
        assert machines.run(host, written) == ""


class Refused(Bench):
    """A stack of one NodeState that waits for the preflight of its host and of further ones."""

    needs = "resolver=/run/none\n"

    def _program(self) -> None:
        [connection] = self.connections.values()
        found = {**connection, "privateKey": pulumi.Output.secret(connection["privateKey"])}
        node = {"connection": found, "address": "10.78.0.11", "variables": VARIABLES + self.needs, "ports": []}
        first = pulumi.CustomResource(
            "plumbline:index:Preflight", "preflight", {"nodes": {"n1": node}, "script": preflight.script()}
        )
        pulumi.CustomResource(
            "plumbline:index:NodeState",
            "n1-proof",
            {"node": "n1", "connection": found, "files": {"/etc/proof/a": {"content": "a"}}, "revision": None},
            pulumi.ResourceOptions(depends_on=[first]),
        )


VARIABLES = (
    "architectures=x86_64 cgroup= tools=sh folders=/etc programs=/opt/bin disk=/var/lib=1 memory=1 ports=22 swap= sync=\n"
    "etcd_data=/var/lib/etcd address=10.78.0.11 api=api.none resolver=\n"
)


def test_preflight_holds_a_port_that_only_old_nodes_cannot_reach_against_the_new_one(machines: Machines) -> None:
    """m2 cannot reach w1, after the faults above: adding w1 is refused, and another node is not."""
    result = machines.examine()
    assert any(one.node == "m2" and "w1" in one.about for one in result.failures(["w1"]))
    assert not any(one.check == "reach" for one in result.failures(["m3"]))


def test_preflight_refuses_preview_and_up_before_the_first_write(tmp_path: Path, systemd: Container) -> None:
    # Other tests may have left folders of the provider on this machine, without files.
    everything = "find /etc/proof /var/lib/plumbline 2>/dev/null | sort"
    before = systemd.run(everything)
    assert "/etc/proof" not in before
    stack = Refused(tmp_path / "bench", {"n1": systemd}, Path("/etc/proof"))
    for printed in (_failing_preview(stack), stack.fails()):
        assert "n1: resolver: no /run/none; needed: /run/none: enable systemd-resolved" in printed
        assert "n1: port: 22 is used by" in printed
        assert "nothing was written to any host" in printed
    assert systemd.run(everything) == before
    stack.needs = "ports=\n"
    stack.up()
    # The text of the check is no difference: it does not run again on a host that it has passed.
    stack.needs = "resolver=/run/none\n"
    assert "n1: resolver" not in stack.preview()
    assert stack.up() == {"same": 3}
    stack.destroy()
    systemd.run("rmdir /etc/proof")  # made for the file, and not declared


def _failing_preview(stack: Bench) -> str:
    with pytest.raises(automation.CommandError) as raised:
        stack.preview()
    return str(raised.value)
