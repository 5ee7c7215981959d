"""The steps of a plan as data: what is brought about where, from what, and after which other steps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from nodestate import NodeState


class CA(StrEnum):
    """A certificate authority. etcd's is separate: any of its client certificates reads and writes the whole store."""

    KUBERNETES = "ca"
    ETCD = "etcd-ca"
    FRONT_PROXY = "front-proxy-ca"


class SharedKey(StrEnum):
    """A key pair that every control-plane node shares."""

    SERVICE_ACCOUNT = "service-account"
    ENCRYPTION = "encryption"


class Part(StrEnum):
    """Which text of an issued thing goes into a file."""

    CERTIFICATE = "certificate"
    PRIVATE_KEY = "private key"
    PUBLIC_KEY = "public key"
    ENCRYPTION_CONFIGURATION = "EncryptionConfiguration"

    @property
    def secret(self) -> bool:
        """Whether the text may be shown to nobody."""
        return self in (Part.PRIVATE_KEY, Part.ENCRYPTION_CONFIGURATION)


@dataclass(frozen=True)
class Issued:
    """A text that is made during the run: one part of a CA, of a leaf (by its name) or of a shared key."""

    of: str
    part: Part


@dataclass(frozen=True)
class IssuedFile:
    """Which issued text goes to which absolute path of a node. Secrets are readable by root only."""

    path: str
    text: Issued

    @property
    def mode(self) -> str:
        """Octal digits."""
        return "0600" if self.text.part.secret else "0644"


def certificate(of: str, path: str) -> IssuedFile:
    """The certificate of a CA or leaf at a path."""
    return IssuedFile(path, Issued(of, Part.CERTIFICATE))


def key_pair(leaf: str, certificate_path: str, key_path: str) -> tuple[IssuedFile, IssuedFile]:
    """A leaf's certificate and private key at their paths."""
    return certificate(leaf, certificate_path), IssuedFile(key_path, Issued(leaf, Part.PRIVATE_KEY))


@dataclass(frozen=True)
class After:
    """An ordering edge: a step begins when the step named here has finished. `reason` is printed in the reference."""

    step: str
    reason: str


@dataclass(frozen=True)
class NodeStateStep:
    """One NodeState of one node. `name` is unique in the cluster and begins with the node's name.

    `issued` are added to the files of `state`; `component` is the part of the node, as the reference names it.
    """

    node: str
    component: str
    state: NodeState
    issued: tuple[IssuedFile, ...] = ()
    after: tuple[After, ...] = ()

    @property
    def name(self) -> str:
        """The step's name, which is the resource's."""
        return step_name(self.node, self.component)


@dataclass(frozen=True)
class CommandStep:
    """An event: a script that runs on `node` once, and again when its text, or the revision of a step in `reruns_on`, changes.

    `undo` runs when the step is deleted. `admin`: the script is given the bootstrap identity's kubeconfig on standard
    input. `owner` is the node that the step belongs to, None for the cluster. `first_contact` waits for a machine that is
    still booting, and runs again on another machine.
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


Step = NodeStateStep | CommandStep


def step_name(node: str, component: str) -> str:
    """The name of a node's step."""
    return f"{node}-{component}"
