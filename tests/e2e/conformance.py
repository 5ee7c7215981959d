"""Runs specs of Kubernetes' own end-to-end tests against the cluster."""

from __future__ import annotations

import re
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence

from builder.versions import VERSIONS
from lab.parts import PAUSE_IMAGE
from tests.e2e.api import Kubectl
from tests.e2e.harness import Project
from tests.tools import programs
from tests.tools.programs import AGNHOST

SPECS = (
    # pods
    "[sig-node] Pods should get a host IP",
    "[sig-node] Pods should be submitted and removed",
    "[sig-node] Pods should be updated",
    "[sig-node] Pods should contain environment variables for services",
    "[sig-node] Variable Expansion should allow substituting values in a container's command",
    # config maps and secrets
    "[sig-storage] ConfigMap should be consumable from pods in volume",
    "[sig-node] ConfigMap should be consumable via environment variable",
    "[sig-node] ConfigMap should run through a ConfigMap lifecycle",
    "[sig-storage] Secrets should be consumable from pods in volume",
    "[sig-node] Secrets should be consumable from pods in env vars",
    "[sig-node] Secrets should patch a secret",
    # services and DNS
    "[sig-network] Services should be able to create a functioning NodePort service",
    "[sig-network] Services should find a service from listing all namespaces",
    "[sig-network] Services should serve a basic endpoint from pods",
    "[sig-network] Services should serve multiport endpoints from pods",
    "[sig-network] DNS should provide DNS for the cluster",
    "[sig-network] DNS should provide DNS for services",
    "[sig-network] DNS should provide /etc/hosts entries for the cluster",
    # scheduling and workloads
    "[sig-scheduling] SchedulerPredicates [Serial] validates that NodeSelector is respected if matching",
    "[sig-scheduling] SchedulerPredicates [Serial] validates that NodeSelector is respected if not matching",
    "[sig-apps] ReplicaSet should adopt matching pods on creation and release no longer matching pods",
    "[sig-apps] Deployment should run the lifecycle of a Deployment",
    "[sig-auth] ServiceAccounts should mount an API token into pods",
)

_IMAGES: dict[str, list[str]] = VERSIONS["tests"]["images"]
REPLACED = {
    **dict.fromkeys(_IMAGES["pause"], PAUSE_IMAGE),
    **dict.fromkeys(_IMAGES["agnhost"], AGNHOST.name),
}
"""The images that the specs use, and the image that replaces them: the nodes reach no registry.

AGNHOST has busybox, and dig with the GNU C library. The other images only have to run.
"""


def specs_pass(project: Project, kubectl: Kubectl, nodes: Sequence[str]) -> str:
    """Run the specs one after another and return the output. Each of them must run and pass."""
    program = programs.e2e_test()
    for name in nodes:
        project.ssh(
            name,
            "".join(
                f"/opt/bin/ctr -n k8s.io images tag --force {replacement} {image} >/dev/null 2>&1\n"
                f"/opt/bin/ctr -n k8s.io images label {image} io.cri-containerd.pinned=pinned >/dev/null\n"
                for image, replacement in REPLACED.items()
            ),
        )
    # Match to the end or to the labels: other specs begin with the same words.
    focus = "|".join(rf"{re.escape(spec)}( \[|$)" for spec in SPECS)
    reports = project.path / ".lab" / "conformance"
    # Written during the run, to show in which spec a run hangs.
    log = project.path / ".lab" / "conformance.log"
    with log.open("w") as written:
        status = subprocess.run(
            [
                *kubectl.within(str(program), "-kubeconfig", str(kubectl.config)),
                f"-kubectl-path={kubectl.program}",
                *("-provider=skeleton", f"-ginkgo.focus={focus}", "-ginkgo.no-color", "-ginkgo.v"),
                *("-ginkgo.timeout=40m", "-disable-log-dump=true", f"-report-dir={reports}"),
                f"-repo-root={project.path}",
            ],
            cwd=project.path,
            env=project.environment(),
            stdout=written,
            stderr=subprocess.STDOUT,
            timeout=2700,
        ).returncode
    text = log.read_text()
    cases = [case for file in reports.glob("junit*.xml") for case in ElementTree.parse(file).iter("testcase")]
    outcomes = {str(case.get("name")).removeprefix("[It] "): case.get("status") for case in cases}
    failed = {name: outcome for name, outcome in outcomes.items() if outcome not in ("passed", "skipped")}
    assert status == 0 and not failed, f"{failed}\n{text[-6000:]}"
    passed = [name for name, outcome in outcomes.items() if outcome == "passed"]
    assert [spec for spec in SPECS if not any(name == spec or name.startswith(f"{spec} [") for name in passed)] == []
    return text
