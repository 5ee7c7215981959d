"""Files, units, kernel settings, registries and a proxy of a site, on one control-plane node and one worker."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from builder.cache import locked
from lab import parts
from tests.e2e.api import Kubectl
from tests.e2e.captured import check_captured
from tests.e2e.harness import SUITE_LOCK, Project, wait_for
from tests.e2e.scenarios import second_up_writes_nothing
from tests.e2e.site.registry import ADDRESS, PORT, PROXY_PORT, URL, Servers

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]
NODES = ("m1", "w1")
UNITS = ("containerd.service", "kubelet.service")
PAUSE = parts.PAUSE_IMAGE
PASSWORDS = ["first-passphrase-4711", "second-passphrase-0815"]
SITE = "/etc/site"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The stack `hosts` with two of its nodes, and the site's settings from the start but for registries and proxy."""
    project = Project.copy(tmp_path_factory.mktemp("site") / "plumbline", "hosts")
    file = project.path / "Pulumi.hosts.yaml"
    stack = yaml.safe_load(file.read_text())
    nodes = stack["config"]["plumbline:nodes"]
    stack["config"]["plumbline:nodes"] = {name: nodes[name] for name in NODES}
    file.write_text(yaml.safe_dump(stack, sort_keys=False))
    with locked(project.path / SUITE_LOCK):
        try:
            project.make("up")
            for node in NODES:
                # Container hosts mask them: they could not change the machine's settings. Those of a network they can.
                project.ssh(node, "systemctl --quiet unmask systemd-sysctl.service systemd-modules-load.service")
            yield project
        finally:
            project.lab("down", check=False)


@pytest.fixture(scope="module")
def servers(project: Project) -> Iterator[Servers]:
    servers = Servers(project, project.path / ".lab/registry")
    try:
        servers.start()
        yield servers
    finally:
        servers.stop()


@pytest.fixture(scope="module")
def kubectl(project: Project) -> Kubectl:
    return Kubectl(project, ["m1"])


def started(project: Project) -> dict[tuple[str, str], str]:
    return {(node, unit): project.started(node, unit) for node in NODES for unit in UNITS}


def test_files_units_and_kernel_settings_in_place(project: Project) -> None:
    before = started(project)
    files = f'site.files["{SITE}/all.conf"]'
    project.set(f"{files}.content", "for all nodes\n")
    project.set(f"{files}.restart[0]", "site-clock.service")
    project.set(f'site.roles.worker.files["{SITE}/all.conf"].template', "{{ node.name }} at {{ node.address }}\n")
    project.set_text(f'nodes.w1.site.files["{SITE}/token"].content', PASSWORDS[0], secret=True)
    unit = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
    project.set('site.units["site-clock.service"].content', unit)
    project.set('site.sysctls["net.ipv4.tcp_fin_timeout"]', "31")
    preview = project.pulumi("preview", "--diff")
    assert f"{SITE}/token" in preview
    assert PASSWORDS[0] not in preview
    check_captured("site-files", project.make("preview"))
    project.pulumi("up", "--yes")
    assert project.ssh("m1", f"cat {SITE}/all.conf") == "for all nodes\n"
    assert project.ssh("w1", f"cat {SITE}/all.conf") == "w1 at 10.78.0.21\n"
    found = project.ssh("w1", f"sha256sum <{SITE}/token; stat -c '%a %U' {SITE}/token").split()
    assert found == [hashlib.sha256(PASSWORDS[0].encode()).hexdigest(), "-", "600", "root"]
    for node in NODES:
        state = project.ssh(node, "systemctl is-active site-clock.service; cat /proc/sys/net/ipv4/tcp_fin_timeout")
        assert state.split() == ["active", "31"]
    assert started(project) == before
    second_up_writes_nothing(project)


def test_drift_of_the_site_is_shown_and_repaired(project: Project) -> None:
    project.ssh("w1", f"echo by hand >{SITE}/all.conf; echo 60 >/proc/sys/net/ipv4/tcp_fin_timeout")
    report = project.make("preview")
    assert re.search(r"net\.ipv4\.tcp_fin_timeout = 60", report)
    assert "by hand" in report
    check_captured("site-drift", report)
    project.pulumi("up", "--yes")
    assert project.ssh("w1", "cat /proc/sys/net/ipv4/tcp_fin_timeout").strip() == "31"
    assert project.ssh("w1", f"cat {SITE}/all.conf") == "w1 at 10.78.0.21\n"
    second_up_writes_nothing(project)


def test_paths_of_the_program_are_refused(project: Project) -> None:
    key = 'site.files["/etc/kubernetes/kubelet.yaml"]'
    project.set(f"{key}.content", "x")
    try:
        printed = project.pulumi("preview", check=False)
        line = "site.files./etc/kubernetes/kubelet.yaml: is the program's (component kubelet): choose another path"
        assert line in printed
        assert "Traceback" not in printed
    finally:
        project.unset(key)


