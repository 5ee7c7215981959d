"""The engine's own display: the changed lines of a file and a few around them, not the whole of it."""

from __future__ import annotations

import re

import pytest

from cluster.config.load import load_config
from cluster.plan import plan
from cluster.reference import ROOT, SAMPLE
from cluster.step import NodeStateStep
from tests.provider.conftest import MARKER, Bench, Secret

FILES = {
    "kubelet.yaml": ("kubelet", "/etc/kubernetes/kubelet.yaml", "maxPods: 110", "maxPods: 120"),
    "kube-apiserver.yaml": (
        "control-plane",
        "/etc/kubernetes/manifests/kube-apiserver.yaml",
        "--profiling=false",
        "--profiling=true",
    ),
    "10-plumbline.conflist": (
        "runtime",
        "/etc/cni/net.d/10-plumbline.conflist",
        '"dst": "0.0.0.0/0"',
        '"dst": "10.0.0.0/8"',
    ),
}


def rendered(component: str, path: str) -> str:
    """The text of one of the documentation's files."""
    steps = plan(load_config(SAMPLE, ROOT)).of_node("m1")
    [step] = [one for one in steps if isinstance(one, NodeStateStep) and one.component == component]
    return str(step.state.files[path].content)


def own(printed: str) -> list[str]:
    """The lines about the NodeState's own inputs."""
    found = re.search(r"^      ~ files: \{\n(.*?)^        \}\n", printed, re.DOTALL | re.MULTILINE)
    assert found, printed
    return found[1].splitlines()


@pytest.mark.parametrize("name", FILES)
def test_changed_line_is_shown_with_two_lines_around_it(bench: Bench, name: str) -> None:
    component, path, before, after = FILES[name]
    text = rendered(component, path)
    lines = text.splitlines()
    [at] = [index for index, line in enumerate(lines) if before in line]
    bench.text(name, text)
    bench.up()
    assert bench.file(name).read_text() == text, "the node has the text without a mark"
    assert bench.up() == {"same": 2}
    bench.text(name, text.replace(before, after))
    [head, content, *shown, _] = own(bench.preview())
    assert (head.strip(), content.strip()) == (f"~ {bench.file(name)}: {{", "~ content:")
    around = lines[at - 2 : at], lines[at + 1 : at + 3]
    signed = [f"- {lines[at]}", f"+ {lines[at].replace(before, after)}"]
    expected = ["...", *around[0], *signed, *around[1], "..."]
    assert [" ".join(line.split()) for line in shown] == [" ".join(line.split()) for line in expected]


def test_drift_of_data_is_shown_by_line_whatever_was_found(bench: Bench) -> None:
    bench.text("a.yaml", "---\na: 1\nb: 2\nc: 3\nd: 4\n")
    bench.up()
    for found in ("a: 1\nb: 2\nc: 3\nd: 5\n", "by hand\n", "[1,\n2]\n", ""):
        bench.file("a.yaml").write_text(found)
        printed = bench.preview()
        assert "@text" not in "\n".join(line for line in own(printed) if line.lstrip()[:2] in ("+ ", "- ")), printed
        assert "(yaml)" not in printed
    bench.up(refresh=True)
    assert bench.file("a.yaml").read_text() == "---\na: 1\nb: 2\nc: 3\nd: 4\n"


def test_text_that_begins_like_a_mark_is_kept(bench: Bench) -> None:
    bench.text("a.conf", "@text\na: 1\n")
    bench.up()
    assert bench.file("a.conf").read_text() == "@text\na: 1\n"
    assert bench.up() == {"same": 2}


def test_state_of_an_earlier_version_is_no_change(bench: Bench) -> None:
    """Its texts have no mark."""
    bench.text("a.yaml", "a: 1\nb: 2\n")
    bench.up()
    [file] = bench.folder.glob("state/.pulumi/stacks/bench/bench.json")
    marked = file.read_text()
    assert marked.count("@text\\n") == 2, "inputs and outputs"
    file.write_text(marked.replace("@text\\n", ""))
    assert bench.up() == {"same": 2}


def test_secret_has_no_mark(bench: Bench) -> None:
    bench.text("a.yaml", Secret(f"a: {MARKER}-1\nb: 2\n"))
    bench.up()
    assert bench.file("a.yaml").read_text() == f"a: {MARKER}-1\nb: 2\n"
    bench.text("a.yaml", Secret(f"a: {MARKER}-2\nb: 2\n"))
    assert MARKER not in bench.preview()


def test_drift_is_printed_once_without_outputs(bench: Bench) -> None:
    """The engine prints all files of a resource with drift under the outputs of its refresh."""
    component, path, before, after = FILES["kube-apiserver.yaml"]
    text = rendered(component, path)
    bench.text("kube-apiserver.yaml", text)
    for number in range(20):
        bench.text(f"other-{number}.conf", "one\n")
    bench.up()
    bench.file("kube-apiserver.yaml").write_text(text.replace(before, after))
    whole, short = bench.preview(), bench.preview(outputs=False)
    assert "other-19.conf" in whole and "other-19.conf" not in short
    assert re.search(rf"- +- {after}\n +\+ +- {before}\n", short), short
    assert len(short.splitlines()) < 35 < len(whole.splitlines())
