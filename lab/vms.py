"""The lab's part of stacks on libvirt: the VM image, a libvirt, and the check if KVM works."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from builder.errors import UserError
from builder.log import log
from lab import kvm, libvirtd, netns, vm_image
from lab.context import Lab


def on_system(project: Path) -> bool:
    """Return whether the VMs run on the system's libvirt, and so in the machine's own network.

    Raises UserError if a lab also runs in a network namespace: its `pulumi` would not reach the VMs.
    """
    lab = Lab.of(project)
    if libvirtd.owner(lab) is not libvirtd.Owner.SYSTEM:
        return False
    if netns.exists(lab):
        raise UserError(
            "this system's libvirt is outside the lab's network: stop the lab with `make down`, then try again"
        )
    return True


def up(project: Path, stack: dict[str, Any]) -> None:
    """Prepare image and libvirt; the Pulumi program creates the VMs. Raises UserError."""
    lab = Lab.of(project)
    vm_image.ensure(lab)
    if kvm.domain_type(lab) == "kvm":
        log("KVM boots a guest: the VMs use it")
    else:
        log("KVM boots no guest: the VMs are emulated (TCG), and each takes a minute or more to boot")
    libvirtd.ensure(lab)


def default_stack(lab: Lab) -> str:
    """Return the stack of three control-plane nodes and a worker that suits this machine.

    On VMs if KVM boots a guest, else on container hosts: emulated control-plane nodes are too slow for a quorum.
    """
    if os.access("/dev/kvm", os.R_OK | os.W_OK):
        vm_image.ensure(lab)
        if kvm.domain_type(lab) == "kvm":
            log("KVM boots a guest: using stack dev, on VMs (STACK=... overrides)")
            return "dev"
    log("KVM boots no guest: using stack hosts, on containers; STACK=small has two emulated VMs (STACK=... overrides)")
    return "hosts"


def build(project: Path) -> None:
    """Build the image; start nothing."""
    vm_image.ensure(Lab.of(project))


def down(project: Path) -> None:
    """Stop what `up` started; the image stays in the cache."""
    libvirtd.stop(Lab.of(project))
