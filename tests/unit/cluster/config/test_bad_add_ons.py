"""Errors of add-ons: each names the key, and the file and document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cluster.config.load import load_config
from tests.unit.cluster.config.conftest import Errors, errors

MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: default}\n"
OWN = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w, namespace: default}\n"
DEFINITION = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec: {group: example.com, scope: Namespaced, names: {kind: Widget}}
"""
ONE = "addOns.one.files[0]: one.yaml"
TEXTS: list[tuple[str, str, str]] = [
    ("empty", "# nothing\n---\n", "addOns.one.files: has no object: at least one is needed"),
    ("no YAML", f"{MAP}---\na: [b\n", f"{ONE}: is not YAML, line 6: expected ',' or ']', but got '<stream end>'"),
    ("repeated key", f"{MAP}data: {{x: a, x: b}}\n", f"{ONE}: is not YAML, line 4: the key x is there twice"),
    ("control character", "a: \x01\n", f"{ONE}: is not YAML: special characters are not allowed"),
    (
        "text",
        f"{MAP}---\nhello\n",
        f"{ONE}: document 2: is not an object: it has no kind, apiVersion and metadata.name",
    ),
    ("no kind", "apiVersion: v1\nmetadata: {name: a}\n", f"{ONE}: document 1: has no kind"),
    ("no version", "kind: ConfigMap\nmetadata: {name: a}\n", f"{ONE}: document 1: has no apiVersion"),
    ("no metadata", "apiVersion: v1\nkind: ConfigMap\n", f"{ONE}: document 1: (ConfigMap) has no metadata.name"),
    (
        "name is a number",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 7}\n",
        f"{ONE}: document 1: (ConfigMap) has no metadata.name that is text",
    ),
    (
        "generated name",
        "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: a-}\n",
        f"{ONE}: document 1: (Job) has metadata.generateName: give it a metadata.name, each run would make another object",
    ),
    (
        "item of a list",
        "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n- {apiVersion: v1}\n",
        f"{ONE}: document 1, item 2: has no kind",
    ),
    ("number", f"{MAP}data: {{x: 1e999}}\n", f"{ONE}: document 1: has a number that JSON does not have"),
    ("alias", f"{MAP}data: &a {{x: *a}}\n", f"{ONE}: document 1: contains itself through an alias"),
    (
        "date of YAML",
        f"{MAP}data: {{x: !!timestamp 2026-01-01}}\n",
        f"{ONE}: document 1: has a value of the YAML type date, which JSON does not have",
    ),
    (
        "Secret without base64",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: default}\ndata: {token: hunter2!}\n",
        f"{ONE}: document 1: (Secret s) has no base64 in data.token: use stringData for plain text",
    ),
    (
        "no namespace",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
        f"{ONE}, document 1: ConfigMap a has no metadata.namespace: set it, or addOns.one.namespace for all",
    ),
    (
        "namespace of a kind without",
        "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: a, namespace: b}\n",
        f"{ONE}, document 1: StorageClass a has a namespace, and its kind has none: remove metadata.namespace",
    ),
    (
        "misspelt kind",
        "apiVersion: apps/v1\nkind: Deploymnet\nmetadata: {name: a, namespace: b}\n",
        f"{ONE}, document 1: Deploymnet a: apps/v1 has no kind Deploymnet; did you mean Deployment?",
    ),
    (
        "unknown kind",
        "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: a}\n",
        f"{ONE}, document 1: Widget a: Widget of example.com/v1 is no kind of Kubernetes, and no add-on has its "
        "CustomResourceDefinition: add that to this add-on, or to one that it comes `after`",
    ),
    (
        "twice in a set",
        f"{MAP}---\n{MAP}",
        f"{ONE}, document 2: ConfigMap default/a is in one.yaml, document 1 of addOns.one already: remove one of them",
    ),
    (
        "the program's own",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: coredns, namespace: kube-system}\n",
        f"{ONE}, document 1: Deployment kube-system/coredns is an object of the program's own: remove it",
    ),
    (
        "namespace of the API server",
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: kube-system}\n",
        f"{ONE}, document 1: Namespace kube-system is made by the API server: remove it, it would be deleted with the add-on",
    ),
    (
        "node",
        "apiVersion: v1\nkind: Node\nmetadata: {name: w1}\n",
        f"{ONE}, document 1: Node w1 is a node: set `nodes.<name>.labels` and `nodes.<name>.taints` instead",
    ),
]
SHA = "ab" * 32
RECORDS: list[tuple[str, dict[str, Any], str]] = [
    ("own name", {"dns": {"files": ["a.yaml"]}}, "addOns.dns: 'dns' is the name of one of the program's own sets: "),
    ("no origin", {"a": {}}, "addOns.a.files: is missing: files or folders of manifests, or url and sha256 instead"),
    (
        "both origins",
        {"a": {"files": ["a.yaml"], "url": "http://x/y", "sha256": SHA}},
        "addOns.a.files: cannot be combined with url and sha256: use one of them",
    ),
    (
        "not pinned",
        {"a": {"url": "http://x/y"}},
        "addOns.a.sha256: is missing: the checksum of the file at http://x/y, as printed by `sha256sum`",
    ),
    (
        "password in the URL",
        {"a": {"url": "https://me:hunter2@x/y", "sha256": SHA}},
        "addOns.a.url: has a user or password in it: errors and logs name the URL, so give one that needs none",
    ),
    ("unknown key", {"a": {"files": ["a.yaml"], "afer": []}}, "addOns.a.afer: is not a known key; did you mean after?"),
    ("no file", {"a": {"files": ["b.yaml"]}}, "addOns.a.files[0]: b.yaml cannot be read: no such file or directory"),
    ("empty folder", {"a": {"files": ["empty"]}}, "addOns.a.files[0]: empty has no file *.json, *.yaml, *.yml"),
    (
        "outside",
        {"a": {"files": ["../b.yaml"]}},
        "addOns.a.files[0]: ../b.yaml is not below the project's folder: copy it there",
    ),
    ("binary", {"a": {"files": ["binary"]}}, "addOns.a.files[0]: binary: is not UTF-8 text"),
    ("wait", {"a": {"files": ["a.yaml"], "wait": -1}}, "addOns.a.wait: -1 is not between 0 and 3600"),
    ("itself", {"a": {"files": ["a.yaml"], "after": ["a"]}}, "addOns.a.after[0]: 'a' is the add-on itself"),
    (
        "unknown other",
        {"a": {"files": ["a.yaml"], "after": ["b"]}},
        "addOns.a.after[0]: 'b' is no add-on; known here: dns",
    ),
    (
        "cycle",
        {"a": {"files": ["a.yaml"], "after": ["b"]}, "b": {"files": ["own.yaml", "crd.yaml"], "after": ["a"]}},
        "addOns.a.after: gives a cycle: a before b before a",
    ),
    (
        "cycle through nodes",
        {"a": {"files": ["a.yaml"], "beforeNodes": True, "after": ["dns"]}},
        "addOns.a.after: gives a cycle: a before nodes before dns before a; an add-on with beforeNodes can come after "
        "others with beforeNodes only",
    ),
    (
        "definition in another set",
        {"a": {"files": ["own.yaml"]}, "b": {"files": ["crd.yaml"]}},
        "addOns.a.files[0]: own.yaml, document 1: Widget w: its definition is in add-on b: add b to addOns.a.after",
    ),
    (
        "in two sets",
        {"a": {"files": ["a.yaml"]}, "b": {"files": ["a.yaml"]}},
        "addOns.b.files[0]: a.yaml, document 1: ConfigMap default/a is in a.yaml, document 1 of addOns.a already: remove "
        "one of them",
    ),
    (
        "one namespace for two",
        {"a": {"files": ["a.yaml"], "namespace": "n"}, "b": {"files": ["crd.yaml"], "namespace": "n"}},
        "addOns.b.namespace: 'n' is an object of add-on a: add a to addOns.b.after",
    ),
]


