"""The script that registers a node, with a stand-in for kubectl: each outcome, and how often kubectl is started."""

from __future__ import annotations

import subprocess

import pytest

from cluster.rendering import read_template

STAND_IN = """
set -eu
name=w1 role=worker version=v1.2.3 case={case}
again() {{ shift; "$@"; }}
kubectl() {{
  echo "kubectl $1" >&2
  case "$*" in
  label*) ;;
  wait*condition*)
    [ "$case" != unready ] || return 1
    [ "$case" = ready ] && printf v1.2.3 || printf v1.2.2
    ;;
  wait*kubeletVersion*) [ "$case" = late ] ;;
  get*message*) printf 'no pod network' ;;
  get*) printf v1.2.2 ;;
  esac
}}
"""


def run(case: str) -> subprocess.CompletedProcess[str]:
    script = STAND_IN.format(case=case) + read_template("commands/register.sh")
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize(("case", "starts"), [("ready", 2), ("late", 3)])
def test_register_prints_the_planned_version(case: str, starts: int) -> None:
    done = run(case)
    assert (done.returncode, done.stdout) == (0, "v1.2.3")
    assert done.stderr.count("kubectl ") == starts, "on an emulated machine each start takes seconds"


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("unready", "w1 is not Ready: no pod network. Fix that, then run pulumi up again"),
        (
            "former",
            "w1 runs kubelet v1.2.2 after 120 s, the plan has v1.2.3: see 'journalctl -u kubelet.service' on it",
        ),
    ],
)
def test_register_fails_with_the_reason(case: str, message: str) -> None:
    done = run(case)
    assert done.returncode == 1
    assert message in done.stderr