def test_registry_mirror_serves_each_node(project: Project, servers: Servers, kubectl: Kubectl) -> None:
    servers.set_password("puller", PASSWORDS[0])
    project.set('containerd.registries["registry.site"].server', URL)
    project.set('containerd.registries["docker.io"].mirrors[0].url', URL)
    for place in ('containerd.registries["registry.site"]', 'containerd.registries["docker.io"].mirrors[0]'):
        project.set_text(f"{place}.ca", servers.ca)
        project.set(f"{place}.username", "puller")
        project.set_text(f"{place}.password", PASSWORDS[0], secret=True)
    check_captured("registry-first", project.make("preview"))
    project.pulumi("up", "--yes")
    push(project, 1)
    pull(kubectl, 1)
    # Each node asks for the tag there; the content it has from its archives, so nothing of it is fetched.
    assert len(
        re.findall(r'"HEAD /v2/library/site-probe/manifests/1\?ns=docker\.io HTTP/1\.1" 200', servers.log("registry"))
    ) >= len(NODES)
    second_up_writes_nothing(project)


def test_changed_credential_restarts_nothing(project: Project, servers: Servers, kubectl: Kubectl) -> None:
    before = started(project)
    servers.set_password("puller", PASSWORDS[1])
    for place in ('containerd.registries["registry.site"]', 'containerd.registries["docker.io"].mirrors[0]'):
        project.set_text(f"{place}.password", PASSWORDS[1], secret=True)
    report = project.make("preview")
    assert "containerd.service" not in report
    check_captured("registry-password", report)
    project.pulumi("up", "--yes")
    assert started(project) == before
    push(project, 2)
    pull(kubectl, 2)
    second_up_writes_nothing(project)


def test_drop_in_of_others_is_named_and_kept(project: Project) -> None:
    other = "/etc/containerd/conf.d/nvidia.toml"
    bad = "[plugins.'io.containerd.cri.v1.images']\nmax_concurrent_downloads = 'five'\n"
    project.ssh("w1", f"echo 'version = 3' >{other}")
    assert f"{other} is not declared by the program" in project.pulumi("preview", "--diff")
    second_up_writes_nothing(project)
    assert project.ssh("w1", f"cat {other}") == "version = 3\n"
    before = started(project)
    project.set_text('containerd.imports["site.toml"]', bad)
    try:
        assert "containerd refuses its configuration" in project.pulumi("up", "--yes", check=False)
        assert started(project) == before
    finally:
        project.unset("containerd.imports")
        project.ssh("w1", f"rm {other}")
    second_up_writes_nothing(project)


def test_proxy_reaches_containerd_and_nothing_else(project: Project, servers: Servers, kubectl: Kubectl) -> None:
    project.set("proxy.https", f"http://{ADDRESS}:{PROXY_PORT}")
    kubelets = {node: project.started(node) for node in NODES}
    check_captured("proxy", project.make("preview"))
    project.pulumi("up", "--yes")
    assert {node: project.started(node) for node in NODES} == kubelets
    for node in NODES:
        for unit, expected in (("containerd.service", True), ("kubelet.service", False)):
            environment = project.ssh(node, f"tr '\\0' '\\n' </proc/$(systemctl show -P MainPID {unit})/environ")
            assert ("HTTPS_PROXY=" in environment) is expected, (node, unit)
            assert ("proxy" in environment.lower()) is expected, (node, unit)
        script = (
            "for one in $(pgrep 'kube-(apiserver|proxy|schedul)'); do tr '\\0' '\\n' </proc/$one/environ || true; done"
        )
        pods = project.ssh(node, script)
        assert "HTTP2_READ_IDLE_TIMEOUT_SECONDS" in pods
        assert "HTTPS_PROXY" not in pods
    push(project, 3)
    pull(kubectl, 3)
    assert servers.log("proxy").count(f"CONNECT {ADDRESS}:{PORT}\n") >= len(NODES)
    second_up_writes_nothing(project)


def test_trusted_ca_is_in_the_system_s_store(project: Project, servers: Servers) -> None:
    status = f"curl -sS -o /dev/null -w '%{{http_code}}' {URL}/v2/ 2>&1 || true"
    assert "certificate" in project.ssh("w1", status)
    before = {node: project.started(node, "containerd.service") for node in NODES}
    project.set_text("nodes.w1.site.trustedCAs.lab", servers.ca)
    project.pulumi("up", "--yes")
    assert project.ssh("w1", status) == "401"
    assert "certificate" in project.ssh("m1", status)
    after = {node: project.started(node, "containerd.service") for node in NODES}
    assert [node for node in NODES if before[node] != after[node]] == ["w1"]
    second_up_writes_nothing(project)
    project.unset("nodes.w1.site.trustedCAs")
    project.pulumi("up", "--yes")
    assert "certificate" in project.ssh("w1", status)


