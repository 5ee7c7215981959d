"""Scenarios on a running cluster, shared by the tests on container hosts and on VMs."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

from cluster import versions
from tests.e2e.harness import Project, counts, wait_for

POD = f"""
apiVersion: v1
kind: Pod
metadata: {{name: proof, namespace: default}}
spec:
  hostNetwork: true
  containers: [{{name: pause, image: {versions.PAUSE_IMAGE}, imagePullPolicy: Never}}]
"""


def kubelets_run(project: Project, names: set[str]) -> None:
    """The output `nodes` has every node with version and Ready; systemd and the kubelet on each node agree."""
    rows = {row["name"]: row for row in project.output("nodes")}
    assert set(rows) == names
    for name, row in rows.items():
        assert (row["version"], row["ready"]) == (versions.DEFAULT, True), row
        seen = project.ssh(name, "systemctl is-active kubelet containerd; curl -fsS http://127.0.0.1:10248/healthz")
        assert seen.split() == ["active", "active", "ok"], (name, seen)


def second_up_writes_nothing(project: Project) -> None:
    """After an update, another one changes no resource, and the provider only reads."""
    project.operations()
    printed = project.pulumi("up", "--yes", "--diff")
    assert set(counts(printed)) == {"unchanged"}, printed[-8000:]
    operations = project.operations()
    assert operations, "the trace must show that the nodes were read"
    assert sum(operation["writes"] for operation in operations) == 0, operations


def static_pod_runs(project: Project, node: str) -> None:
    """The kubelet runs a manifest in the static pod folder, and stops the pod when the manifest is removed."""
    manifest = "/etc/kubernetes/manifests/proof.yaml"
    listing = """for id in $(/opt/bin/ctr -n k8s.io containers ls -q 'labels."io.kubernetes.pod.name"==proof-@' 2>/dev/null); do
      /opt/bin/ctr -n k8s.io tasks ls 2>/dev/null | grep "^$id .*RUNNING" || true
    done""".replace("@", node)
    assert project.ssh(node, listing).strip() == ""
    project.ssh(node, f"cat >{manifest} <<'END'{POD}END\n")
    try:
        # The pod's sandbox and its container are two running tasks.
        wait_for("the container of the static pod runs", lambda: len(project.ssh(node, listing).splitlines()) == 2, 240)
    finally:
        project.ssh(node, f"rm -f {manifest}")
    wait_for("the static pod has ended", lambda: project.ssh(node, listing).strip() == "", 240)


def setting_of_one_node_restarts_its_kubelet(project: Project, node: str, others: list[str]) -> str:
    """The preview shows node, file, key and restart; `up` restarts this kubelet and no other. Returns the preview."""
    before = {name: project.started(name) for name in [node, *others]}
    project.set(f"nodes.{node}.kubelet.maxPods", "77")
    try:
        preview = project.pulumi("preview", "--diff")
        assert f"{node}-kubelet" in preview
        assert "/etc/kubernetes/kubelet.yaml" in preview
        assert re.search(r"- maxPods: 110\n\s*\+ maxPods: 77\n", preview), preview
        assert f"{node}: kubelet.service will restart because /etc/kubernetes/kubelet.yaml changes" in preview
        for name in others:
            assert f"{name}: kubelet.service" not in preview
        assert before == {name: project.started(name) for name in before}, "a preview must not restart anything"
        project.pulumi("up", "--yes")
        after = {name: project.started(name) for name in before}
        assert {name for name in before if before[name] != after[name]} == {node}
        assert "maxPods: 77" in project.ssh(node, "cat /etc/kubernetes/kubelet.yaml")
        return preview
    finally:
        project.unset(f"nodes.{node}.kubelet.maxPods")
        project.pulumi("up", "--yes")


def drift_is_shown_and_repaired(project: Project, node: str, others: list[str]) -> None:
    """An edited file, a changed mode and a stopped unit: the preview shows each, `up` repairs them and restarts nothing else."""
    before = {name: project.started(name) for name in others}
    project.ssh(
        node,
        "sed -i 's/^maxPods: .*/maxPods: 13/; $a# edited by hand' /etc/kubernetes/kubelet.yaml\n"
        "chmod 0644 /etc/kubernetes/kubelet.conf\n"
        "systemctl stop kubelet.service\n",
    )
    preview = project.pulumi("preview", "--refresh", "--diff")
    assert re.search(r"- maxPods: 13\n\s*\+ maxPods: 110\n", preview), preview
    assert re.search(r"^\s+- # edited by hand$", preview, re.MULTILINE), preview
    assert "/etc/kubernetes/kubelet.conf" in preview
    assert "0644" in preview
    assert "kubelet.service" in preview
    assert f"{others[0]}-kubelet" not in preview
    assert project.ssh(node, "systemctl is-active kubelet.service || true").strip() == "inactive"
    project.pulumi("up", "--yes", "--refresh")
    seen = project.ssh(
        node,
        "grep -c 'edited by hand' /etc/kubernetes/kubelet.yaml || true\n"
        "stat -c %a /etc/kubernetes/kubelet.conf\n"
        "systemctl is-active kubelet.service\n",
    )
    assert seen.split() == ["0", "600", "active"]
    assert before == {name: project.started(name) for name in others}
    second_up_writes_nothing(project)


def refused_setting_is_rolled_back(project: Project, node: str, others: list[str]) -> None:
    """The kubelet refuses an invalid setting: the run fails, the previous file is restored and the kubelet runs with it."""
    before = {name: project.started(name) for name in others}
    good = project.ssh(node, "sha256sum /etc/kubernetes/kubelet.yaml")
    project.set(f"nodes.{node}.kubelet.reservedSystemCPUs", "900-901")
    try:
        printed = project.pulumi("up", "--yes", check=False)
        assert f"{node}: kubelet.service is not ready" in printed
        assert "reserved-cpus: 900-901 is not a subset of online-cpus" in printed, (
            "the end of the unit's journal must be shown"
        )
        assert f"{node}: the previous files were put back and kubelet.service restarted" in printed
        assert "Traceback" not in printed
        wait_for(
            "the kubelet is healthy with its previous files",
            lambda: project.ssh(node, "curl -fsS http://127.0.0.1:10248/healthz || true").strip() == "ok",
        )
        assert project.ssh(node, "sha256sum /etc/kubernetes/kubelet.yaml") == good
        assert project.ssh(node, "find /var/lib/plumbline/journal -type f").split() == []
    finally:
        project.unset(f"nodes.{node}.kubelet.reservedSystemCPUs")
    second_up_writes_nothing(project)
    assert before == {name: project.started(name) for name in others}


def interrupted_run_is_finished_by_next_run(project: Project, node: str) -> None:
    """If a run ends after its files were replaced and before the restart, the next run shows and does the restart."""
    project.ssh(
        node,
        f"mkdir -p /var/lib/plumbline/journal/{node}-kubelet/kept\n"
        f"cd /var/lib/plumbline/journal/{node}-kubelet\n"
        "{ cat /etc/kubernetes/kubelet.yaml; echo '# former'; } >kept/2\n"
        "printf 'run\\tbroken\\nreact\\trestart\\tkubelet.service\\nfile\\t2\\t/etc/kubernetes/kubelet.yaml\\n' >log\n",
    )
    before = project.started(node)
    preview = project.pulumi("preview", "--refresh", "--diff")
    assert f"{node}: kubelet.service will restart because an interrupted run changed its files" in preview
    project.pulumi("up", "--yes")
    assert project.started(node) != before
    second_up_writes_nothing(project)


def certificate_is_renewed(project: Project, node: str, others: list[str]) -> None:
    """A serving certificate that is about to expire is replaced in the plan; only this node gets it, and its kubelet serves it."""
    old = {row["name"]: row["serial"] for row in project.output("certificates")}
    [name] = [name for name in old if name.startswith(f"{node}-") and "serving" in name]
    age(project, f"{name}-certificate")
    preview = project.pulumi("preview", "--diff")
    assert f"{name}-certificate" in preview
    assert "/etc/kubernetes/pki/kubelet.crt" in preview
    assert f"{node}: kubelet.service" in preview
    for other in others:
        assert f"{other}-kubelet" not in preview
    project.pulumi("up", "--yes")
    new = {row["name"]: row["serial"] for row in project.output("certificates")}
    assert {name for name in old if old[name] != new[name]} == {name}
    on_disk = project.ssh(node, "cat /etc/kubernetes/pki/kubelet.crt")
    served = project.ssh(
        node,
        "true | openssl s_client -connect 127.0.0.1:10250 2>/dev/null | openssl x509 -noout -serial\n"
        "openssl x509 -noout -serial -in /etc/kubernetes/pki/kubelet.crt\n",
    ).split()
    assert "BEGIN CERTIFICATE" in on_disk
    assert served[0] == served[1], "the kubelet must serve the new certificate"
    assert int(served[1].removeprefix("serial="), 16) == int(new[name], 16)


def added_node_changes_only_routes_of_others(
    project: Project, others: set[str], name: str, record: dict[str, str], start: Callable[[], object] | None = None
) -> None:
    """A node is added to the configuration and removed again: the plan has its resources and the other nodes' routes.

    `start` starts the machine if the program does not create it.
    """
    units = ("kubelet.service", "kube-proxy.service")
    before = {(other, unit): project.started(other, unit) for other in others for unit in units}
    for key, value in record.items():
        project.set(f"nodes.{name}.{key}", value)
    if start is not None:
        start()
    for operation, expected in (("create", {*others, name}), ("delete", others)):
        steps = project.steps("preview")
        assert steps, f"{name} must be in the plan"
        assert {op for resource, op in steps if name in resource} == {operation}
        changes = {resource: op for resource, op in steps if name not in resource}
        assert set(changes.values()) == {"update"}, changes
        # The checks between nodes are made again, and each other node has rows for its file and its unit.
        [preflight] = [one for one in changes if one.endswith("-preflight")]
        rows = ("-runtime", ":/etc/plumbline/routes", ":plumbline-routes.service")
        assert changes.keys() == {preflight, *(f"{other}{row}" for other in others for row in rows)}, changes
        preview = project.pulumi("preview", "--diff")
        for other in others:
            assert f"{other}: plumbline-routes.service will reload because /etc/plumbline/routes changes" in preview
        assert "will restart because" not in preview
        project.pulumi("up", "--yes")
        kubelets_run(project, expected)
        if operation == "create":
            project.unset(f"nodes.{name}")
    assert before == {(other, unit): project.started(other, unit) for other in others for unit in units}
    second_up_writes_nothing(project)


def age(project: Project, *certificates: str) -> None:
    """Edits the state so that these leaf certificates, or all, expire in an hour."""
    state = json.loads(project.secret_output("stack", "export"))
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    resources = state["deployment"]["resources"]
    leaves = [resource for resource in resources if resource["type"].endswith(":LocallySignedCert")]
    named = [leaf for leaf in leaves if not certificates or leaf["urn"].rpartition("::")[2] in certificates]
    assert len(named) == len(certificates or leaves)
    for resource in named:
        resource["outputs"]["validityEndTime"] = soon
    aged = project.path / ".lab" / "aged.json"
    aged.touch(mode=0o600)
    try:
        aged.write_text(json.dumps(state))
        project.pulumi("stack", "import", "--file", str(aged))
    finally:
        aged.unlink()


def no_secret_is_shown(project: Project) -> None:
    """No output, log or stored state contains the secret part of a private key of the stack."""
    plain = project.exported()
    state = json.loads(project.secret_output("stack", "export"))
    shapes = {shape for text in _secrets(state) for shape in _shapes(text)}
    assert len(shapes) > 20, "the stack must have keys to search for"
    places = {"state": plain, "printed": "\n".join(project.printed)}
    for file in [*project.path.glob(".lab/state/**/*.json*"), *project.path.glob(".lab/*.log")]:
        places[str(file.relative_to(project.path))] = file.read_text(errors="replace")
    decrypted = _joined(json.dumps(state))
    assert all(any(shape in decrypted for shape in of_key) for of_key in _by_key(state)), (
        "the search must find known keys"
    )
    for place, text in places.items():
        assert "PRIVATE KEY" not in text, place
        joined = _joined(text)
        assert not [shape for shape in shapes if shape in joined], place


def _by_key(state: object) -> list[set[str]]:
    return [shapes for text in _secrets(state) if (shapes := _shapes(text))]


def _joined(text: str) -> str:
    """The text without line ends: a key is found wherever its lines break."""
    return text.replace("\\\\n", "").replace("\\n", "").replace("\n", "")


def _shapes(text: str) -> set[str]:
    """The secret part of each private key in a text, in hex and in base64 at each of the three possible offsets."""
    shapes = set()
    text = text.replace("\\n", "\n")
    for pem in re.findall(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----\n", text, re.DOTALL):
        load = load_ssh_private_key if "OPENSSH" in pem else load_pem_private_key
        key = load(pem.encode(), None)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            secret = key.private_numbers().private_value.to_bytes(32, "big")
        else:
            assert isinstance(key, ed25519.Ed25519PrivateKey)
            secret = key.private_bytes_raw()
        shapes.add(secret.hex())
        for before in range(3):
            encoded = base64.b64encode(b"\0" * before + secret).decode()
            shapes.add(encoded[-(-before * 8 // 6) : (before + len(secret)) * 8 // 6])
    return shapes


def _secrets(value: object) -> list[str]:
    """The plain text of every secret in an exported state."""
    if isinstance(value, dict):
        if "plaintext" in value and "4dabf18193072939515e22adb298388d" in value:
            return [str(json.loads(value["plaintext"]))]
        return [text for item in value.values() for text in _secrets(item)]
    if isinstance(value, list):
        return [text for item in value for text in _secrets(item)]
    return []
