"""Errors of `machines.libvirt`: image, storage, network and logins of VMs."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.config import ssh_keys
from tests.unit.cluster.config.conftest import Errors
from tests.unit.keys import HOST_KEY

IMAGE = "machines/libvirt/image"
CASES: list[tuple[str, dict[str, Any], str]] = [
    (
        "overlapping machines",
        {"network/podCIDR": "10.77.0.0/16"},
        "machines.libvirt.network: 10.77.0.0/24 overlaps network.podCIDR (10.77.0.0/16): "
        "each address may belong to one network only",
    ),
    (
        "no checksum",
        {f"{IMAGE}/sha256": None},
        "machines.libvirt.image.sha256: is missing: the image's sha256, or sha256sums with a file that lists it",
    ),
    (
        "bad checksum",
        {f"{IMAGE}/sha256": "abc"},
        "machines.libvirt.image.sha256: 'abc' is not a sha256 checksum: 64 digits of 0-9 and a-f",
    ),
    (
        "checksum file without the image",
        {f"{IMAGE}/sha256": None, f"{IMAGE}/sha256sums": "sums"},
        "machines.libvirt.image.sha256sums: sums has no sha256 for base.qcow2",
    ),
    (
        "broken checksum file",
        {f"{IMAGE}/sha256": None, f"{IMAGE}/sha256sums": "broken"},
        "machines.libvirt.image.sha256sums: broken, line 1 is not '<sha256>  <name>', the format of sha256sum",
    ),
    (
        "bad URI",
        {"machines/libvirt/uri": "vmware://host"},
        "machines.libvirt.uri: 'vmware://host' is not a libvirt URI, such as qemu:///system or qemu+ssh://root@host/system",
    ),
    (
        "domain type twice",
        {"machines/libvirt/domainType": "kvm", "machines/libvirt/domainTypeFile": "sums"},
        "machines.libvirt.domainTypeFile: is set together with domainType: set one of them",
    ),
    (
        "no domain type in its file",
        {"machines/libvirt/domainTypeFile": "nokey"},
        "machines.libvirt.domainTypeFile: nokey holds 'hello', not one of kvm, qemu",
    ),
    (
        "no such domain type file",
        {"machines/libvirt/domainTypeFile": "nowhere"},
        "machines.libvirt.domainTypeFile: nowhere cannot be read (no such file or directory); `make up` writes it",
    ),
    (
        "kernel without initrd",
        {f"{IMAGE}/kernel": "vmlinuz"},
        "machines.libvirt.image.initrd: is missing: direct boot needs kernel and initrd",
    ),
    (
        "bridge too long",
        {"machines/libvirt/bridge": "a-bridge-with-a-long-name"},
        "machines.libvirt.bridge: 'a-bridge-with-a-long-name' is not an interface name: at most 15 of a-z, 0-9 and -, beginning with a letter",
    ),
    (
        "no network",
        {"machines/libvirt/network": None},
        "machines.libvirt.network: is missing: the VMs' network, such as 10.77.0.0/24: each cluster on a hypervisor needs "
        "its own",
    ),
    (
        "network of link-local addresses",
        {"machines/libvirt/network": "169.254.7.0/24"},
        "machines.libvirt.network: 169.254.7.0/24 overlaps 169.254.0.0/16 (link-local addresses)",
    ),
    (
        "network without room",
        {"machines/libvirt/network": "10.77.0.8/30"},
        "machines.libvirt.network: 10.77.0.8/30 is not between /8 and /29 in size: the gateway needs an address, too",
    ),
    *(
        (
            f"pool {pool}",
            {"machines/libvirt/pool": pool},
            f"machines.libvirt.pool: '{pool}' is not a plain path: write it without '.', '..', '//' and a trailing /",
        )
        for pool in ("//", "/x/../../etc", "/x/./pool", "//pools/proof", "/pools/proof/")
    ),
    *(
        (
            f"pool {pool}",
            {"machines/libvirt/pool": pool},
            f"machines.libvirt.pool: '{pool}' is a folder that others use: set one for this pool only, such as "
            "/var/lib/libvirt/plumbline/<cluster>",
        )
        for pool in ("/etc/pool", "/var", "/var/lib/libvirt", "/usr/lib/pool", "/pool")
    ),
    (
        "no operating system",
        {"machines/libvirt/os": None},
        "machines.libvirt.os: is missing: one of debian, flatcar, fedora-coreos",
    ),
    (
        "empty path",
        {f"{IMAGE}/path": ""},
        "machines.libvirt.image.path: is missing: the VM image: a qcow2 file, or its URL",
    ),
    (
        "checksum twice",
        {f"{IMAGE}/sha256sums": "sums"},
        "machines.libvirt.image.sha256sums: is set together with sha256: set one of them",
    ),
    (
        "initrd without kernel",
        {f"{IMAGE}/initrd": "initrd"},
        "machines.libvirt.image.kernel: is missing: direct boot needs kernel and initrd",
    ),
    (
        "authorized key that is cut short",
        {"machines/libvirt/authorizedKeys": [HOST_KEY[:-8]]},
        "machines.libvirt.authorizedKeys[0]: is not an authorized key of type ssh-ed25519: its base64 text is cut short or "
        "damaged",
    ),
    (
        "two authorized keys in one",
        {"machines/libvirt/authorizedKeys": [f"{HOST_KEY}\n{HOST_KEY}"]},
        "machines.libvirt.authorizedKeys[0]: holds 2 lines: each entry of the list is one key",
    ),
    (
        "no authorized key",
        {"machines/libvirt/authorizedKeys": ["~/.ssh/id_ed25519.pub"]},
        f"machines.libvirt.authorizedKeys[0]: is not an authorized key: {ssh_keys.AUTHORIZED_KEY}",
    ),
    (
        "one authorized key twice",
        {"machines/libvirt/authorizedKeys": [HOST_KEY, f"restrict {HOST_KEY} again"]},
        "machines.libvirt.authorizedKeys[1]: repeats machines.libvirt.authorizedKeys[0]: remove one of them",
    ),
]


@pytest.mark.parametrize(("change", "message"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_load_config_refuses(libvirt_errors: Errors, change: dict[str, Any], message: str) -> None:
    assert message in libvirt_errors(change)
