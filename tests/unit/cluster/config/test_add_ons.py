"""Add-ons: what their files give, the namespace, and files by URL."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cluster.addons import coredns, rbac
from cluster.config import manifests
from cluster.config.add_ons import OWN_OBJECTS
from cluster.config.api_kinds import identity
from cluster.config.load import load_config
from cluster.config.model import AddOn
from nodestate import Secret
from tests import clusters
from tests.unit.cluster.config.conftest import errors

MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"


def loaded(existing: dict[str, Any], root: Path, **records: Any) -> tuple[AddOn, ...]:
    return load_config({**existing, "addOns": records}, root).add_ons


def test_yaml_is_read_as_kubernetes_reads_it() -> None:
    text = "data: {on: yes, mode: 0644, octal: 0o644, day: 2026-01-01, time: 1:30, float: 1e3, none: ~, 8: a}\n"
    [found] = manifests.documents(MAP + text)
    assert found.manifest["data"] == {
        **{"on": "yes", "mode": 420, "octal": 420, "day": "2026-01-01", "time": "1:30", "float": 1000.0, "8": "a"}
    }


def test_fields_of_the_api_server_are_left_out() -> None:
    text = """\
{"apiVersion": "v1", "kind": "ConfigMapList", "items": [{
	"apiVersion": "v1", "kind": "ConfigMap", "status": {"x": 1},
	"metadata": {"name": "a", "uid": "u", "resourceVersion": "7", "creationTimestamp": null, "managedFields": [],
		"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "mine": "b"}}}]}
"""
    [found] = manifests.documents(text)
    assert found.place == "document 1, item 1"
    metadata = {"name": "a", "annotations": {"mine": "b"}}
    assert found.manifest == {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def test_data_of_a_secret_are_secret() -> None:
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: aHVu\n  dGVy}\nstringData: {b: hunter}\n"
    [found] = manifests.documents(text)
    assert found.manifest["data"] == {"a": Secret("aHVudGVy"), "b": Secret("aHVudGVy")}
    assert "stringData" not in found.manifest
    assert "aHVu" not in repr(found)


def test_namespace_is_given_and_created(existing: dict[str, Any], root: Path) -> None:
    (root / "folder").mkdir()
    (root / "folder/a.yaml").write_text(
        f"{MAP}---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: b, namespace: o}}\n"
    )
    (root / "folder/b.json").write_text(
        '{"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "c"}}'
    )
    (root / "folder/readme.md").write_text("no manifest")
    [one] = loaded(existing, root, one={"files": ["folder"], "namespace": "n"})
    assert [identity(each) for each in one.objects] == [
        *("Namespace n", "ConfigMap n/a", "ServiceAccount o/b", "StorageClass c")
    ]
    [one] = loaded(existing, root, one={"files": ["folder"], "namespace": "kube-system"})
    assert identity(one.objects[0]) == "ConfigMap kube-system/a"


def test_namespace_in_a_file_is_kept(existing: dict[str, Any], root: Path) -> None:
    (root / "a.yaml").write_text(
        f"{MAP}---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: n, labels: {{a: b}}}}\n"
    )
    (root / "b.yaml").write_text(MAP.replace("name: a", "name: b"))
    one, two = loaded(
        existing,
        root,
        one={"files": ["a.yaml"], "namespace": "n"},
        two={"files": ["b.yaml"], "namespace": "n", "after": ["one"]},
    )
    assert [identity(each) for each in one.objects] == ["ConfigMap n/a", "Namespace n"]
    assert [identity(each) for each in two.objects] == ["ConfigMap n/b"]


def test_own_objects_are_those_of_the_program(tmp_path: Path) -> None:
    own = [*coredns.manifests(clusters.load(tmp_path)), *rbac.manifests()]
    assert {identity(one) for one in own} == OWN_OBJECTS


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """A folder that is served over HTTP, and its URL; the cache is empty."""
    monkeypatch.setenv("PLUMBLINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_url_is_downloaded_once(existing: dict[str, Any], root: Path, served: tuple[Path, str]) -> None:
    folder, base = served
    text = MAP.encode()
    (folder / "a.yaml").write_bytes(text)
    record = {"url": f"{base}/a.yaml", "sha256": hashlib.sha256(text).hexdigest(), "namespace": "n"}
    first = loaded(existing, root, one=record)
    (folder / "a.yaml").unlink()
    assert loaded(existing, root, one=record) == first
    [kept] = (folder.parent / "cache/manifests").iterdir()
    assert kept.name == record["sha256"]
    kept.write_text("damaged")
    failed = errors({**existing, "addOns": {"one": record}}, root)
    assert failed == (f"addOns.one.url: cannot be downloaded from {base}/a.yaml: HTTP status 404",)


def test_another_checksum_is_refused(existing: dict[str, Any], root: Path, served: tuple[Path, str]) -> None:
    folder, base = served
    (folder / "a.yaml").write_text(MAP)
    found = errors({**existing, "addOns": {"one": {"url": f"{base}/a.yaml", "sha256": "ab" * 32}}}, root)
    real = hashlib.sha256(MAP.encode()).hexdigest()
    assert found == (f"addOns.one.sha256: has another checksum: the file at {base}/a.yaml has {real}",)
    assert not list((folder.parent / "cache").glob("manifests/*"))


def test_no_server_is_one_error(existing: dict[str, Any], root: Path, served: tuple[Path, str]) -> None:
    [found] = errors({**existing, "addOns": {"one": {"url": "http://127.0.0.1:9/a", "sha256": "ab" * 32}}}, root)
    assert found.startswith("addOns.one.url: cannot be downloaded from http://127.0.0.1:9/a: ")
