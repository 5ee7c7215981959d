"""The script behind plumbline-routes.service, with a stand-in of `ip` that notes what it is told."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cluster.rendering import read_template

IP = """#!/bin/sh
echo "$*" >>"@/calls"
case "$*" in
  '-batch -') cat >"@/batch"; [ ! -e "@/says" ] || { cat "@/says" >&2; exit 1; } ;;
  '-4 route show proto 112') cat "@/routes" ;;
esac
"""


class Node:
    """A node that has these routes already."""

    def __init__(self, folder: Path, *routes: str) -> None:
        self.folder = folder
        (folder / "routes").write_text("".join(f"{one} dev eth0 \n" for one in routes))
        (folder / "forward").write_text("1\n")
        for name, text in (("ip", IP.replace("@", str(folder))), ("nft", "#!/bin/sh\n")):
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        text = read_template("node/pod_network/routes.sh").replace("/proc/sys/net/ipv4/ip_forward", f"{folder}/forward")
        (folder / "script").write_text(text)

    def run(self, *listed: str) -> subprocess.CompletedProcess[str]:
        """Runs the script with a list of routes."""
        (self.folder / "listed").write_text("".join(f"{one}\n" for one in listed))
        return subprocess.run(
            ["sh", f"{self.folder}/script", f"{self.folder}/listed", "/dev/null"],
            env={"PATH": f"{self.folder}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )

    @property
    def told(self) -> list[str]:
        """The commands that it gave."""
        return (self.folder / "batch").read_text().splitlines()

    @property
    def processes(self) -> int:
        """How many processes of `ip` there were."""
        return len((self.folder / "calls").read_text().splitlines())


def test_routes_are_added_and_deleted(tmp_path: Path) -> None:
    node = Node(tmp_path, "10.2.1.0/24 via 10.0.0.1", "10.2.10.0/24 via 10.0.0.10")
    assert node.run("10.2.1.0/24 10.0.0.1", "10.2.2.0/24 10.0.0.2").returncode == 0
    assert node.told == [
        "route replace 10.2.1.0/24 via 10.0.0.1 proto 112",
        "route replace 10.2.2.0/24 via 10.0.0.2 proto 112",
        "route del 10.2.10.0/24 proto 112",
    ]


@pytest.mark.parametrize("routes", [[], ["10.2.1.0/24 via 10.0.0.1"]])
def test_no_route_is_listed(tmp_path: Path, routes: list[str]) -> None:
    """As on the only node of a cluster."""
    node = Node(tmp_path, *routes)
    assert node.run().returncode == 0
    assert [one for one in node.told if one] == ["route del 10.2.1.0/24 proto 112" for _ in routes]


def test_many_routes_take_no_more_processes(tmp_path: Path) -> None:
    """With a process for each of N routes on each of N nodes, the first creation of 200 nodes took a quarter longer."""
    node = Node(tmp_path)
    node.run(*(f"10.2.{one}.0/24 10.0.0.{one}" for one in range(1, 200)))
    assert (len(node.told), node.processes) == (199, 2)


def test_failure_names_the_route(tmp_path: Path) -> None:
    node = Node(tmp_path)
    (tmp_path / "says").write_text("Error: Nexthop has invalid gateway.\nCommand failed -:2\n")
    done = node.run("10.2.1.0/24 10.0.0.1", "10.2.2.0/24 10.9.0.2")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "Error: Nexthop has invalid gateway.",
        "Command failed -:2",
        "ip route replace 10.2.2.0/24 via 10.9.0.2 proto 112: failed",
    ]
