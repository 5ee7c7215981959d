"""A static pod's program judges its flags and files on the node before they are in their place, and before any restart."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from cluster.config.control_plane_model import Component, HostVolume
from cluster.node.binaries import Binaries
from cluster.rendering import render
from nodestate import Verification

NONE = "/nonexistent/plumbline"


@dataclass(frozen=True)
class StartCheck:
    """How a program is asked: it is started so that it ends at a file that does not exist, with `accepted` as its error.

    That is the last file that it reads, so it has accepted all others by then, and has connected to nothing. `wanted`: only
    settings of the stack are checked. `override` are flags of this start, `replaced` texts in the rendered files.
    """

    wanted: bool
    accepted: str
    override: Mapping[str, str] = field(default_factory=dict)
    replaced: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def without_kubeconfig(cls, settings: Component) -> StartCheck:
        """The check of a program that reads its kubeconfig last."""
        return cls(settings != Component(), f"stat {NONE}: no such file or directory", {"kubeconfig": NONE})


@dataclass(frozen=True)
class Started:
    """The start of a static pod of a Kubernetes version.

    `files` are the absolute paths of all its files, `rendered` those without secrets.
    """

    name: str
    version: str
    arguments: tuple[str, ...]
    manifest: str
    files: tuple[str, ...]
    rendered: tuple[str, ...]
    volumes: tuple[HostVolume, ...]


@dataclass(frozen=True)
class _Parameters:
    ctr: str
    name: str
    version: str
    arguments: tuple[str, ...]
    volumes: tuple[HostVolume, ...]
    replaced: Mapping[str, str]
    copies: Mapping[str, str]
    accepted: str


def verification(check: StartCheck, pod: Started, programs: Binaries) -> Verification:
    """The check of a pod's new manifest and rendered files, if a container of the planned version runs that can be asked."""
    copies = {path: path.rpartition("/")[2] for path in pod.rendered} if check.replaced else {}
    kept = [one for one in pod.arguments if one.partition("=")[0].removeprefix("--") not in check.override]
    arguments = [_argument(one, pod, copies) for one in kept]
    arguments += [shlex.quote(f"--{flag}={value}") for flag, value in check.override.items()]
    parameters = _Parameters(
        ctr=programs.ctr,
        name=pod.name,
        version=pod.version,
        arguments=tuple(arguments),
        volumes=pod.volumes,
        replaced=check.replaced,
        copies=copies,
        accepted=check.accepted,
    )
    return Verification((pod.manifest, *pod.rendered), render("node/static_pod/verify.sh.j2", parameters))


def _argument(argument: str, pod: Started, copies: Mapping[str, str]) -> str:
    """An argument for the shell of the node, where the pod's files are staged, and its volumes are at the node's paths."""
    flag, _, value = argument.partition("=")
    if value in copies:
        return f'{flag}="$root/{copies[value]}"'
    if value in pod.files:
        return f'{flag}="$(staged {value})"'
    for one in pod.volumes:
        if value == one.mount_path or value.startswith(f"{one.mount_path}/"):
            return shlex.quote(f"{flag}={one.host_path}{value.removeprefix(one.mount_path)}")
    return shlex.quote(argument)
