"""The steps of a plan as data: a NodeState or a script, its node, and the steps that it waits for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from nodestate import NodeState


class CA(StrEnum):
    """A certificate authority. etcd's is separate: any client certificate of it reads and writes all data in etcd."""

    KUBERNETES = "ca"
    ETCD = "etcd-ca"
    FRONT_PROXY = "front-proxy-ca"


class SharedKey(StrEnum):
    """A key pair that every control-plane node shares."""

    SERVICE_ACCOUNT = "service-account"
    ENCRYPTION = "encryption"


class Part(StrEnum):
    """The part of a CA, leaf or shared key that goes into a file."""

    CERTIFICATE = "certificate"
    PRIVATE_KEY = "private key"
    PUBLIC_KEY = "public key"
    ENCRYPTION_CONFIGURATION = "EncryptionConfiguration"

    @property
    def secret(self) -> bool:
        """Whether the text must never be shown or logged."""
        return self in (Part.PRIVATE_KEY, Part.ENCRYPTION_CONFIGURATION)


@dataclass(frozen=True)
class Issued:
    """A text that is created during the run: one part of a CA, of a leaf (by its name) or of a shared key."""

    of: str
    part: Part


@dataclass(frozen=True)
class IssuedFile:
    """An issued text and its absolute path on a node. Only its owner can read a secret one."""

    path: str
    text: Issued
    owner: str = "root"

    @property
    def mode(self) -> str:
        """Permissions, in octal digits."""
        return "0600" if self.text.part.secret else "0644"


def certificate(of: str, path: str) -> IssuedFile:
    """The file at `path` with the certificate of a CA or leaf."""
    return IssuedFile(path, Issued(of, Part.CERTIFICATE))


def key_pair(leaf: str, certificate_path: str, key_path: str, owner: str = "root") -> tuple[IssuedFile, IssuedFile]:
    """The files with a leaf's certificate and private key; `owner`, user and group, has the key."""
    return certificate(leaf, certificate_path), IssuedFile(key_path, Issued(leaf, Part.PRIVATE_KEY), owner)


@dataclass(frozen=True)
class After:
    """An ordering edge to the step that must finish first. `reason` is printed in docs/reference/files-and-order.md."""

    step: str
    reason: str


@dataclass(frozen=True)
class NodeStateStep:
    """One NodeState of one node. `issued` is added to the files of `state`; `component` names the part of the node."""

    node: str
    component: str
    state: NodeState
    issued: tuple[IssuedFile, ...] = ()
    after: tuple[After, ...] = ()

    @property
    def name(self) -> str:
        """The step's name, unique in the cluster. The Pulumi resource has the same name."""
        return step_name(self.node, self.component)


@dataclass(frozen=True)
class CommandStep:
    """A script that runs on `node` once, and again if its text or the revision of a step in `reruns_on` changes.

    `undo` runs when the step is deleted or replaced: a step with `undo` has no `reruns_on`. With `admin`, the script reads
    the bootstrap kubeconfig on standard input. `owner` is the node that the step belongs to, None for the cluster. With
    `first_contact`, the step waits for a machine that is still booting, and runs again if the program creates another
    machine of that name. With `undone_always`, `undo` runs even if the machine it runs on is deleted in the same run. If
    `node` does not answer, the script runs on the first node of `elsewhere` that does.
    """

    name: str
    node: str
    component: str
    script: str
    undo: str | None = None
    after: tuple[After, ...] = ()
    reruns_on: tuple[str, ...] = ()
    admin: bool = False
    owner: str | None = None
    first_contact: bool = False
    undone_always: bool = False
    elsewhere: tuple[str, ...] = ()


@dataclass(frozen=True)
class ObjectsStep:
    """A set of objects behind the API, applied and pruned as a whole. `objects` are its manifests, each of another object.

    `wait_seconds` is how long its workloads get to roll out.
    """

    name: str
    set_name: str
    objects: tuple[Mapping[str, Any], ...]
    after: tuple[After, ...] = ()
    wait_seconds: int = 300

    @property
    def component(self) -> str:
        """The name of the part of the cluster."""
        return f"add-on {self.set_name}"

    @property
    def owner(self) -> None:
        """It belongs to the cluster."""
        return None


@dataclass(frozen=True)
class RegistrationStep:
    """A node in the API: Ready with `version` of the kubelet, and with these labels and taints (value by `<key>:<effect>`).

    A node that leaves the plan is drained and deleted.
    """

    node: str
    version: str
    labels: Mapping[str, str]
    taints: Mapping[str, str]
    after: tuple[After, ...] = ()
    component: str = "registration"

    @property
    def name(self) -> str:
        """The step's name, unique in the cluster. The Pulumi resource has the same name."""
        return step_name(self.node, self.component)

    @property
    def owner(self) -> str:
        """The node that it belongs to."""
        return self.node


Step = NodeStateStep | CommandStep | ObjectsStep | RegistrationStep


def step_name(node: str, component: str) -> str:
    """The name of a node's step."""
    return f"{node}-{component}"
