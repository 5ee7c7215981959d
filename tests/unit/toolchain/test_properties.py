"""The bridged plugins use the same resource and property names as the Python SDKs.

Each plugin's own test compares its testdata/properties.json with the plugin; these tests compare it with the SDK.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import typing
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi import _types

ROOT = Path(__file__).resolve().parents[3]

# The SDK pulumi-tls was made for a later terraform-provider-tls than the latest Go module. The plugin refuses these
# properties with an error that names them.
UNKNOWN = {
    "tls:index/certRequest:CertRequest": {"privateKeyPemWo", "privateKeyPemWoVersion"},
    "tls:index/locallySignedCert:LocallySignedCert": {
        "caPrivateKeyPemWo",
        "caPrivateKeyPemWoVersion",
        "maxPathLength",
    },
    "tls:index/selfSignedCert:SelfSignedCert": {"maxPathLength", "privateKeyPemWo", "privateKeyPemWoVersion"},
}


def shape(annotated: Any) -> Any:
    """Return a type of the SDK in the form of properties.json: an object's properties, a list of one, or "value"."""
    kind = _types.unwrap_type(annotated)
    origin = typing.get_origin(kind)
    if origin is not None and issubclass(origin, typing.Sequence):
        return [shape(typing.get_args(kind)[0])]
    if inspect.isclass(kind) and _types.is_output_type(kind):
        return {name: shape(inner) for name, inner in _types.output_type_types(kind).items()}
    return "value"


def resources(package: str) -> dict[str, dict[str, Any]]:
    """Return the SDK's resources: by token, the shape of each property by its wire name."""
    module = importlib.import_module(f"pulumi_{package}")
    found = {}
    for resource in vars(module).values():
        if not inspect.isclass(resource) or not issubclass(resource, pulumi.CustomResource):
            continue
        if issubclass(resource, pulumi.ProviderResource):
            continue
        token = f"{package}:index/{resource.__name__[0].lower()}{resource.__name__[1:]}:{resource.__name__}"
        assert token in (Path(inspect.getfile(resource))).read_text(), f"the SDK does not register {token}"
        found[token] = {name: shape(kind) for name, kind in _types.resource_types(resource).items()}
    return found


def plugins(package: str) -> dict[str, dict[str, Any]]:
    """Return the plugin's resources and functions, with secrets as plain values."""
    text = (ROOT / "toolchain" / package / "testdata/properties.json").read_text()
    described: dict[str, dict[str, Any]] = json.loads(text.replace('"secret"', '"value"'))
    return described


def part(described: Any, wanted: Any) -> Any:
    """Return a shape without the nested properties that `wanted` lacks: the plugin may have more than the SDK."""
    if isinstance(described, dict) and isinstance(wanted, dict):
        return {name: part(described[name], wanted[name]) for name in described.keys() & wanted.keys()}
    if isinstance(described, list) and isinstance(wanted, list):
        return [part(described[0], wanted[0])]
    return described


@pytest.mark.parametrize("package", ["tls", "libvirt"])
def test_plugin_has_every_function_of_the_sdk(package: str) -> None:
    folder = Path(inspect.getfile(importlib.import_module(f"pulumi_{package}"))).parent
    called = {token for file in folder.glob("get_*.py") for token in re.findall(r"invoke\('([^']+)'", file.read_text())}
    assert len(called) >= 2
    assert called <= plugins(package).keys()


@pytest.mark.parametrize("package", ["tls", "libvirt"])
def test_plugin_has_every_resource_of_the_sdk(package: str) -> None:
    wanted = resources(package)
    assert len(wanted) >= 4
    assert wanted.keys() <= plugins(package).keys()


@pytest.mark.parametrize(
    ("package", "token"), [(package, token) for package in ("tls", "libvirt") for token in resources(package)]
)
def test_properties_match_the_sdk(package: str, token: str) -> None:
    wanted, described = resources(package)[token], plugins(package)[token]
    assert wanted.keys() - described.keys() == UNKNOWN.get(token, set())
    shared = wanted.keys() & described.keys()
    assert {name: part(described[name], wanted[name]) for name in shared} == {name: wanted[name] for name in shared}


@pytest.mark.parametrize(
    ("token", "names"),
    [
        ("tls:index/privateKey:PrivateKey", {"privateKeyPem", "privateKeyOpenssh", "privateKeyPemPkcs8"}),
        ("tls:index/certRequest:CertRequest", {"privateKeyPem"}),
        ("tls:index/locallySignedCert:LocallySignedCert", {"caPrivateKeyPem"}),
        ("tls:index/selfSignedCert:SelfSignedCert", {"privateKeyPem"}),
    ],
)
def test_private_keys_are_secret(token: str, names: set[str]) -> None:
    described = json.loads((ROOT / "toolchain/tls/testdata/properties.json").read_text())[token]
    assert {name for name, kind in described.items() if kind == "secret"} == names
