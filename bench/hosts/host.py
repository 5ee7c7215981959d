"""Simulated hosts: a real sshd each, with own address and own root folder, and stand-ins for systemd and for what it starts.

On a host, /usr is this machine's with the stand-ins of standins/bin over it; /etc is this machine's below the host's own changes;
/var, /opt, /run, /root and /tmp are the host's own. Not simulated: processes of units, containers, the kernel's settings and
tables, disks (all is in memory), and networks (all addresses are on one loopback interface).
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

STANDINS = Path(__file__).parent / "standins"
NETWORK = "10.90.0.0/16"
CONTROL_PLANE_NODES = 3
OWN_FOLDERS = (
    *("var/lib", "var/log", "var/tmp", "opt", "root", "tmp", "srv/mirror"),
    *("run/sshd", "run/systemd/system", "run/systemd/resolve"),
)
STATE = ("units", "loaded", "journal", "routes")
LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64", "var/run": "../run"}
ASIDE = ("hosts", "states")
START_SECONDS = 30
MOUNT = """
set -e
cd "$1"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1/upper,workdir=$1/work" "$1/system/etc"
mount --bind "$2/usr" "$1/system/usr"
mount --bind "$2/states" "$1/system/run/hosts"
mount --bind "$2/mirror" "$1/system/srv/mirror"
mount --rbind /proc "$1/system/proc"
mount --rbind /dev "$1/system/dev"
exec chroot "$1/system" /usr/sbin/sshd -D -e -f /etc/ssh/simulated
"""
SSHD = """\
Port 22
ListenAddress {address}
HostKey /etc/ssh/simulated_host
PidFile none
UsePAM no
AuthorizedKeysFile /etc/ssh/simulated_login
PermitRootLogin prohibit-password
PasswordAuthentication no
StrictModes no
PrintMotd no
Subsystem sftp internal-sftp
"""


@dataclass
class Host:
    """One simulated host: its node name, its address, and its sshd while it runs."""

    name: str
    address: str
    folder: Path
    key: asyncssh.SSHKey = field(repr=False)
    process: subprocess.Popen[bytes] | None = None

    @property
    def host_key(self) -> str:
        """The public key of its sshd, as `<type> <base64>`."""
        return " ".join(self.key.export_public_key().decode().split()[:2])

    def prepare(self, login: str, number: int) -> None:
        """Makes its folders as those of a machine that was just installed. `login` is the public key that may log in as root."""
        shutil.rmtree(self.folder, ignore_errors=True)
        root, upper = self.folder / "system", self.folder / "upper"
        for name in (*OWN_FOLDERS, "usr", "etc", "proc", "dev", "sys", "run/hosts"):
            (root / name).mkdir(parents=True)
        for name, target in LINKS.items():
            (root / name).symlink_to(target)
        (root / "run/standin").symlink_to(f"hosts/{self.address}")
        # The kubelet's default resolver file.
        (root / "run/systemd/resolve/resolv.conf").write_text("nameserver 192.0.2.53\n")
        (self.folder / "work").mkdir()
        (upper / "ssh").mkdir(parents=True)
        (upper / "machine-id").write_text(f"{number:032x}\n")
        (upper / "hosts").write_text("127.0.0.1 localhost\n")
        (upper / "hostname").write_text(f"{self.name}\n")
        (upper / "ssh/simulated").write_text(SSHD.format(address=self.address))
        (upper / "ssh/simulated_login").write_text(login)
        private = upper / "ssh/simulated_host"
        private.touch(0o600)
        private.write_bytes(self.key.export_private_key())
        state = self.folder.parent.parent / "states" / self.address
        shutil.rmtree(state, ignore_errors=True)
        for name in STATE:
            (state / name).mkdir(parents=True)
        (state / "address").write_text(f"{self.address}\n")
        (state / "name").write_text(f"{self.name}\n")

    def start(self) -> None:
        """Starts its sshd in its own mount namespace, and waits until it answers. Raises RuntimeError if it does not."""
        command = ["unshare", "--mount", "sh", "-c", MOUNT, "sh", str(self.folder), str(self.folder.parent.parent)]
        with (self.folder / "sshd.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        while not _answers(self.address):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError(f"{self.name} does not start: {(self.folder / 'sshd.log').read_text()[-500:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Ends its sshd. Its mounts end with it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def path(self, inside: str) -> Path:
        """Where a file of the host is on this machine, if the host has changed it."""
        below = self.folder / ("upper" if inside.startswith("/etc/") else "system")
        return below / inside.removeprefix("/etc/").lstrip("/")

    def text(self, inside: str) -> str:
        """The text of a file of the host."""
        return self.path(inside).read_text()

    def runs(self, unit: str) -> bool:
        """Whether a service is active there."""
        state = self.folder.parent.parent / "states" / self.address / "units" / f"{unit}.service"
        return state.exists() and state.read_text().startswith("active ")


@dataclass
class Hosts:
    """All hosts of a run by name, and the key that logs in to them. `folder` is theirs alone, and in memory."""

    folder: Path
    by_name: Mapping[str, Host]
    login: asyncssh.SSHKey = field(repr=False)

    @property
    def login_file(self) -> Path:
        """The private key that logs in as root."""
        return self.folder / "login"

    def install(self) -> None:
        """Starts every host as one that was just installed, whatever it was before."""
        public = self.login.export_public_key().decode()
        self.stop()
        for number, host in enumerate(self.by_name.values(), 1):
            host.prepare(public, number)
        self._start()

    @contextlib.contextmanager
    def installed_again(self) -> Iterator[None]:
        """Within, the hosts are as newly installed; afterwards as they were before."""
        self.stop()
        for name in ASIDE:
            (self.folder / name).rename(self.folder / f"{name}-aside")
            (self.folder / name).mkdir()
        self.install()
        yield
        self.stop()
        for name in ASIDE:
            shutil.rmtree(self.folder / name)
            (self.folder / f"{name}-aside").rename(self.folder / name)
        self._start()

    def _start(self) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(Host.start, self.by_name.values()))

    def stop(self) -> None:
        """Ends all of them."""
        for host in self.by_name.values():
            host.stop()


@contextlib.contextmanager
def simulated(folder: Path, mirror: Path, number: int) -> Iterator[Hosts]:
    """That many hosts, of which up to CONTROL_PLANE_NODES are control-plane nodes: installed, and ended when done.

    `folder` is on a tmpfs. `mirror` is the tree of the programs that nodes download. The caller is root in mount and network
    namespaces of this run.
    """
    for name in ("usr", "states", "mirror", "hosts"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "over/bin").mkdir(parents=True, exist_ok=True)
    for one in (STANDINS / "bin").iterdir():
        shutil.copy2(one, folder / "over/bin" / one.name)
        (folder / "over/sbin").mkdir(exist_ok=True)
        shutil.copy2(one, folder / "over/sbin" / one.name)
    _mount("-t", "overlay", "overlay", "-o", f"lowerdir={folder / 'over'}:/usr", str(folder / "usr"))
    _mount("--bind", str(mirror), str(folder / "mirror"))
    login = asyncssh.generate_private_key("ssh-ed25519")
    hosts = {
        name: Host(name, address, folder / "hosts" / name, asyncssh.generate_private_key("ssh-ed25519"))
        for name, address in addresses(number).items()
    }
    made = Hosts(folder, hosts, login)
    made.login_file.touch(0o600)
    made.login_file.write_bytes(login.export_private_key())
    try:
        made.install()
        yield made
    finally:
        made.stop()
        for name in ("usr", "mirror"):
            subprocess.run(["umount", str(folder / name)], check=True)
        shutil.rmtree(folder)


def addresses(number: int) -> dict[str, str]:
    """Node names and addresses: m1 to m3, then w001 and so on. With three nodes or fewer, one is a control-plane node."""
    control = CONTROL_PLANE_NODES if number > CONTROL_PLANE_NODES else 1
    names = [*(f"m{one + 1}" for one in range(control)), *(f"w{one + 1:03}" for one in range(number - control))]
    return {name: f"10.90.0.{one}" for one, name in enumerate(names, 1)}


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


def _answers(address: str) -> bool:
    try:
        with socket.create_connection((address, 22), timeout=1) as answered:
            return answered.recv(4) == b"SSH-"
    except OSError:
        return False
