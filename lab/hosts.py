"""Container hosts: systemd-nspawn containers that boot a whole Debian and are reached by SSH, as real machines are.

A host is a folder below .lab/hosts: its pinned SSH host key, `upper` (what differs from the shared root file system),
`containerd` and `kubelet` (whose data cannot lie on an overlay), its pidfile and its console's log.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab import cgroups, keys, netns, processes, rootfs
from lab.context import SOURCES, Lab, LabError, say
from lab.stack import HOST_GATEWAY, HOST_NETWORK, Host

BRIDGE = "plumb-hosts"
READY_SECONDS = 90
_SYSTEMD = Path("/run/systemd/system")
# /sys and /proc/sys stay read-only but for the network's: those settings are the host's own, the others the machine's.
_ENVIRONMENT = {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"}


def up(lab: Lab, hosts: Sequence[Host]) -> None:
    """Makes exactly these hosts run, and waits until each lets the lab's user in. Leaves alone what runs already.

    Raises LabError naming each host that does not answer.
    """
    lower = rootfs.ensure()
    keys.user_key(lab)
    _network(lab)
    for name in sorted(_present(lab) - {host.name for host in hosts}):
        say(f"host {name} is no longer in the stack: removing it")
        remove(lab, name)
    for host in hosts:
        _identity(lab, host)
    known = [f"{host.address} {_public_key(lab, host.name)}\n" for host in hosts]
    keys.known_hosts(lab).write_text("".join(known))
    begun = time.monotonic()
    missing = [host for host in hosts if processes.running(_pidfile(lab, host.name)) is None]
    for host in missing:
        _start(lab, host, lower)
    with ThreadPoolExecutor(max_workers=len(hosts)) as pool:
        failures = [failure for failure in pool.map(lambda host: _unready(lab, host), hosts) if failure]
    if failures:
        raise LabError("\n  ".join(["these hosts do not answer:", *failures, "see their logs, then run this again"]))
    if missing:
        say(f"{', '.join(host.name for host in missing)}: up after {time.monotonic() - begun:.1f} s")


def down(lab: Lab) -> None:
    """Ends and removes every host of this lab, also those that a killed run left. Safe to repeat."""
    for name in sorted(_present(lab)):
        remove(lab, name)
    cgroups.remove(cgroups.named(lambda name: name.startswith(f"{lab.name}.")))
    for pid in processes.marked(lab.hosts):
        processes.end(pid, 0)
    shutil.rmtree(lab.hosts, ignore_errors=True)


def states(lab: Lab) -> dict[str, int | None]:
    """The process of each host by name; None where it does not run."""
    return {name: processes.running(_pidfile(lab, name)) for name in sorted(_present(lab))}


def remove(lab: Lab, name: str) -> None:
    """Ends one host, as if its plug were pulled, and removes what it kept."""
    pidfile, machine = _pidfile(lab, name), _machine(lab, name)
    supervisor = processes.running(pidfile)
    groups = cgroups.named(lambda group: group in (machine, f"{machine}.service"))
    cgroups.remove(groups)
    if supervisor is not None:
        processes.end(supervisor, 0)
    processes.stop(pidfile, 0)
    for left in (Path("/run/systemd/nspawn/propagate") / machine, Path("/run/systemd/nspawn/unix-export") / machine):
        shutil.rmtree(left, ignore_errors=True)
    shutil.rmtree(lab.hosts / name)


def _present(lab: Lab) -> set[str]:
    return {folder.name for folder in lab.hosts.iterdir() if folder.is_dir()} if lab.hosts.exists() else set()


def _network(lab: Lab) -> None:
    """The bridge of all hosts. It leads nowhere but to the namespace: a host's traffic ends there."""
    if subprocess.run(netns.enter(lab, ["ip", "link", "show", BRIDGE]), capture_output=True, check=False).returncode:
        netns.run(lab, ["ip", "link", "add", BRIDGE, "type", "bridge"])
    netns.run(lab, ["ip", "address", "replace", f"{HOST_GATEWAY}/{HOST_NETWORK.prefixlen}", "dev", BRIDGE])
    netns.run(lab, ["ip", "link", "set", BRIDGE, "up"])


def _identity(lab: Lab, host: Host) -> None:
    """The host's key, and the files in which it differs from the others when it first boots; made once."""
    folder = lab.hosts / host.name
    key = keys.ensure(folder / "ssh_host_ed25519_key", host.name)
    upper = folder / "upper"
    if upper.exists():
        return
    lower = rootfs.ensure()
    (folder / "lower").write_text(str(lower))
    staged = folder / ".upper"
    shutil.rmtree(staged, ignore_errors=True)
    authorized = (lab.state / "ssh" / "id_ed25519.pub").read_text()
    for name, text, mode in (
        ("etc/hostname", f"{host.name}\n", 0o644),
        ("etc/hosts", f"127.0.0.1 localhost\n::1 localhost\n127.0.1.1 {host.name}\n", 0o644),
        ("etc/machine-id", f"{uuid.uuid4().hex}\n", 0o444),
        ("etc/lab-host.env", f"ADDRESS={host.address}/{HOST_NETWORK.prefixlen}\nGATEWAY={HOST_GATEWAY}\n", 0o644),
        ("etc/ssh/ssh_host_ed25519_key", key.read_text(), 0o600),
        ("etc/ssh/ssh_host_ed25519_key.pub", f"{_public_key(lab, host.name)}\n", 0o644),
        (f"home/{rootfs.USER}/.ssh/authorized_keys", authorized, 0o600),
    ):
        _place(staged, lower, name, text, mode)
    staged.rename(upper)


