"""Errors of registries, imported configuration and the proxy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cluster.config.load import ConfigError, load_config
from tests import clusters
from tests.unit.cluster.config.conftest import Errors, changed

MIRROR = {"url": "https://192.0.2.1:5000"}
ENDPOINT = "is not a http:// or https:// URL without user and password, such as https://mirror.example:5000"

CASES: list[tuple[str, dict[str, Any], str]] = [
    (
        "registry with a path",
        {"containerd": {"registries": {"docker.io/library": {}}}},
        "containerd.registries.docker.io/library: 'docker.io/library' is not a registry's name, such as docker.io, "
        "registry.example:5000 or _default",
    ),
    (
        "mirror without a URL",
        {"containerd": {"registries": {"docker.io": {"mirrors": [{}]}}}},
        "containerd.registries.docker.io.mirrors[0].url: is missing: the mirror's URL",
    ),
    (
        "password in a mirror's URL",
        {"containerd": {"registries": {"docker.io": {"mirrors": [{"url": "https://a:hunter2@b"}]}}}},
        f"containerd.registries.docker.io.mirrors[0].url: the URL holds a user {ENDPOINT}",
    ),
    (
        "mirror as text",
        {"containerd": {"registries": {"docker.io": {"mirrors": ["https://a"]}}}},
        "containerd.registries.docker.io.mirrors[0]: is text, not an object",
    ),
    (
        "user without a password",
        {"containerd": {"registries": {"docker.io": {"mirrors": [MIRROR | {"username": "a"}]}}}},
        "containerd.registries.docker.io.mirrors[0].username: needs password, too",
    ),
    (
        "password without a user",
        {"containerd": {"registries": {"docker.io": {"password": "hunter2"}}}},
        "containerd.registries.docker.io.username: is missing: password needs it",
    ),
    (
        "password in clear text",
        {"containerd": {"registries": {"a": {"mirrors": [{"url": "http://a", "username": "a", "password": "b"}]}}}},
        "containerd.registries.a.mirrors[0].url: is http: a password would be sent in clear text",
    ),
    (
        "CA that is none",
        {"containerd": {"registries": {"docker.io": {"ca": "ca.crt"}}}},
        "containerd.registries.docker.io.ca: is not a certificate in PEM, -----BEGIN CERTIFICATE----- ...",
    ),
    (
        "import without a suffix",
        {"containerd": {"imports": {"nvidia": "version = 3"}}},
        "containerd.imports.nvidia: 'nvidia' is not a file name that ends with .toml",
    ),
    (
        "import that is not TOML",
        {"containerd": {"imports": {"a.toml": "version 3"}}},
        "containerd.imports.a.toml: is not TOML: Expected '=' after a key in a key/value pair (at line 1, column 9)",
    ),
    (
        "import of an owned setting",
        {"containerd": {"imports": {"a.toml": "version = 3\n[grpc]\naddress = '/run/a.sock'\n"}}},
        "containerd.imports.a.toml: grpc.address is the program's: the kubelet connects there",
    ),
    (
        "import of registries",
        {
            "containerd": {
                "imports": {"a.toml": "[plugins.'io.containerd.cri.v1.images'.registry]\nconfig_path = '/a'\n"}
            }
        },
        "containerd.imports.a.toml: plugins.io.containerd.cri.v1.images.registry is the program's: set containerd.registries",
    ),
    (
        "proxy without a scheme",
        {"proxy": {"http": "proxy.example:3128"}},
        "proxy.http: 'proxy.example:3128' is not a http:// or https:// URL of a host, such as http://proxy.example:3128",
    ),
    (
        "proxy with a plain password",
        {"proxy": {"https": "http://a:hunter2@proxy.example:3128"}},
        "proxy.https: holds a user: set it as a config secret, with `pulumi config set --secret --path`",
    ),
    (
        "exceptions without a proxy",
        {"proxy": {"noProxy": [".example"]}},
        "proxy.noProxy: has no effect without http or https",
    ),
    (
        "two exceptions in one text",
        {"proxy": {"http": "http://a:1", "noProxy": ["a,b"]}},
        "proxy.noProxy[0]: 'a,b' is not a name, a domain such as .example, an address or a network",
    ),
]


@pytest.mark.parametrize(("change", "message"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_load_config_refuses(libvirt_errors: Errors, change: dict[str, Any], message: str) -> None:
    found = libvirt_errors(change)
    assert found == (message,)
    assert "hunter2" not in found[0]


def test_password_must_be_a_config_secret(tmp_path: Path) -> None:
    mirror = MIRROR | {"username": "puller", "password": "hunter2"}
    values = changed(clusters.values(), {"containerd": {"registries": {"docker.io": {"mirrors": [mirror]}}}})
    clusters.load(tmp_path)
    key = "containerd.registries.docker.io.mirrors[0].password"
    load_config(values, tmp_path, secrets=[key])
    with pytest.raises(ConfigError) as raised:
        load_config(values, tmp_path, secrets=["site"])
    assert str(raised.value) == f"{key}: is not a config secret: set it with `pulumi config set --secret --path`"
