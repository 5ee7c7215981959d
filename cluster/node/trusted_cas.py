"""The site's CAs in the system's trust store, by the tool that the node's operating system has for it."""

from __future__ import annotations

from dataclasses import dataclass

from cluster.config.model import Site
from cluster.node import paths
from cluster.node.binaries import Binaries
from cluster.rendering import read_template, render
from nodestate import Action, Directory, File, Foreign, NodeState, Reaction, Unit

UNIT = "plumbline-trusted-cas.service"


@dataclass(frozen=True)
class _UnitParameters:
    script: str
    folder: str


def state(site: Site, programs: Binaries, reader: str) -> NodeState:
    """The certificates, and the unit that adds them; empty without any. `reader` reads all trusted CAs at its start only."""
    if not site.trusted_cas:
        return NodeState()
    files = {f"{paths.TRUSTED_CAS}/{name}.crt": _pem(str(pem)) for name, pem in sorted(site.trusted_cas.items())}
    unit = _UnitParameters(programs.trusted_cas, paths.TRUSTED_CAS)
    return NodeState(
        files={
            **{path: File(pem) for path, pem in files.items()},
            programs.trusted_cas: File(read_template("node/site/trusted-cas.sh"), mode="0755"),
            paths.TRUSTED_CAS_UNIT: File(render("node/site/plumbline-trusted-cas.service.j2", unit)),
        },
        directories={paths.TRUSTED_CAS: Directory(foreign=Foreign.NAMED)},
        units={UNIT: Unit(foreign_drop_ins=Foreign.REMOVED)},
        reactions=(
            Reaction(UNIT, Action.RESTART, (*files, programs.trusted_cas, paths.TRUSTED_CAS_UNIT)),
            Reaction(reader, Action.RESTART, tuple(files)),
        ),
    )


def _pem(text: str) -> str:
    return text if text.endswith("\n") else f"{text}\n"
