"""Errors of the site's settings: shapes, templates, and what the program owns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cluster.config.load import ConfigError, load_config
from cluster.plan import plan
from tests import clusters
from tests.unit.cluster.config.conftest import Errors, changed

SHAPES: list[tuple[str, dict[str, Any], str]] = [
    (
        "two texts",
        {"site": {"files": {"/etc/a": {"content": "a", "template": "b"}}}},
        "site.files./etc/a.content: set exactly one of content, template and url",
    ),
    (
        "no text",
        {"site": {"files": {"/etc/a": {}}}},
        "site.files./etc/a.content: set exactly one of content, template and url",
    ),
    (
        "download without a checksum",
        {"site": {"files": {"/etc/a": {"url": "http://192.0.2.1/a"}}}},
        "site.files./etc/a.url: needs sha256: a download is pinned by its checksum",
    ),
    (
        "checksum without a download",
        {"site": {"files": {"/etc/a": {"content": "a", "sha256": "ab" * 32}}}},
        "site.files./etc/a.url: is missing: sha256 is for a download",
    ),
    (
        "relative path",
        {"site": {"files": {"etc/a": {"content": "a"}}}},
        "site.files.etc/a: 'etc/a' is not an absolute path in its shortest form, such as /etc/motd",
    ),
    (
        "file below /run",
        {"site": {"files": {"/run/a": {"content": "a"}}}},
        "site.files./run/a: a file below /run does not outlive a boot: set sysctls, or a unit that writes it",
    ),
    (
        "unit as a file",
        {"site": {"files": {"/etc/systemd/system/a.service": {"content": "a"}}}},
        "site.files./etc/systemd/system/a.service: is the file of a unit: set site.units.a.service, so that the unit is "
        "enabled and started, too",
    ),
    (
        "misspelt key of a role",
        {"site": {"roles": {"worker": {"file": {}}}}},
        "site.roles.worker.file: is not a known key; did you mean files?",
    ),
    (
        "unknown role",
        {"site": {"roles": {"workers": {}}}},
        "site.roles.workers: is not a known key; did you mean worker?",
    ),
    (
        "mode of a node's file",
        {"nodes/w1/site": {"files": {"/etc/a": {"content": "a", "mode": "rw"}}}},
        "nodes.w1.site.files./etc/a.mode: 'rw' is not octal digits such as 0644",
    ),
    (
        "unit without a type",
        {"site": {"units": {"a": {"content": "a"}}}},
        "site.units.a: 'a' is not a unit's name, such as kubelet.service",
    ),
    (
        "file is text",
        {"site": {"files": {"/etc/a": "text"}}},
        "site.files./etc/a: is text, not an object",
    ),
    (
        "kernel setting without a dot",
        {"site": {"sysctls": {"somaxconn": 1}}},
        "site.sysctls.somaxconn: 'somaxconn' is not the name of a kernel setting, such as net.core.somaxconn",
    ),
    (
        "kernel setting of two lines",
        {"site": {"sysctls": {"net.core.somaxconn": "1\n2"}}},
        "site.sysctls.net.core.somaxconn: '1\\n2' is not one line of printable text",
    ),
    (
        "kernel module with a path",
        {"site": {"kernelModules": ["a/b"]}},
        "site.kernelModules[0]: 'a/b' is not a kernel module's name, such as br_netfilter",
    ),
    (
        "template with an unknown fact",
        {"site": {"files": {"/etc/a": {"template": "x\n{{ node.adress }}\n"}}}},
        "site.files./etc/a.template: cannot be rendered for m1: 'dict object' has no attribute 'adress'",
    ),
    (
        "template that does not end",
        {"site": {"roles": {"worker": {"files": {"/etc/a": {"template": "x\n{% if node %}"}}}}}},
        "site.roles.worker.files./etc/a.template: cannot be rendered for w1: line 2: Unexpected end of template. Jinja was "
        "looking for the following tags: 'elif' or 'else' or 'endif'. The innermost block that needs to be closed is 'if'.",
    ),
]

SHAPES += [
    (
        "name of this machine",
        {"site": {"hosts": {"localhost": "192.0.2.5"}}},
        "site.hosts.localhost: 'localhost' is each machine's name for itself",
    ),
    (
        "name with a name",
        {"site": {"hosts": {"registry.example": "other.example"}}},
        "site.hosts.registry.example: 'other.example' is not an IPv4 address, such as 192.0.2.5",
    ),
    (
        "CA as a path",
        {"site": {"trustedCAs": {"site": "ca.crt"}}},
        "site.trustedCAs.site: is not a certificate in PEM, -----BEGIN CERTIFICATE----- ...",
    ),
    (
        "CA with a path as name",
        {"site": {"trustedCAs": {"../a": "x"}}},
        "site.trustedCAs.../a: '../a' is not a name of a-z, 0-9 and -",
    ),
    (
        "resolver on loopback",
        {"nodes/w1/site": {"resolvers": ["127.0.0.1"]}},
        "nodes.w1.site.resolvers[0]: 127.0.0.1 is in 127.0.0.0/8 (loopback addresses): it must be a unicast address that "
        "other machines reach",
    ),
    (
        "time server with a port",
        {"site": {"timeServers": ["192.0.2.1:123"]}},
        "site.timeServers[0]: '192.0.2.1:123' is neither a DNS domain nor an IPv4 address",
    ),
]

OWNED: list[tuple[str, dict[str, Any], str]] = [
    (
        "the kubelet's configuration",
        {"site": {"files": {"/etc/kubernetes/kubelet.yaml": {"content": "a"}}}},
        "site.files./etc/kubernetes/kubelet.yaml: is the program's (component kubelet): choose another path",
    ),
    (
        "a static pod",
        {"site": {"files": {"/etc/kubernetes/manifests/a.yaml": {"content": "a"}}}},
        "site.files./etc/kubernetes/manifests/a.yaml: /etc/kubernetes is the program's folder: choose another path",
    ),
    (
        "an issued key",
        {"nodes/w1/site": {"files": {"/etc/kubernetes/pki/kubelet.key": {"content": "a"}}}},
        "nodes.w1.site.files./etc/kubernetes/pki/kubelet.key: is the program's (component kubelet): choose another path",
    ),
    (
        "/etc/hosts",
        {"site": {"files": {"/etc/hosts": {"content": "a"}}}},
        "site.files./etc/hosts: is the program's: the program writes a part of it",
    ),
    (
        "a drop-in of the kubelet",
        {"site": {"files": {"/etc/systemd/system/kubelet.service.d/a.conf": {"content": "a"}}}},
        "site.files./etc/systemd/system/kubelet.service.d/a.conf: kubelet.service is the program's (component kubelet): it "
        "takes no drop-ins",
    ),
    (
        "CNI configuration beside the program's",
        {"site": {"files": {"/etc/cni/net.d/00-a.conflist": {"content": "a"}}}},
        "site.files./etc/cni/net.d/00-a.conflist: /etc/cni/net.d is the folder of the program's CNI "
        "configuration: choose another path",
    ),
    (
        "a drop-in of containerd",
        {"site": {"files": {"/etc/containerd/conf.d/a.toml": {"content": "a"}}}},
        "site.files./etc/containerd/conf.d/a.toml: /etc/containerd/conf.d is containerd's: set containerd.imports",
    ),
    (
        "a registry",
        {"site": {"files": {"/etc/containerd/certs.d/docker.io/hosts.toml": {"content": "a"}}}},
        "site.files./etc/containerd/certs.d/docker.io/hosts.toml: /etc/containerd/certs.d is containerd's: set "
        "containerd.registries",
    ),
    (
        "the kubelet",
        {"site": {"units": {"kubelet.service": {"enabled": False}}}},
        "site.units.kubelet.service: is the program's (component kubelet): choose another name",
    ),
    (
        "a restart of etcd",
        {"site": {"roles": {"control-plane": {"files": {"/etc/a": {"content": "a", "restart": ["etcd.service"]}}}}}},
        "site.roles.control-plane.files./etc/a.restart: etcd.service is the program's (component etcd): it restarts for its "
        "own files only",
    ),
    (
        "a kernel setting of the kubelet",
        {"site": {"sysctls": {"vm.overcommit_memory": 2}}},
        "site.sysctls.vm.overcommit_memory: the program sets it to 1: pods or the kubelet need that",
    ),
    (
        "the same kernel setting with slashes",
        {"site": {"sysctls": {"net/ipv4/ip_forward": 0}}},
        "site.sysctls.net/ipv4/ip_forward: the program sets it to 1: pods or the kubelet need that",
    ),
    (
        "the internal endpoint",
        {"site": {"hosts": {"api.golden.cluster.local": "192.0.2.5"}}},
        "site.hosts.api.golden.cluster.local: is kubernetes.internalEndpoint: the program gives it its addresses",
    ),
    (
        "connection tracking",
        {"site": {"sysctls": {"net.netfilter.nf_conntrack_max": 9}}},
        "site.sysctls.net.netfilter.nf_conntrack_max: kube-proxy sets connection tracking: set network.conntrackLimits to false "
        "first",
    ),
]


@pytest.mark.parametrize(("change", "message"), [case[1:] for case in SHAPES], ids=[case[0] for case in SHAPES])
def test_load_config_refuses(libvirt_errors: Errors, change: dict[str, Any], message: str) -> None:
    assert libvirt_errors(change) == (message,)


@pytest.mark.parametrize(("change", "message"), [case[1:] for case in OWNED], ids=[case[0] for case in OWNED])
def test_plan_refuses_what_the_program_owns(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    cluster = clusters.load(tmp_path, changed(clusters.values(), change))
    with pytest.raises(ConfigError) as raised:
        plan(cluster)
    assert [str(error) for error in raised.value.errors] == [message]


def test_errors_hold_no_secret(tmp_path: Path) -> None:
    files = {"/etc/a": {"template": "{{ hunter2 }}"}, "/etc/b": {"content": "hunter2\0"}}
    values = changed(clusters.values(), {"site": {"files": files}})
    clusters.load(tmp_path, clusters.values())
    with pytest.raises(ConfigError) as raised:
        load_config(values, tmp_path, secrets=["site.files./etc/a.template", "site.files./etc/b.content"])
    assert [str(error) for error in raised.value.errors] == [
        "site.files./etc/b.content: is a secret that this key does not allow",
        "site.files./etc/a.template: cannot be rendered for m1: its text is a secret",
    ]
