"""Container hosts: systemd-nspawn containers that boot a complete Debian and are reached over SSH, like real machines.

Each host is a folder below .lab/hosts with its SSH host key, `upper` (its changes to the shared root file system),
`containerd` and `kubelet` (their data cannot be on an overlay), its pidfile and its console log.
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

from builder.errors import UserError
from builder.log import log
from lab import cgroups, keys, netns, processes, rootfs
from lab.context import SOURCES, Lab
from lab.stack import HOST_GATEWAY, HOST_NETWORK, Host

BRIDGE = "plumb-hosts"
READY_SECONDS = 90
_SYSTEMD = Path("/run/systemd/system")
# Only the network settings in /sys and /proc/sys are writable: they are per host, all others are the machine's.
_ENVIRONMENT = {"SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"}


def up(lab: Lab, hosts: Sequence[Host]) -> None:
    """Make exactly these hosts run, and wait until the lab's user can log in to each. Running hosts are not touched.

    Raises UserError with each host that does not answer.
    """
    lower = rootfs.ensure()
    keys.user_key(lab)
    _network(lab)
    for name in sorted(_present(lab) - {host.name for host in hosts}):
        log(f"host {name} is no longer in the stack: removing it")
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
        raise UserError("\n  ".join(["these hosts do not answer:", *failures, "see their logs, then run this again"]))
    if missing:
        log(f"{', '.join(host.name for host in missing)}: up after {time.monotonic() - begun:.1f} s")


def down(lab: Lab) -> None:
    """Stop and remove every host of this lab, including those that a killed run left. Idempotent."""
    for name in sorted(_present(lab)):
        remove(lab, name)
    cgroups.remove(cgroups.named(lambda name: name.startswith(f"{lab.name}.")))
    for pid in processes.marked(lab.hosts):
        processes.end(pid, 0)
    shutil.rmtree(lab.hosts, ignore_errors=True)


def states(lab: Lab) -> dict[str, int | None]:
    """Return the process ID of each host by name; None if it is not running."""
    return {name: processes.running(_pidfile(lab, name)) for name in sorted(_present(lab))}


def remove(lab: Lab, name: str) -> None:
    """Kill one host without a shutdown, and remove its files."""
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
    """Create the bridge of all hosts. It is connected to the namespace only: traffic does not leave it."""
    if subprocess.run(netns.enter(lab, ["ip", "link", "show", BRIDGE]), capture_output=True, check=False).returncode:
        netns.run(lab, ["ip", "link", "add", BRIDGE, "type", "bridge"])
    netns.run(lab, ["ip", "address", "replace", f"{HOST_GATEWAY}/{HOST_NETWORK.prefixlen}", "dev", BRIDGE])
    netns.run(lab, ["ip", "link", "set", BRIDGE, "up"])


def _identity(lab: Lab, host: Host) -> None:
    """Create the host's key and the files that only this host has at its first boot, if they are missing."""
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
    """Write one file of `upper`. A new folder there hides the one of `lower`: copy its mode and owner."""
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
        raise UserError(f"host {host.name}: {lower} is not in the cache: run `python -m lab down`, then this again")
    groups = [] if _SYSTEMD.exists() else cgroups.create(machine)
    container = [
        *("systemd-nspawn", "--quiet", f"--directory={folder / 'root'}", "--boot", "--register=no", "--keep-unit"),
        *(f"--machine={machine}", f"--hostname={host.name}", f"--network-bridge={BRIDGE}", "--console=read-only"),
        *("--resolv-conf=off", "--timezone=off", "--link-journal=no", "--bind=/dev/kmsg"),
        # System calls that containerd, runc and the kubelet use.
        *("--capability=all", "--system-call-filter=add_key keyctl bpf"),
        *(f"--bind={folder / name}:/var/lib/{name}" for name in ("containerd", "kubelet")),
        *(("--bind-ro=/lib/modules",) if Path("/lib/modules").exists() else ()),
    ]
    inside = [str(SOURCES / "start-host"), str(lower), *map(str, groups), "--", *container]
    command = netns.enter(lab, ["unshare", "--mount", *inside])
    pidfile, console = _pidfile(lab, host.name), folder / "console.log"
    # The pidfile of an earlier start would mean that this one has ended already.
    pidfile.unlink(missing_ok=True)
    if _SYSTEMD.exists():
        _start_unit(machine, pidfile, console, folder, command)
    else:
        processes.start(pidfile, command, console, folder=folder, environment=_ENVIRONMENT)


def _start_unit(machine: str, pidfile: Path, console: Path, folder: Path, command: Sequence[str]) -> None:
    """Start the host as a unit with a delegated control group: systemd owns the control groups of its machine."""
    environment = {**_ENVIRONMENT, processes.MARK: str(pidfile), "PATH": os.environ["PATH"]}
    properties = ("Delegate=yes", "KillMode=mixed", "TasksMax=infinity", f"WorkingDirectory={folder}")
    done = subprocess.run(
        [
            *("systemd-run", "--quiet", "--collect", f"--unit={machine}.service"),
            *(
                f"--property={item}"
                for item in (*properties, f"StandardOutput=append:{console}", "StandardError=inherit")
            ),
            *(f"--setenv={name}={value}" for name, value in environment.items()),
            *processes.recorded(command),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise UserError(f"systemd cannot start {machine}: {done.stderr.strip()}")


def _unready(lab: Lab, host: Host) -> str | None:
    """Wait until the lab's user can log in to the host; return the problem if that takes too long."""
    pidfile, console = _pidfile(lab, host.name), lab.hosts / host.name / "console.log"
    deadline = time.monotonic() + READY_SECONDS
    problem = "nothing listens on port 22"
    while time.monotonic() < deadline:
        if netns.call(lab, lambda: _listens(host)):
            command = netns.enter(lab, keys.login(lab, str(host.address), "sudo -n true"))
            done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
            if done.returncode == 0:
                return None
            problem = done.stderr.strip() or f"ssh exited with {done.returncode}"
        elif processes.running(pidfile) is None and pidfile.exists():
            return f"{host.name} ({host.address}): its container ended: {_last_line(console)}; log: {console}"
        time.sleep(0.1)
    return f"{host.name} ({host.address}): {problem}, after {READY_SECONDS} s; log: {console}"


def _last_line(console: Path) -> str:
    lines = console.read_text(errors="replace").split("\n") if console.exists() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "no output")


def _listens(host: Host) -> bool:
    try:
        with socket.create_connection((str(host.address), 22), timeout=2) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _public_key(lab: Lab, name: str) -> str:
    """Return type and key, without the comment."""
    return " ".join((lab.hosts / name / "ssh_host_ed25519_key.pub").read_text().split()[:2])


def _machine(lab: Lab, name: str) -> str:
    """Return the name of the container and its control groups. Lab names have no dot, so these cannot collide."""
    return f"{lab.name}.{name}"


def _pidfile(lab: Lab, name: str) -> Path:
    return lab.hosts / name / "pid"