def test_names_and_resolvers_of_the_site(project: Project) -> None:
    before = started(project)
    project.set('site.hosts["registry.example"]', ADDRESS)
    project.set("nodes.w1.site.resolvers[0]", ADDRESS)
    project.pulumi("up", "--yes")
    assert project.ssh("m1", "getent hosts registry.example").split()[0] == ADDRESS
    assert f"Global: {ADDRESS}" in project.ssh("w1", "resolvectl dns")
    assert started(project) == before
    second_up_writes_nothing(project)
    project.unset("nodes.w1.site.resolvers")
    project.pulumi("up", "--yes")
    assert ADDRESS not in project.ssh("w1", "resolvectl dns")


def test_kernel_module_is_loaded(project: Project) -> None:
    """containerd needs this one, so this machine has it. A container host may not load modules itself."""
    project.set("nodes.w1.site.kernelModules[0]", "overlay")
    project.pulumi("up", "--yes")
    assert project.ssh("w1", "cat /etc/modules-load.d/95-site.conf") == "overlay\n"
    second_up_writes_nothing(project)


def test_time_servers_need_a_program_that_sets_the_clock(project: Project) -> None:
    """No container host may set the machine's clock: nothing is left of the attempt."""
    project.set("nodes.w1.site.timeServers[0]", ADDRESS)
    try:
        printed = project.pulumi("up", "--yes", check=False)
        assert "neither systemd-timesyncd nor chrony runs on this node" in printed
        assert project.ssh("w1", "ls /etc/systemd/timesyncd.conf.d 2>/dev/null || true") == ""
    finally:
        project.unset("nodes.w1.site.timeServers")
    second_up_writes_nothing(project)


def test_credentials_are_nowhere_else(project: Project, servers: Servers) -> None:
    backend = Path(project.environment()["PULUMI_BACKEND_URL"].removeprefix("file://"))
    assert list(backend.rglob("*.json"))
    needles = [*PASSWORDS, *(base64.b64encode(f"puller:{one}".encode()).decode() for one in PASSWORDS)]
    texts = {
        "printed": "".join(project.printed),
        "state": project.exported(),
        "stack file": (project.path / "Pulumi.hosts.yaml").read_text(),
        "registry's log": servers.log("registry"),
    }
    texts |= {
        str(file.relative_to(project.path)): file.read_text(errors="replace")
        for file in [
            project.trace,
            *(project.path / ".lab").glob("*.log"),
            *(project.path / "plans").rglob("*.*"),
            *backend.rglob("*"),
        ]
        if file.is_file()
    }
    assert [(name, needle) for name, text in texts.items() for needle in needles if needle in text] == []
    for node in NODES:
        patterns = " ".join(f"-e {one}" for one in needles)
        found = project.ssh(
            node,
            "journalctl --no-pager >/run/journal\n"
            f"grep -rlsF {patterns} /etc /run/journal /var/lib/plumbline /var/log || true\nrm /run/journal",
        )
        allowed = {f"/etc/containerd/certs.d/{name}/hosts.toml" for name in ("docker.io", "registry.site")}
        assert set(found.split()) <= allowed | ({f"{SITE}/token"} if node == "w1" else set()), node


def push(project: Project, tag: int) -> None:
    """Push the pause image to the registry from w1, with the node's own settings of that registry."""
    name = f"registry.site/library/site-probe:{tag}"
    ctr = "/opt/bin/ctr -n k8s.io images"
    project.ssh(
        "w1",
        f"{ctr} tag --force {PAUSE} {name} >/dev/null\n"
        f"{ctr} push --local --hosts-dir /etc/containerd/certs.d {name} >/dev/null\n{ctr} rm {name} >/dev/null",
    )


def pull(kubectl: Kubectl, tag: int) -> None:
    """Run a pod per node with the image of docker.io, which no node has and only the mirror can serve."""
    for node in NODES:
        name = f"probe-{node}-{tag}"
        image = f"docker.io/library/site-probe:{tag}"
        container = {"name": "probe", "image": image, "imagePullPolicy": "Always"}
        spec = {
            "nodeName": node,
            "containers": [container],
            "tolerations": [{"operator": "Exists"}],
            "automountServiceAccountToken": False,
        }
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
        kubectl("apply", "--filename", "-", stdin=json.dumps(pod))

        def runs(name: str = name) -> bool:
            return bool(kubectl.get("pod", name)["status"]["phase"] == "Running")

        try:
            wait_for(f"{name} runs", runs, 90)
        except AssertionError:
            kubectl("describe", "pod", name, check=False)
            raise
