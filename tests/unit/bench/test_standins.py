"""The other stand-ins of simulated hosts: the network's tools as their scripts and probes use them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from bench.hosts.host import STANDINS, STATE

ADDRESS = "10.90.0.7"


class Node:
    """A host's state, and its stand-ins."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "hosts" / ADDRESS
        for name in STATE:
            (self.state / name).mkdir(parents=True)
        (self.state / "address").write_text(f"{ADDRESS}\n")
        self.variables = {
            **os.environ,
            "STANDIN_STATE": str(self.state),
            "STANDIN_HOSTS": str(folder / "hosts"),
            "STANDIN_MIRROR": str(folder),
        }

    def run(self, *words: str, given: str = "") -> tuple[int, str]:
        command = [str(STANDINS / "bin" / words[0]), *words[1:]]
        done = subprocess.run(command, env=self.variables, input=given, capture_output=True, text=True, timeout=20)
        return done.returncode, done.stdout


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_ip_keeps_routes(node: Node) -> None:
    node.run("ip", "route", "replace", "10.2.1.0/24", "via", "10.90.0.1", "proto", "112")
    node.run("ip", "route", "replace", "10.2.1.0/24", "via", "10.90.0.2", "proto", "112")
    node.run("ip", "route", "replace", "10.2.3.0/24", "via", "10.90.0.3", "proto", "112")
    node.run("ip", "route", "del", "10.2.3.0/24", "proto", "112")
    assert node.run("ip", "-4", "route", "show", "proto", "112")[1].split()[:3] == ["10.2.1.0/24", "via", "10.90.0.2"]


def test_ip_takes_a_batch(node: Node) -> None:
    batch = "route replace 10.2.1.0/24 via 10.90.0.1 proto 112\nroute replace 10.2.3.0/24 via 10.90.0.3 proto 112\n"
    node.run("ip", "-batch", "-", given=f"{batch}route del 10.2.1.0/24 proto 112\n\n")
    assert node.run("ip", "-4", "route", "show", "proto", "112")[1].split()[:3] == ["10.2.3.0/24", "via", "10.90.0.3"]


def test_ip_knows_its_own_address(node: Node) -> None:
    assert ADDRESS in node.run("ip", "-o", "address", "show", "to", ADDRESS)[1]
    assert node.run("ip", "-o", "address", "show", "to", "10.90.0.8")[1] == ""


def test_nft_lists_the_table_that_it_was_given(node: Node, tmp_path: Path) -> None:
    assert node.run("nft", "list", "table", "ip", "plumbline")[0] == 1
    rules = tmp_path / "rules"
    rules.write_text("# a comment\ntable ip plumbline\ndelete table ip plumbline\ntable ip plumbline {\n}\n")
    assert node.run("nft", "--check", "--file", str(rules))[0] == 0
    node.run("nft", "--file", str(rules))
    assert node.run("nft", "list", "table", "ip", "plumbline")[1] == "table ip plumbline\ntable ip plumbline {\n}\n"


def test_curl_answers_while_the_unit_behind_the_port_runs(node: Node) -> None:
    asked = (
        "curl",
        "--silent",
        "--write-out",
        "%{http_code}",
        "--output",
        "/dev/null",
        "https://127.0.0.1:6443/readyz",
    )
    assert node.run(*asked) == (7, "000")
    (node.state / "units/kube-apiserver.service").write_text("active running a 1 0 0\n")
    assert node.run(*asked) == (0, "200")
    assert node.run("curl", "--fail", f"https://{ADDRESS}:6443/readyz") == (0, "ok\n")
    assert node.run("curl", "--fail", "https://10.90.0.8:6443/readyz")[0] == 7


def test_curl_copies_files_of_the_mirror(node: Node, tmp_path: Path) -> None:
    (tmp_path / "program").write_text("text")
    got = tmp_path / "got"
    assert node.run("curl", "--fail", "--output", str(got), "http://10.90.255.254:8080/program")[0] == 0
    assert got.read_text() == "text"
    assert node.run("curl", "--fail", "http://10.90.255.254:8080/none")[0] == 22