@pytest.fixture
def root(root: Path) -> Path:
    (root / "a.yaml").write_text(MAP)
    (root / "own.yaml").write_text(OWN)
    (root / "crd.yaml").write_text(DEFINITION)
    (root / "empty").mkdir()
    return root


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in TEXTS], ids=[case[0] for case in TEXTS])
def test_bad_manifest_is_one_error(text: str, expected: str, existing: dict[str, Any], root: Path) -> None:
    (root / "one.yaml").write_text(text)
    found = errors({**existing, "addOns": {"one": {"files": ["one.yaml"]}}}, root)
    assert found == (expected,)
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(("records", "expected"), [case[1:] for case in RECORDS], ids=[case[0] for case in RECORDS])
def test_bad_record_is_one_error(records: dict[str, Any], expected: str, existing_errors: Errors) -> None:
    [found] = existing_errors({"addOns": records})
    assert found.startswith(expected)


def test_no_file_is_read_to_look_at_the_plan(existing: dict[str, Any], root: Path) -> None:
    values = {**existing, "addOns": {"a": {"files": ["none.yaml"]}, "b": {"url": "http://x/y", "sha256": SHA}}}
    [one, other] = load_config(values, root, reads_files=False).add_ons
    assert (one.objects, other.objects) == ((), ())
