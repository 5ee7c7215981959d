"""The libvirt plugin without a libvirt: defaults, automatic names, and which changes replace a resource."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf import struct_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from toolchain import found, parts

DOMAIN = "urn:pulumi:dev::trial::libvirt:index/domain:Domain::m1"


@pytest.fixture(scope="module")
def plugin() -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    """The installed plugin, started as the engine does it."""
    folder = (parts.home() / "home" if found.own_engine() is None else found.pulumi_home()) / "plugins"
    [part] = [part for part in parts.PLUGINS if part.plugin == "libvirt"]
    program = folder / f"resource-libvirt-v{part.version}" / part.binary
    with subprocess.Popen([program, "127.0.0.1:9"], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            with grpc.insecure_channel(f"127.0.0.1:{process.stdout.readline().strip()}") as channel:
                yield provider_pb2_grpc.ResourceProviderStub(channel)
        finally:
            process.kill()


def checked(plugin: provider_pb2_grpc.ResourceProviderStub, **inputs: Any) -> struct_pb2.Struct:
    """Return a domain's inputs with defaults."""
    given = struct_pb2.Struct()
    given.update(inputs)
    request = provider_pb2.CheckRequest(urn=DOMAIN, news=given, randomSeed=b"1" * 32)
    answer = plugin.Check(request, timeout=30)
    assert not answer.failures
    filled: struct_pb2.Struct = answer.inputs
    return filled


def difference(
    plugin: provider_pb2_grpc.ResourceProviderStub, before: struct_pb2.Struct, after: struct_pb2.Struct
) -> provider_pb2.DiffResponse:
    state = struct_pb2.Struct()
    state.CopyFrom(before)
    state.update({"id": "1"})
    request = provider_pb2.DiffRequest(id="1", urn=DOMAIN, olds=state, old_inputs=before, news=after)
    answer: provider_pb2.DiffResponse = plugin.Diff(request, timeout=30)
    return answer


def test_domain_name_is_kept_or_generated(
    plugin: provider_pb2_grpc.ResourceProviderStub,
) -> None:
    assert str(checked(plugin, memory=1024)["name"]).startswith("m1-")
    assert checked(plugin, memory=1024, name="cluster-m1")["name"] == "cluster-m1"


def test_domain_gets_the_providers_defaults(plugin: provider_pb2_grpc.ResourceProviderStub) -> None:
    domain = checked(plugin)
    assert (domain["type"], domain["running"], domain["fwCfgName"]) == ("kvm", True, "opt/com.coreos/config")


@pytest.mark.parametrize(("name", "first"), [({"name": "cluster-m1"}, True), ({}, False)])
def test_named_domain_is_deleted_before_its_replacement(
    plugin: provider_pb2_grpc.ResourceProviderStub, name: dict[str, str], first: bool
) -> None:
    before, after = checked(plugin, vcpu=2, **name), checked(plugin, vcpu=4, **name)
    found = difference(plugin, before, after)
    assert found.detailedDiff["vcpu"].kind == provider_pb2.PropertyDiff.UPDATE_REPLACE
    assert found.deleteBeforeReplace == first


def test_update_in_place_does_not_replace(plugin: provider_pb2_grpc.ResourceProviderStub) -> None:
    same = {"name": "cluster-m1", "qemuAgent": False}
    found = difference(plugin, checked(plugin, **same), checked(plugin, autostart=True, **same))
    assert {key: value.kind for key, value in found.detailedDiff.items()} == {
        "autostart": provider_pb2.PropertyDiff.ADD
    }
    assert not found.deleteBeforeReplace


def test_equal_inputs_have_no_difference(plugin: provider_pb2_grpc.ResourceProviderStub) -> None:
    inputs = checked(plugin, name="cluster-m1", vcpu=2, memory=1024)
    assert difference(plugin, inputs, inputs).changes == provider_pb2.DiffResponse.DIFF_NONE
