"""Registries, imported configuration and the proxy of the container runtime: files, reactions, secrets."""

from __future__ import annotations

import base64
import tomllib
from pathlib import Path
from typing import Any

import pytest

from cluster.config.load import load_config
from cluster.node import container_runtime, paths
from cluster.plan import plan
from nodestate import Action, File, NodeState, Secret
from tests import clusters
from tests.unit.cluster.config.conftest import EXISTING, changed
from tests.unit.keys import private_key

FOLDER = "/etc/containerd/certs.d/docker.io"
HOSTS = f"{FOLDER}/hosts.toml"
PASSWORD = 'hunter2 "quoted" \\ \N{SNOWMAN}'


def runtime(folder: Path, change: dict[str, Any], node: str = "w1") -> NodeState:
    planned = plan(clusters.load(folder, changed(clusters.values(), change)))
    [state] = [step.state for step in planned.of_node(node) if step.component == container_runtime.COMPONENT]
    return state


def restarting(state: NodeState) -> set[str]:
    """The files whose change restarts a unit."""
    return {path for one in state.reactions if one.action == Action.RESTART for path in one.files}


def mirror(**more: Any) -> dict[str, Any]:
    return {"containerd": {"registries": {"docker.io": {"mirrors": [{"url": "https://192.0.2.1:5000", **more}]}}}}


def test_no_settings_is_no_change(tmp_path: Path) -> None:
    plain = runtime(tmp_path, {})
    assert runtime(tmp_path, {"containerd": {"registries": {}, "imports": {}}, "proxy": {}}) == plain
    assert "config_path" not in (plain.files[paths.CONTAINERD_CONFIG].text or "")


def test_registry_files(tmp_path: Path) -> None:
    plain = runtime(tmp_path, {})
    first, other = mirror(overridePath=True), {"url": "http://192.0.2.2"}
    first["containerd"]["registries"]["docker.io"] |= {"server": "https://registry-1.docker.io"}
    first["containerd"]["registries"]["docker.io"]["mirrors"].append(other)
    state = runtime(tmp_path, first)
    assert state.files.keys() - plain.files.keys() == {HOSTS}
    found = tomllib.loads(state.files[HOSTS].text or "")
    assert found["server"] == "https://registry-1.docker.io"
    assert list(found["host"]) == ["https://192.0.2.1:5000", "http://192.0.2.2"]
    assert found["host"]["https://192.0.2.1:5000"]["override_path"] is True
    assert HOSTS not in restarting(state)
    assert state.files[HOSTS].mode == "0644"


def test_only_the_first_registry_changes_the_configuration(tmp_path: Path) -> None:
    cases: list[dict[str, Any]] = [{"docker.io": None}, {"docker.io": {}}, {"docker.io": {}, "quay.io": {}}]
    config = [
        runtime(tmp_path, {"containerd": {"registries": registries}}).files[paths.CONTAINERD_CONFIG].text or ""
        for registries in cases
    ]
    assert config[0] != config[1] == config[2]
    images = tomllib.loads(config[1])["plugins"]["io.containerd.cri.v1.images"]
    assert images["registry"] == {"config_path": "/etc/containerd/certs.d"}


def test_credential_is_a_secret_of_root(tmp_path: Path) -> None:
    state = runtime(tmp_path, mirror(username="puller", password=PASSWORD))
    file = state.files[HOSTS]
    assert file.mode == "0600"
    assert isinstance(file.content, Secret)
    hosts = tomllib.loads(file.content.reveal())["host"]
    basic = hosts["https://192.0.2.1:5000"]["header"]["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(basic).decode() == f"puller:{PASSWORD}"
    assert "hunter2" not in repr(state)
    assert basic not in repr(state)


def test_encrypted_credential_is_not_known(tmp_path: Path) -> None:
    content = runtime(tmp_path, mirror(username="puller", password={"secure": "v1:x"})).files[HOSTS].content
    assert isinstance(content, Secret)
    assert not content.known


def test_credential_of_the_registry_itself(tmp_path: Path) -> None:
    own = {
        "username": "a",
        "password": "b",
        "mirrors": [{"url": "https://192.0.2.1", "username": "c", "password": "d"}],
    }
    content = runtime(tmp_path, {"containerd": {"registries": {"docker.io": own}}}).files[HOSTS].content
    assert isinstance(content, Secret)
    found = tomllib.loads(content.reveal())
    headers = [found["header"], found["host"]["https://192.0.2.1"]["header"]]
    words = [base64.b64decode(one["Authorization"].removeprefix("Basic ")).decode() for one in headers]
    assert words == ["a:b", "c:d"]


def test_import_restarts_containerd_and_is_verified(tmp_path: Path) -> None:
    path = "/etc/containerd/conf.d/site.toml"
    state = runtime(tmp_path, {"containerd": {"imports": {"site.toml": "[debug]\nlevel = 'warn'\n"}}})
    assert state.files[path].text == "[debug]\nlevel = 'warn'\n"
    assert path in restarting(state)
    [check] = [one for one in state.verifications if path in one.files]
    assert f'cp "$(staged {path})"' in check.script


def test_proxy_reaches_containerd_alone(tmp_path: Path) -> None:
    values = changed(clusters.values(), {"proxy": {"https": "http://192.0.2.9:3128", "noProxy": [".example"]}})
    planned = plan(clusters.load(tmp_path, values))
    for node in ("m1", "w1"):
        mentions = [
            (step.component, path)
            for step in planned.of_node(node)
            for path, file in step.state.files.items()
            if "192.0.2.9" in (file.text or "") or paths.CONTAINERD_PROXY in (file.text or "")
        ]
        assert mentions == [("runtime", paths.CONTAINERD_UNIT), ("runtime", paths.CONTAINERD_PROXY)]
    file = runtime(tmp_path, {"proxy": {"https": "http://192.0.2.9:3128", "noProxy": [".example"]}}).files
    assert file[paths.CONTAINERD_PROXY].text == (
        "HTTPS_PROXY=http://192.0.2.9:3128\n"
        "NO_PROXY=localhost,127.0.0.0/8,10.2.0.0/16,10.3.0.0/16,10.77.0.0/24,m1,m2,m3,w1,.svc,.cluster.local,"
        "api.golden.cluster.local,.example\n"
    )


def test_proxy_spares_existing_hosts_by_address(tmp_path: Path) -> None:
    (tmp_path / "id").write_bytes(private_key())
    cluster = load_config(EXISTING | {"proxy": {"http": "http://192.0.2.9:3128"}}, tmp_path)
    [state] = [one.state for one in plan(cluster).of_node("w1") if one.component == container_runtime.COMPONENT]
    assert ",192.0.2.11,192.0.2.21,m1,w1," in (state.files[paths.CONTAINERD_PROXY].text or "")


@pytest.mark.parametrize("secrets", [["proxy.http"], ["proxy"]])
def test_proxy_with_a_password_is_a_secret(tmp_path: Path, secrets: list[str]) -> None:
    clusters.load(tmp_path)
    values = changed(clusters.values(), {"proxy": {"http": "http://a:hunter2@192.0.2.9:3128"}})
    planned = plan(load_config(values, tmp_path, secrets=secrets))
    [file] = [
        step.state.files.get(paths.CONTAINERD_PROXY) for step in planned.of_node("w1") if step.component == "runtime"
    ]
    assert isinstance(file, File)
    assert isinstance(file.content, Secret)
    assert "hunter2" in file.content.reveal()
    assert file.mode == "0600"
    assert "hunter2" not in repr(planned)
