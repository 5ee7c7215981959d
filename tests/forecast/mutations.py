"""Mutations by hand: on the node itself, behind the program's back. Each maker may change the world as well."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from cluster.node import paths
from tests.forecast import services
from tests.forecast.rendered import POD_UNIT
from tests.forecast.services import FOLDER, IDLE, KEEPS, REREADS, RESOLVED, ROUTE, SETTING, TOOL, TOOL_UNIT, UNITS, WEB
from tests.forecast.world import World, pick

SETTLE = """
settled() { # UNIT STATE...: waits until the unit is in one of these states
  one=$1; shift
  for try in $(seq 100); do
    now=$(systemctl show --property ActiveState,SubState --value "$one" | paste -sd-)
    for state; do case "$now" in $state) return 0;; esac; done
    sleep 0.1
  done
  echo "$one is $now" >&2; return 1
}
"""


@dataclass(frozen=True)
class Mutation:
    """One change. `hand` is a script for the node; `forget` a component that is lost from the state; `reimage` replaces
    the host. An update must refuse `refused`, a path that it cannot replace. `undo` is the script that takes the change away:
    what is refused, or what only Plumbline repairs."""

    kind: str
    text: str
    hand: str = ""
    forget: str = ""
    reimage: bool = False
    refused: str = ""
    undo: str = ""


Maker = Callable[[Random, World], Mutation | None]

RUNNING = (WEB, IDLE, TOOL_UNIT, REREADS, KEEPS)


def _editable(world: World) -> list[str]:
    return sorted(path for path, file in world.files.items() if "content" in file and not file.get("block"))


def _small(world: World) -> list[str]:
    """Files whose loss does not stop the machine from being reached."""
    return [path for path in _editable(world) if path.startswith((FOLDER, f"{UNITS}/", "/etc/plumbline/"))]


def _units(world: World, *more: str) -> list[str]:
    return [name for name in (*RUNNING, SETTING, ROUTE, RESOLVED, *more) if name in world.units]


def edit(rng: Random, world: World) -> Mutation | None:
    path = pick(rng, [one for one in _editable(world) if not one.endswith((".crt", ".key"))])
    quoted = shlex.quote(path)
    how, script = pick(
        rng,
        [
            ("a line is appended", f"echo '# by hand {world.fresh()}' >>{quoted}"),
            ("its first line is gone", f"sed -i 1d {quoted}"),
            ("every line ends with CR", f"sed -i 's/$/\\r/' {quoted}"),
            ("its last newline is missing", f"truncate -s -1 {quoted}"),
            ("a blank is at the end of its first line", f"sed -i '1s/$/ /' {quoted}"),
        ],
    )
    return Mutation("file: content", f"{path}: {how}", script)


def reshape(rng: Random, world: World) -> Mutation | None:
    path = pick(rng, [*_small(world), TOOL])
    script = pick(rng, ["chmod 0640", "chmod 0666", "chown daemon", "chgrp daemon"])
    return Mutation("file: mode or owner", f"{path}: {script}", f"{script} {shlex.quote(path)}")


def reshape_directory(rng: Random, world: World) -> Mutation | None:
    path = pick(rng, world.directories)
    script = pick(rng, ["chmod 0711", "chown daemon"])
    return Mutation("directory: mode or owner", f"{path}: {script}", f"{script} {shlex.quote(path)}")


def delete(rng: Random, world: World) -> Mutation | None:
    path = pick(rng, [*_small(world), TOOL])
    return Mutation("file: deleted", path, f"rm {shlex.quote(path)}")


def symlink(rng: Random, world: World) -> Mutation | None:
    path = pick(rng, [one for one in _small(world) if not one.startswith(UNITS)])
    moved = shlex.quote(f"/var/tmp/moved-{world.fresh()}")
    return Mutation("file: symlink", path, f"mv {shlex.quote(path)} {moved}; ln -s {moved} {shlex.quote(path)}")


def in_place_of(rng: Random, world: World) -> Mutation | None:
    path = pick(rng, [f"{FOLDER}/note", f"{FOLDER}/web.conf"])
    if path not in world.files:
        return None
    return Mutation(
        "file: directory", path, f"rm -f {path}; mkdir {path}", refused=path, undo=f"rmdir {path} 2>/dev/null || true"
    )


def touch(rng: Random, world: World) -> Mutation | None:
    path = shlex.quote(pick(rng, _small(world)))
    how = pick(rng, [f"touch {path}", f"cp -p {path} {path}.copy; mv {path}.copy {path}"])
    return Mutation("file: same content", f"{path}: {how}", how)


def block(rng: Random, world: World) -> Mutation | None:
    path = f"{FOLDER}/shared"
    how = pick(rng, ["sed -i s/managed/unmanaged/", "sed -i '$a of others'", "sed -i '1i of others'", "rm"])
    return Mutation("file: block", f"{path}: {how}", f"{how} {path}")


def stop(rng: Random, world: World) -> Mutation | None:
    name = pick(rng, _units(world, POD_UNIT, "containerd.service", "kubelet.service"))
    return Mutation("unit: stopped", name, f"systemctl stop {name}")


def disable(rng: Random, world: World) -> Mutation | None:
    name = pick(rng, _units(world))
    how = pick(rng, ["disable", "disable --now"])
    return Mutation("unit: disabled", f"{name}: {how}", f"systemctl --quiet {how} {name}")


def runtime(rng: Random, world: World) -> Mutation | None:
    name = pick(rng, RUNNING)
    script = f"systemctl --quiet disable {name}; systemctl --quiet enable --runtime {name}"
    return Mutation("unit: enabled at run time", name, script)


def mask(rng: Random, world: World) -> Mutation | None:
    how = pick(rng, ["mask", "mask --runtime", "mask --now", "mask --runtime --now"])
    script = f"systemctl --quiet {how} {RESOLVED}"
    undo = f"systemctl --quiet unmask {RESOLVED}; systemctl --quiet unmask --runtime {RESOLVED}"
    return Mutation("unit: masked", f"{RESOLVED}: {how}", script, undo=undo)


def mask_own(rng: Random, world: World) -> Mutation | None:
    name = pick(rng, RUNNING)
    script = f"ln -sfn /dev/null {UNITS}/{name}; systemctl daemon-reload; systemctl stop {name}"
    return Mutation("unit: masked in place of its file", name, script)


def fail(rng: Random, world: World) -> Mutation | None:
    script = f"systemctl kill -s KILL {IDLE}; settled {IDLE} 'failed-*' 'active-running' 'inactive-*'"
    return Mutation("unit: failed", IDLE, script)


def crash_loop(rng: Random, world: World) -> Mutation | None:
    script = (
        f"sed -i s/WORD=.*/WORD=broken/ {FOLDER}/web.conf; systemctl restart {WEB} || true; "
        f"settled {WEB} 'activating-auto-restart' 'failed-*'"
    )
    return Mutation("unit: crash loop", WEB, script)


def stale(rng: Random, world: World) -> Mutation | None:
    path = f"{FOLDER}/web.conf"
    script = (
        f"cp -p {path} /run/web.conf; echo WORD=hand >{path}; systemctl restart {WEB}; settled {WEB} active-running; "
        f"cat /run/web.conf >{path}"
    )
    return Mutation("unit: runs with an older file", WEB, script)


def restart(rng: Random, world: World) -> Mutation | None:
    name = pick(rng, RUNNING)
    return Mutation("unit: restarted by hand", name, f"systemctl restart {name}; settled {name} active-running")


def drop_in(rng: Random, world: World) -> Mutation | None:
    name = pick(rng, [*RUNNING, "kubelet.service"])
    below = pick(rng, ["/etc", "/run"])
    reload = pick(rng, ["", "; systemctl daemon-reload", f"; systemctl daemon-reload; systemctl restart {name}"])
    folder = f"{below}/systemd/system/{name}.d"
    script = (
        f"mkdir -p {folder}; printf '[Service]\\nEnvironment=HAND={world.fresh()}\\n' >{folder}/90-hand.conf{reload}"
    )
    return Mutation("drop-in: foreign", f"{folder}/90-hand.conf{reload}", script)


def own_drop_in(rng: Random, world: World) -> Mutation | None:
    path = f"{UNITS}/{WEB}.d/10-own.conf"
    how = pick(rng, [f"rm {path}", f"echo Environment=HAND=1 >>{path}", f"mv {path} {path}.off"])
    return Mutation("drop-in: own", how, how) if path in world.files else None


def foreign_pod(rng: Random, world: World) -> Mutation | None:
    number = world.fresh()
    script = f"sed 's/name: proof/name: foreign{number}/' {paths.MANIFESTS}/proof.yaml >{paths.MANIFESTS}/foreign{number}.yaml"
    return Mutation("file: foreign static pod", f"{paths.MANIFESTS}/foreign{number}.yaml", script)


def probe(rng: Random, world: World) -> Mutation | None:
    how = pick(
        rng,
        [
            "sysctl -qw net.ipv4.conf.lo.rp_filter=0",
            f"ip route del blackhole {services.ROUTED}",
            "sysctl -qw net.ipv4.conf.lo.rp_filter=1; ip route replace unreachable 198.51.100.0/24 proto 113",
            "nft delete table ip plumbline",
            "ip -4 route show proto 112 | head -n 1 | while read -r cidr rest; do ip route del $cidr; done",
        ],
    )
    return Mutation("probe", how, f"{how} || true")


def overwrite(rng: Random, world: World) -> Mutation | None:
    script = f"printf '#!/bin/sh\\n# by hand\\nexec sleep infinity\\n' >{TOOL}.new; chmod 0755 {TOOL}.new; mv {TOOL}.new {TOOL}"
    return Mutation("version: overwritten by hand", TOOL, script)


def lose(rng: Random, world: World) -> Mutation | None:
    component = pick(rng, set(world.components) & {"services", "other"})
    return Mutation("state: lost", component, forget=component)


def image(rng: Random, world: World) -> Mutation | None:
    return Mutation("node: re-imaged", world.node, reimage=True)


BY_HAND: dict[Maker, int] = {
    edit: 8, reshape: 3, reshape_directory: 2, delete: 4, symlink: 2, in_place_of: 1, touch: 2, block: 2, stop: 5,
    disable: 3, runtime: 2, mask: 3, mask_own: 2, fail: 2, crash_loop: 3, stale: 3, restart: 2, drop_in: 4,
    own_drop_in: 2, foreign_pod: 1, probe: 5, overwrite: 2, lose: 2, image: 1,
}  # fmt: skip
"""The makers and how often each is chosen."""
