"""The site's settings in the plan: levels, texts, reactions and probes."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from cluster.config.load import load_config
from cluster.config.stack_file import secret_paths
from cluster.node import site
from cluster.plan import plan
from cluster.step import NodeStateStep
from nodestate import Action, NodeState, Reaction, Secret
from tests import clusters
from tests.unit.keys import certificate

LEVELS: dict[str, Any] = {
    "files": {"/etc/motd": {"content": "all\n"}, "/etc/all": {"content": "all\n"}},
    "sysctls": {"net.core.somaxconn": 4096, "net.ipv4.tcp_rmem": "4096  131072 6291456"},
    "kernelModules": ["br_netfilter"],
    "roles": {
        "worker": {
            "files": {"/etc/motd": {"template": "{{ node.name }} of {{ cluster.nodes | length }}\n"}, "/etc/all": None},
            "kernelModules": ["overlay"],
        }
    },
}


def states(folder: Path, values: dict[str, Any]) -> dict[str, NodeState]:
    """The state of the site per node that has one."""
    return {
        step.node: step.state
        for step in plan(clusters.load(folder, values)).steps
        if isinstance(step, NodeStateStep) and step.component == site.COMPONENT
    }


def with_site(levels: dict[str, Any], **nodes: dict[str, Any]) -> dict[str, Any]:
    values = clusters.values() | {"site": levels}
    for name, one in nodes.items():
        values["nodes"][name]["site"] = one
    return values


def texts(state: NodeState) -> dict[str, str | None]:
    return {path: file.text for path, file in state.files.items()}


def test_no_site_is_no_step(tmp_path: Path) -> None:
    assert states(tmp_path, clusters.values()) == {}
    assert states(tmp_path, with_site({"roles": {"worker": {}}}, w1={"files": {}})) == {}


def test_narrower_level_replaces_and_removes(tmp_path: Path) -> None:
    found = states(tmp_path, with_site(LEVELS, m2={"files": {"/etc/motd": None}}))
    assert texts(found["m1"])["/etc/motd"] == texts(found["m1"])["/etc/all"] == "all\n"
    assert "/etc/motd" not in found["m2"].files
    assert texts(found["w1"])["/etc/motd"] == "w1 of 4\n"
    assert "/etc/all" not in found["w1"].files
    assert texts(found["w1"])["/etc/modules-load.d/95-site.conf"] == "br_netfilter\noverlay\n"


def test_site_is_in_place_before_the_runtime(tmp_path: Path) -> None:
    values = with_site({}, w1={"files": {"/etc/motd": {"content": "a"}}})
    steps = {step.name: step for step in plan(clusters.load(tmp_path, values)).steps}
    assert "w1-site" in {edge.step for edge in steps["w1-runtime"].after}
    assert "m1-site" not in steps


def test_kernel_settings_have_one_form(tmp_path: Path) -> None:
    state = states(tmp_path, with_site(LEVELS))["m1"]
    settings = "net.core.somaxconn = 4096\nnet.ipv4.tcp_rmem = 4096 131072 6291456\n"
    assert texts(state)["/etc/sysctl.d/95-site.conf"] == settings
    assert state.probes["site-sysctls"].expected == settings.rstrip("\n")
    assert Reaction(site.SYSCTL, Action.RESTART, ("/etc/sysctl.d/95-site.conf",)) in state.reactions


@pytest.mark.parametrize(("name", "path"), [
    ("net.core.somaxconn", "net/core/somaxconn"),
    ("net.ipv4.conf.eth0/1.rp_filter", "net/ipv4/conf/eth0.1/rp_filter"),
    ("net/ipv4/conf/eth0.1/rp_filter", "net/ipv4/conf/eth0.1/rp_filter"),
])  # fmt: skip
def test_kernel_setting_is_read_where_sysctl_reads_it(name: str, path: str) -> None:
    assert site._proc(name) == path


def test_probe_prints_the_values_of_this_kernel(tmp_path: Path) -> None:
    """One setting with several values, and one that no kernel has."""
    value = " ".join(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    values = with_site({"sysctls": {"net.ipv4.ip_local_port_range": value, "net.none.such": 1}})
    probe = states(tmp_path, values)["w1"].probes["site-sysctls"]
    printed = subprocess.run(["sh", "-c", probe.command], check=True, capture_output=True, text=True).stdout
    assert printed == (f"net.ipv4.ip_local_port_range = {value}\nnet.none.such = (this kernel has no such setting)\n")


def test_probe_names_a_module_that_is_not_loaded(tmp_path: Path) -> None:
    loaded = next(one.name for one in sorted(Path("/sys/module").iterdir()))
    probe = states(tmp_path, with_site({"kernelModules": [loaded, "no-such-module"]}))["w1"].probes["site-modules"]
    printed = subprocess.run(["sh", "-c", probe.command], check=True, capture_output=True, text=True).stdout
    assert printed == f"{loaded}\nno-such-module is not loaded\n"


def test_file_system_of_this_kernel_counts_as_loaded(tmp_path: Path) -> None:
    """Most have no folder below /sys/module, in a kernel without loadable modules or in a container."""
    known = [line.split()[-1] for line in Path("/proc/filesystems").read_text().splitlines()]
    name = next(one for one in known if one.isalnum() and not Path("/sys/module", one).exists())
    probe = states(tmp_path, with_site({"kernelModules": [name]}))["w1"].probes["site-modules"]
    printed = subprocess.run(["sh", "-c", probe.command], check=True, capture_output=True, text=True)
    assert (printed.stdout, printed.stderr) == (f"{name}\n", "")


def test_reactions_of_files_and_units(tmp_path: Path) -> None:
    levels = {
        "files": {
            "/etc/a.conf": {"content": "a", "restart": ["a.service"]},
            "/etc/b.conf": {"content": "b", "restart": ["a.service"], "reload": ["ssh.service"]},
        },
        "units": {"a.service": {"content": "[Service]\nExecStart=/bin/true\n"}, "b.timer": {"active": False}},
    }
    state = states(tmp_path, with_site(levels))["w1"]
    assert set(state.reactions) == {
        Reaction("a.service", Action.RESTART, ("/etc/a.conf", "/etc/b.conf")),
        Reaction("ssh.service", Action.RELOAD, ("/etc/b.conf",)),
        Reaction("a.service", Action.RESTART, ("/etc/systemd/system/a.service",)),
    }
    assert state.units.keys() == {"a.service", "b.timer"}
    assert (state.units["b.timer"].enabled, state.units["b.timer"].active) == (True, False)


def test_secret_content_stays_a_secret(tmp_path: Path) -> None:
    """Only the one that the stack file encrypts; its template is rendered, and it is readable by root only."""
    values = with_site({"files": {"/etc/a": {"template": "{{ node.name }}: hunter2"}, "/etc/b": {"content": "plain"}}})
    clusters.load(tmp_path)
    stack = tmp_path / "Pulumi.trial.yaml"
    stack.write_text(
        "config: {'plumbline:site': {files: {/etc/a: {template: {secure: v1:x}}, /etc/b: {content: plain}}}}\n"
    )
    secrets = secret_paths(stack, {"site": values["site"]})
    assert secrets == {"site.files./etc/a.template"}
    planned = plan(load_config(values, tmp_path, secrets=secrets))
    [state] = [step.state for step in planned.of_node("w1") if step.component == site.COMPONENT]
    assert state.files["/etc/a"].content == Secret("w1: hunter2")
    assert (state.files["/etc/a"].mode, state.files["/etc/b"].mode) == ("0600", "0644")
    assert "hunter2" not in repr(planned)


def test_secrets_of_another_stack_file_are_secret_as_a_whole(tmp_path: Path) -> None:
    assert secret_paths(tmp_path / "none.yaml", {"site": {}}) == {"site"}
    stack = tmp_path / "Pulumi.trial.yaml"
    stack.write_text("config: {'plumbline:site': {files: {/etc/b: {content: {secure: v1:x}}}}}\n")
    assert secret_paths(stack, {"site": {"files": {"/etc/b": {"content": "b"}}}}) == {"site.files./etc/b.content"}
    assert secret_paths(stack, {"site": {"files": {"/etc/a": {"content": "hunter2"}}}}) == {"site"}
    values = with_site({"files": {"/etc/a": {"content": "hunter2"}}})
    clusters.load(tmp_path)
    assert "hunter2" not in repr(plan(load_config(values, tmp_path, secrets=["site"])))


def test_encrypted_content_is_not_known(tmp_path: Path) -> None:
    """`make graph` reads the stack file without the engine."""
    values = with_site({"files": {"/etc/a": {"content": {"secure": "v1:x"}}}})
    content = states(tmp_path, values)["w1"].files["/etc/a"].content
    assert isinstance(content, Secret)
    assert not content.known


TYPED: dict[str, Any] = {
    "timeServers": ["ntp.example", "192.0.2.123"],
    "resolvers": ["192.0.2.53", "192.0.2.54"],
    "hosts": {"registry.example": "192.0.2.5"},
    "roles": {"worker": {"resolvers": ["192.0.2.55"], "hosts": {"registry.example": "192.0.2.6"}}},
}


def test_narrowest_list_counts(tmp_path: Path) -> None:
    found = states(tmp_path, with_site(TYPED))
    for node, servers in (("m1", "192.0.2.53 192.0.2.54"), ("w1", "192.0.2.55")):
        path = "/etc/systemd/resolved.conf.d/95-site.conf"
        assert texts(found[node])[path] == f"[Resolve]\nDNS={servers}\nDomains=~.\n"
        assert found[node].probes["site-resolvers"].expected == servers


def test_time_servers_are_those_of_both_programs(tmp_path: Path) -> None:
    state = states(tmp_path, with_site(TYPED))["w1"]
    assert texts(state)["/etc/systemd/timesyncd.conf.d/95-site.conf"] == "[Time]\nNTP=ntp.example 192.0.2.123\n"
    assert texts(state)["/etc/chrony/sources.d/95-site.sources"] == (
        "server ntp.example iburst\nserver 192.0.2.123 iburst\n"
    )
    assert site.TIME in state.units


def test_hosts_are_lines_of_the_program_s_block(tmp_path: Path) -> None:
    """They come after those of the internal endpoint, and restart nothing."""
    planned = plan(clusters.load(tmp_path, with_site(TYPED)))
    for node, address in (("m1", "192.0.2.5"), ("w1", "192.0.2.6")):
        [state] = [one.state for one in planned.of_node(node) if one.component == "kubelet"]
        lines = (state.files["/etc/hosts"].text or "").splitlines()
        assert lines[-1] == f"{address} registry.example"
        assert lines[0].endswith(" api.golden.cluster.local")
        assert not [one for one in state.reactions if "/etc/hosts" in one.files]


def test_trusted_ca_restarts_containerd_on_its_nodes(tmp_path: Path) -> None:
    pem = certificate()
    planned = plan(clusters.load(tmp_path, with_site({"roles": {"worker": {"trustedCAs": {"site": pem}}}})))
    runtime = {
        node: step.state for node in ("m1", "w1") for step in planned.of_node(node) if step.component == "runtime"
    }
    path = "/etc/plumbline-trusted-cas/site.crt"
    assert path not in runtime["m1"].files
    assert runtime["w1"].files[path].text == pem
    units = {one.unit for one in runtime["w1"].reactions if path in one.files}
    assert units == {"plumbline-trusted-cas.service", "containerd.service"}