def _place(upper: Path, lower: Path, name: str, text: str, mode: int) -> None:
    """One file of `upper`. A folder there covers the one below it: it takes that one's mode and owner."""
    folder = upper
    owner = (0, 0)
    folder.mkdir(exist_ok=True, mode=0o755)
    for part in Path(name).parts[:-1]:
        folder = folder / part
        below = lower / folder.relative_to(upper)
        folder.mkdir(exist_ok=True)
        if below.exists():
            status = below.stat()
            owner = (status.st_uid, status.st_gid)
            folder.chmod(status.st_mode & 0o7777)
        else:
            folder.chmod(0o700)
        os.chown(folder, *owner)
    file = upper / name
    file.touch(mode=0o600)
    file.write_text(text)
    file.chmod(mode)
    os.chown(file, *owner)


def _start(lab: Lab, host: Host, lower: Path) -> None:
    folder, machine = lab.hosts / host.name, _machine(lab, host.name)
    cgroups.remove(cgroups.named(lambda name: name == machine))
    recorded = folder / "lower"
    lower = Path(recorded.read_text()) if recorded.exists() else lower
    if not lower.exists():
        raise LabError(f"host {host.name}: {lower} is gone from the cache: run `python -m lab down`, then this again")
    groups = [] if _SYSTEMD.exists() else cgroups.create(machine)
    container = [
        *("systemd-nspawn", "--quiet", f"--directory={folder / 'root'}", "--boot", "--register=no", "--keep-unit"),
        *(f"--machine={machine}", f"--hostname={host.name}", f"--network-bridge={BRIDGE}", "--console=read-only"),
        *("--resolv-conf=off", "--timezone=off", "--link-journal=no", "--bind=/dev/kmsg"),
        # What containerd, runc and the kubelet take from a kernel.
        *("--capability=all", "--system-call-filter=add_key keyctl bpf"),
        *(f"--bind={folder / name}:/var/lib/{name}" for name in ("containerd", "kubelet")),
        *(("--bind-ro=/lib/modules",) if Path("/lib/modules").exists() else ()),
    ]
    inside = [str(SOURCES / "start-host"), str(lower), *map(str, groups), "--", *container]
    command = netns.enter(lab, ["unshare", "--mount", *inside])
    pidfile, log = _pidfile(lab, host.name), folder / "console.log"
    # One of an earlier start would say that this one has ended already.
    pidfile.unlink(missing_ok=True)
    if _SYSTEMD.exists():
        _start_unit(machine, pidfile, log, folder, command)
    else:
        processes.start(pidfile, command, log, folder=folder, environment=_ENVIRONMENT)


def _start_unit(machine: str, pidfile: Path, log: Path, folder: Path, command: Sequence[str]) -> None:
    """Where systemd runs the machine, control groups are its own to give: the host becomes a unit with a subtree."""
    environment = {**_ENVIRONMENT, processes.MARK: str(pidfile), "PATH": os.environ["PATH"]}
    properties = ("Delegate=yes", "KillMode=mixed", "TasksMax=infinity", f"WorkingDirectory={folder}")
    done = subprocess.run(
        [
            *("systemd-run", "--quiet", "--collect", f"--unit={machine}.service"),
            *(f"--property={item}" for item in (*properties, f"StandardOutput=append:{log}", "StandardError=inherit")),
            *(f"--setenv={name}={value}" for name, value in environment.items()),
            *processes.recorded(command),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise LabError(f"systemd does not start {machine}: {done.stderr.strip()}")


def _unready(lab: Lab, host: Host) -> str | None:
    """Waits until the host lets the lab's user in; returns what is wrong where it does not in time."""
    pidfile, log = _pidfile(lab, host.name), lab.hosts / host.name / "console.log"
    deadline = time.monotonic() + READY_SECONDS
    said = "nothing listens on port 22"
    while time.monotonic() < deadline:
        if netns.call(lab, lambda: _listens(host)):
            command = netns.enter(lab, keys.login(lab, str(host.address), "sudo -n true"))
            done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
            if done.returncode == 0:
                return None
            said = done.stderr.strip() or f"ssh ended with {done.returncode}"
        elif processes.running(pidfile) is None and pidfile.exists():
            return f"{host.name} ({host.address}): its container ended: {_last_line(log)}; log: {log}"
        time.sleep(0.1)
    return f"{host.name} ({host.address}): {said}, after {READY_SECONDS} s; log: {log}"


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n") if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def _listens(host: Host) -> bool:
    try:
        with socket.create_connection((str(host.address), 22), timeout=2) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _public_key(lab: Lab, name: str) -> str:
    """Type and key, without the comment."""
    return " ".join((lab.hosts / name / "ssh_host_ed25519_key.pub").read_text().split()[:2])


def _machine(lab: Lab, name: str) -> str:
    """The container's and its control groups' name. A lab's name has no dot, so labs cannot take one another's."""
    return f"{lab.name}.{name}"


def _pidfile(lab: Lab, name: str) -> Path:
    return lab.hosts / name / "pid"
