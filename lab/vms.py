"""What the stacks on libvirt need of the lab: the VM image, a libvirt, and the word whether KVM works."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lab import kvm, libvirtd, netns, vm_image
from lab.context import Lab, LabError, say


def on_system(project: Path) -> bool:
    """Whether the VMs run on a libvirt that this machine has of its own, and so in the machine's own network.

    Raises LabError where a lab runs in a network namespace all the same: its `pulumi` would not reach them.
    """
    lab = Lab.of(project)
    if libvirtd.owner(lab) is not libvirtd.Owner.SYSTEM:
        return False
    if netns.exists(lab):
        raise LabError("this system's libvirt runs outside the lab's network: end what runs there with `make down`")
    return True


def up(project: Path, stack: dict[str, Any]) -> None:
    """Makes image and libvirt ready. The VMs themselves are the Pulumi program's. Raises LabError."""
    lab = Lab.of(project)
    vm_image.ensure(lab)
    if kvm.domain_type(lab) == "kvm":
        say("KVM boots a guest here: the VMs run on it")
    else:
        say("KVM boots no guest here: the VMs are emulated (TCG), and each takes a minute or more to boot")
    libvirtd.ensure(lab)


def carried(lab: Lab) -> str:
    """The stack of three control-plane nodes and a worker that this machine carries: on VMs where KVM boots a guest,
    else on container hosts, since emulated control-plane nodes are too slow for each other."""
    if os.access("/dev/kvm", os.R_OK | os.W_OK):
        vm_image.ensure(lab)
        if kvm.domain_type(lab) == "kvm":
            say("KVM boots a guest here: stack dev, on VMs (STACK=... overrides)")
            return "dev"
    say("KVM boots no guest here: stack hosts, on containers; STACK=small has two emulated VMs (STACK=... overrides)")
    return "hosts"


def build(project: Path) -> None:
    """Only builds the image."""
    vm_image.ensure(Lab.of(project))


def down(project: Path) -> None:
    """Ends what `up` started; leaves the image in the cache."""
    libvirtd.stop(Lab.of(project))
