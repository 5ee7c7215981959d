"""The records of NodeState. A field is declared here and nowhere else: type, default, meaning, check, wire names.

The wire form (wire.py), the checks (checks.py) and docs/reference/nodestate.md follow from the declarations.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from nodestate.keys import Check, Key, matching, whole
from nodestate.secret import Secret, Text

PATH = Check(
    "an absolute path in its shortest form",
    lambda value: (
        value.startswith("/")
        and value.isprintable()
        and not ("\\" in value or "//" in value or value.endswith("/") or {".", ".."} & set(value.split("/")))
    ),
)
UNIT = matching(
    r"(?!.*@\.)[A-Za-z0-9:_.@\\-]+\.(service|socket|timer|path|mount|target|slice)",
    "a unit's name, such as kubelet.service",
)
MODE = matching(r"0?[0-7]{3}|[0-7]{4}", "octal digits such as 0644")
USER = matching(r"[a-z_][a-z0-9_-]*|[0-9]+", "a user's name or number")
GROUP = matching(r"[a-z_][a-z0-9_-]*|[0-9]+", "a group's name or number")
SHA256 = matching(r"[0-9a-f]{64}", "a sha256: 64 digits of 0-9 and a-f")
DOWNLOAD_URL = matching(r"(https?://|file:///)\S+", "an http, https or file URL")
HTTP_URL = matching(r"https?://\S+", "an http or https URL")
MEMBER = matching(r"[^/].*", "a member of an archive")
SERVED_AT = matching(r"\S+:[0-9]{1,5}", "host:port")
NAME = matching(r"(?s).+", "a name")
MACHINE_ID = matching(r"(?s).+", "a text that changes when the node becomes another machine")
PROBE = matching(r"[a-z0-9][a-z0-9.-]*", "a name of a-z, 0-9, - and .")
CANARIES = whole(0, None, "a whole number from 0")
_OWNER = "Owner: name or number. Users that `files` below /etc/sysusers.d declare are made before anything is written."
COMMAND = matching(r"(?s).+", "a shell command")
SCRIPT = matching(r"(?s).+", "a shell script")
HOST = matching(r"\S+", "an address or host name")
PORT = whole(1, 65535, "a port: 1 to 65535")
SECONDS = whole(1, 3600, "between 1 and 3600 seconds")
FROM_ONE = whole(1, None, "a whole number from 1")
PRIVATE_KEY = matching(r"(?s).+", "a private key in PEM or OpenSSH form")
CERTIFICATE = matching(
    r"\s*\S+-cert-v01@openssh\.com [A-Za-z0-9+/=]+( .*)?\s*", "a certificate, as in a file such as id_ed25519-cert.pub"
)
HOST_KEY = matching(
    r"\s*(ssh-ed25519|ecdsa-sha2-\S+|ssh-rsa|rsa-sha2-\S+) [A-Za-z0-9+/=]+( .*)?\s*",
    "a host's public key: its type and the key, such as ssh-ed25519 AAAA...",
)


def four_digits(mode: str) -> str:
    """Octal digits as `stat` prints them."""
    return mode.lstrip("0").rjust(4, "0")


class Action(StrEnum):
    """The action for a unit after one of its files changed (docs/reference/reactions.md).

    `self-reload`: the program rereads the file by itself; it is restarted only if it still serves the old certificate.
    """

    RESTART = "restart"
    RELOAD = "reload"
    SELF_RELOAD = "self-reload"


class Foreign(StrEnum):
    """How the plan treats entries in a place of ours that no component declares.

    `named`: each is a warning in the plan. `removed`: each is a change in the plan, and is moved aside by the update.
    """

    IGNORED = "ignored"
    NAMED = "named"
    REMOVED = "removed"


@dataclass(frozen=True)
class Download:
    """A file to download, pinned by its checksum."""

    url: Annotated[str, Key("Where the node downloads it from.", DOWNLOAD_URL)]
    sha256: Annotated[str, Key("The checksum of what `url` serves.", SHA256)]
    extract: Annotated[str | None, Key("Install this member of the tar archive instead of the archive.", MEMBER)] = None

    @property
    def identity(self) -> tuple[str, str | None]:
        """Equal for equal bytes: another URL for the same bytes is the same download."""
        return self.sha256, self.extract


@dataclass(frozen=True)
class File:
    """One file: either its content or a download.

    A block is a part of a file that other programs write, too: only the lines between two marks are managed. Mode and
    ownership of such a file are not managed; they are empty here.
    """

    content: Annotated[Text | None, Key("The text. A secret text is never shown, logged or read back.")] = None
    source: Annotated[Download | None, Key("A pinned download.", unless="block")] = None
    mode: Annotated[str, Key("Permissions.", MODE, unless="block", normal=four_digits)] = "0644"
    owner: Annotated[str, Key(_OWNER, USER, unless="block")] = "root"
    group: Annotated[str, Key("Group: name or number.", GROUP, unless="block")] = "root"
    block: Annotated[bool, Key("Manage only these lines, between two marks, of a file that others write, too.")] = False

    @property
    def text(self) -> str | None:
        """The content if it is public and known, else None."""
        return self.content if isinstance(self.content, str) else None

    def __post_init__(self) -> None:
        if self.block:
            for name in ("mode", "owner", "group"):
                object.__setattr__(self, name, "")


@dataclass(frozen=True)
class Directory:
    """One directory. Missing parents are made; it is removed only if it is empty."""

    mode: Annotated[str, Key("Permissions.", MODE, normal=four_digits)] = "0755"
    owner: Annotated[str, Key(_OWNER, USER)] = "root"
    group: Annotated[str, Key("Group: name or number.", GROUP)] = "root"
    foreign: Annotated[
        Foreign,
        Key(
            "Entries that no component of the node declares, hidden ones apart: `ignored`, `named` in the plan, or "
            "`removed` (moved to /var/lib/plumbline/removed)."
        ),
    ] = Foreign.IGNORED
    known: Annotated[
        tuple[str, ...],
        Key("Paths in it that other components of the node declare: never foreign, also in a run without those.", PATH),
    ] = ()


@dataclass(frozen=True)
class Unit:
    """The state of one systemd unit."""

    enabled: Annotated[bool, Key("Whether it starts at boot.")] = True
    active: Annotated[bool, Key("Whether it runs.")] = True
    foreign_drop_ins: Annotated[
        Foreign,
        Key("Drop-ins of the unit below /etc and /run that no component declares, as for a directory's entries."),
    ] = Foreign.NAMED


@dataclass(frozen=True)
class Probe:
    """A fact of the running system: a setting, a route, a table, a mount. It is shown and repaired like a file."""

    command: Annotated[
        str, Key("POSIX sh script that prints the fact, run as root at each read; it changes nothing.", COMMAND)
    ]
    expected: Annotated[str, Key("What it prints, without the last newline, if the fact is as it should be.")]
    unit: Annotated[str, Key("The unit that brings the fact about: it is restarted if the output differs.", UNIT)]
    seconds: Annotated[int, Key("Seconds for one run of the command.", SECONDS)] = 5


@dataclass(frozen=True)
class Reaction:
    """The action for a unit when one of the named files changes."""

    unit: Annotated[str, Key("The unit.", UNIT)]
    action: Annotated[
        Action,
        Key(
            "What the unit does. `self-reload`: the program rereads the files by itself and is restarted only if it still "
            "serves the old certificate. If several actions apply to a unit, only the strongest runs."
        ),
    ]
    files: Annotated[tuple[str, ...], Key("Paths of the files.", PATH, among="files", needs_one=True)]
    served_at: Annotated[str | None, Key("For self-reload: where the node serves the certificate.", SERVED_AT)] = None
    certificate: Annotated[
        str | None, Key("For self-reload: path of the certificate that is served.", PATH, among="files")
    ] = None


@dataclass(frozen=True)
class Readiness:
    """When a unit that was started, restarted or reloaded counts as ready."""

    unit: Annotated[str, Key("The unit: it must be active.", UNIT, among="units")]
    http: Annotated[str | None, Key("URL on the node that must answer with success.", HTTP_URL)] = None
    timeout: Annotated[int, Key("Seconds until the change is rolled back.", SECONDS)] = 120


@dataclass(frozen=True)
class Hook:
    """A POSIX sh script that runs on the node as root. It must be safe to run again."""

    unit: Annotated[str, Key("The unit it belongs to.", UNIT, among="units")]
    script: Annotated[str, Key("The script.", SCRIPT)]


@dataclass(frozen=True)
class Verification:
    """A check of files before they are put in their place."""

    files: Annotated[tuple[str, ...], Key("Run if one of these changes.", PATH, among="files", needs_one=True)]
    script: Annotated[
        str,
        Key(
            "POSIX sh script, run as root. `staged PATH` prints where the new file of PATH is, or PATH itself if it does "
            "not change. If the script fails, nothing is changed and its output is the error.",
            SCRIPT,
        ),
    ]


@dataclass(frozen=True)
class Rollout:
    """The nodes that can replace each other: only so many of them are disrupted at a time."""

    group: Annotated[str, Key("Name of the rollout group, the same on each of its nodes.", NAME)]
    health_check: Annotated[
        str | None,
        Key(
            "Shell command that succeeds while the group as a whole serves; run before and after a disruptive change.",
            COMMAND,
            formerly="guard",
        ),
    ] = None
    max_unavailable: Annotated[int, Key("Nodes disrupted at a time.", FROM_ONE, formerly="atOnce")] = 1
    canaries: Annotated[
        int, Key("Nodes that must have finished, one after another, before others are disrupted together.", CANARIES)
    ] = 0
    members: Annotated[
        tuple[str, ...], Key("Names of the group's nodes, in the order in which they get their slot.", NAME)
    ] = ()
    removal_check: Annotated[
        str | None,
        Key(
            "Shell command that succeeds while the remaining members could go on without those that leave `members`; "
            "run in the preview on each remaining member.",
            COMMAND,
            formerly="remaining",
        ),
    ] = None


@dataclass(frozen=True)
class NodeState:
    """Files, directories and units of one node for one component, and how to react to a change of them."""

    files: Annotated[Mapping[str, File], Key("Files by path.", entries=PATH)] = field(default_factory=dict)
    directories: Annotated[Mapping[str, Directory], Key("Directories by path.", entries=PATH)] = field(
        default_factory=dict
    )
    units: Annotated[Mapping[str, Unit], Key("systemd units by name.", entries=UNIT)] = field(default_factory=dict)
    reactions: Annotated[tuple[Reaction, ...], Key("What units need when files change.")] = ()
    readiness: Annotated[tuple[Readiness, ...], Key("When units count as ready.")] = ()
    probes: Annotated[Mapping[str, Probe], Key("Facts of the running system by name.", entries=PROBE)] = field(
        default_factory=dict
    )
    verifications: Annotated[tuple[Verification, ...], Key("Checks of files before they are put in their place.")] = ()
    rollout: Annotated[Rollout | None, Key("The node's rollout group.")] = None
    pre_start: Annotated[
        tuple[Hook, ...], Key("Hooks that run before their unit is started or restarted.", formerly="prepare")
    ] = ()
    pre_delete: Annotated[
        tuple[Hook, ...],
        Key("Hooks that run before the resource is deleted. If one fails, nothing is removed.", formerly="leave"),
    ] = ()


@dataclass(frozen=True)
class Declared:
    """The names of all that one component of a node declares."""

    files: Annotated[tuple[str, ...], Key("Paths of whole files.", PATH)] = ()
    blocks: Annotated[tuple[str, ...], Key("Paths of files of which it manages a block.", PATH)] = ()
    directories: Annotated[tuple[str, ...], Key("Paths of directories.", PATH)] = ()
    units: Annotated[tuple[str, ...], Key("Units.", UNIT)] = ()

    @classmethod
    def of(cls, state: NodeState, issued: Collection[str] = ()) -> Declared:
        """The names in a state. `issued` are files that are added to it."""
        return cls(
            files=(*(path for path, file in state.files.items() if not file.block), *issued),
            blocks=tuple(path for path, file in state.files.items() if file.block),
            directories=tuple(state.directories),
            units=tuple(state.units),
        )


@dataclass(frozen=True)
class Endpoint:
    """One SSH server on the way to a node: a bastion, or the node itself. `privateKey` or `agent` is needed, and `hostKey` or
    `hostCaKey`."""

    host: Annotated[str, Key("Address or host name, as the computer before it on the way knows it.", HOST)]
    private_key: Annotated[
        Secret | None, Key("Private key of the user, without a passphrase. A secret.", PRIVATE_KEY)
    ] = None
    host_key: Annotated[
        str | None, Key("Public key of the host. The connection is refused if it has another.", HOST_KEY)
    ] = None
    port: Annotated[int, Key("Port of sshd.", PORT)] = 22
    user: Annotated[
        str,
        Key(
            "User to log in as. On a node: root, or one that may use sudo, without a password or with `sudoPassword`.",
            NAME,
        ),
    ] = "root"
    certificate: Annotated[
        str | None, Key("User certificate of the private key, signed by a CA that the host trusts.", CERTIFICATE)
    ] = None
    agent: Annotated[
        bool, Key("Use the keys of the SSH agent that SSH_AUTH_SOCK names on the machine that runs Pulumi.")
    ] = False
    agent_key: Annotated[str | None, Key("With `agent`: offer this public key only.", HOST_KEY)] = None
    host_ca_key: Annotated[
        str | None,
        Key("Public key of the CA that signs the host's certificate: `host` must be a principal of it.", HOST_KEY),
    ] = None


@dataclass(frozen=True)
class Connection(Endpoint):
    """How a node is reached by SSH: its own sshd, and the bastions before it."""

    sudo_password: Annotated[
        Secret | None,
        Key("The user's password on the node, if sudo asks for it. A secret, given to sudo on standard input.", NAME),
    ] = None
    bastions: Annotated[
        tuple[Endpoint, ...], Key("The bastions on the way, the first one first. Their sshd must allow TCP forwarding.")
    ] = ()


@dataclass(frozen=True, kw_only=True)
class NodeStateInputs(NodeState):
    """All inputs of the resource: the state, and the node it is for."""

    node: Annotated[str, Key("Name of the node, used in every message.", NAME)]
    connection: Annotated[Connection, Key("How the node is reached.")]
    machine_id: Annotated[
        str | None,
        Key(
            "Identity of a machine that the program creates. If it changes, everything is created again on the new one. "
            "A host that exists already has none: its /etc/machine-id is read.",
            MACHINE_ID,
        ),
    ] = None
    declared_elsewhere: Annotated[
        Mapping[str, Declared] | None,
        Key(
            "What the node's other components declare, by the name of their resource. A path or unit of theirs that this "
            "component had before, as the same kind of thing, is left to them: it is neither removed nor stopped. With it, a "
            "run also names another component that its stack created on the node, if neither the state nor the program has that "
            "one. It is not stored, and a change of it is no change."
        ),
    ] = None
