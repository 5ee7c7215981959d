"""`python -m lab`: a cluster's machines, network and artifact mirror on one machine. See lab/README.md."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from pathlib import Path

from builder import packages
from builder.cache import locked
from builder.errors import UserError
from builder.log import log
from lab import build, hosts, keys, kubectl, leftovers, mirror, netns, rootfs, stack, vms
from lab.context import Lab, need_root


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code. A UserError is shown as one message, without a traceback."""
    parsed = _parser().parse_args(arguments)
    try:
        return int(parsed.run(Lab.of(parsed.project), parsed))
    except UserError as error:
        print(f"lab: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted; run the same command again to continue", file=sys.stderr)
        return 130


def _up(lab: Lab, arguments: argparse.Namespace) -> int:
    configured = stack.load_config(lab.project, arguments.stack)
    source = stack.source(configured)
    containers = stack.container_hosts(configured) if source == "existing" else ()
    if source == "existing" and not containers:
        log(f"stack {arguments.stack} runs on existing hosts outside the lab: there is nothing to start")
        return 0
    need_root("the lab")
    with locked(lab.state / "lock"):
        build.mirror(lab)
        if source == "libvirt" and vms.on_system(lab.project):
            mirror.start(lab, ("127.0.0.1", stack.gateway(configured)))
        else:
            netns.ensure(lab)
            mirror.start(lab)
        keys.user_key(lab)
        _wrapper(lab)
        if source == "libvirt":
            vms.up(lab.project, configured)
        else:
            hosts.up(lab, containers)
    return 0


def _choose(lab: Lab, arguments: argparse.Namespace) -> int:
    """Print the given stack, or the one that suits this machine, and remember it for the next `make`."""
    chosen = arguments.stack
    if not chosen:
        need_root("probing KVM")
        with locked(lab.state / "lock"):
            chosen = vms.default_stack(lab)
    lab.state.mkdir(parents=True, exist_ok=True)
    (lab.state / "stack").write_text(f"{chosen}\n")
    print(chosen)
    return 0


def _down(lab: Lab, arguments: argparse.Namespace) -> int:
    if not lab.state.exists() and not netns.exists(lab):
        return 0
    need_root("stopping the lab")
    with locked(lab.state / "lock"):
        netns.need_own(lab)
        vms.down(lab.project)
        hosts.down(lab)
        mirror.stop(lab)
        if still := leftovers.inside(lab):
            text = "; ".join(leftovers.describe(still))
            raise UserError(f"these processes still run in the lab's network: {text}. Stop them, then run this again")
        netns.remove(lab)
        for name in ("mirror.log", "bin"):
            path = lab.state / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        if arguments.all:
            for name in ("mirror", "image", "ssh", "domain-type"):
                path = lab.state / name
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return 0


def _check_clean(lab: Lab, arguments: argparse.Namespace) -> int:
    found = leftovers.find(lab)
    print("\n".join(found) if found else "nothing is left of the lab")
    return 1 if found else 0


def _build(lab: Lab, arguments: argparse.Namespace) -> int:
    with locked(lab.state / "lock"):
        build.mirror(lab)
        rootfs.ensure()
        if not arguments.no_image:
            vms.build(lab.project)
    return 0


def _exec(lab: Lab, arguments: argparse.Namespace) -> int:
    if not arguments.command:
        raise UserError("exec needs a command: python -m lab exec -- COMMAND ...")
    netns.execute(lab, arguments.command)


def _ssh(lab: Lab, arguments: argparse.Namespace) -> int:
    known = {host.name: host for host in stack.container_hosts(stack.load_config(lab.project, arguments.stack))}
    if arguments.host not in known:
        raise UserError(
            f"stack {arguments.stack} has no lab host {arguments.host}; its lab hosts: {', '.join(known) or 'none'}"
        )
    netns.execute(lab, keys.login(lab, str(known[arguments.host].address), *arguments.command))


def _status(lab: Lab, arguments: argparse.Namespace) -> int:
    exists = netns.exists(lab)
    rows = {f"namespace {lab.name}": "exists" if exists else "does not exist"}
    if exists:
        rows["mirror"] = "running" if mirror.serves(lab) else "not answering"
    for name, pid in hosts.states(lab).items():
        rows[f"host {name}"] = f"running (process {pid})" if pid else "stopped"
    width = max(map(len, rows))
    print("\n".join(f"{name:{width}}  {state}" for name, state in rows.items()))
    return 0


def _env(lab: Lab, arguments: argparse.Namespace) -> int:
    """Print the exports that put a wrapper first on PATH, which runs `pulumi` in the network of a running lab."""
    if netns.exists(lab):
        print(f'export PATH={shlex.quote(str(lab.state / "bin"))}:"$PATH"')
    return 0


def _packages(lab: Lab, arguments: argparse.Namespace) -> int:
    purposes = (*packages.LAB, "tests") if arguments.tests else packages.LAB
    if arguments.install:
        packages.install(*purposes)
    else:
        print("\n".join(packages.missing(*purposes)))
    return 0


def _kubectl(lab: Lab, arguments: argparse.Namespace) -> int:
    return kubectl.run(lab, arguments.stack, arguments.arguments)


def _wrapper(lab: Lab) -> None:
    wrapper = lab.state / "bin" / "pulumi"
    wrapper.parent.mkdir(parents=True, exist_ok=True)
    staged = wrapper.with_name(".pulumi")
    folder, namespace = shlex.quote(str(wrapper.parent)), shlex.quote(str(lab.namespace))
    staged.write_text(
        "#!/bin/sh\n"
        "# Runs the next pulumi on PATH in the lab's network namespace.\n"
        f'PATH=$(printf %s "$PATH" | tr : "\\n" | grep -vxF {folder} | paste -sd :)\n'
        "export PATH\n"
        f'[ ! -e {namespace} ] || exec nsenter --net={namespace} -- pulumi "$@"\n'
        'exec pulumi "$@"\n'
    )
    staged.chmod(0o755)
    staged.replace(wrapper)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    parser.add_argument("--project", type=Path, default=Path.cwd(), help="the project folder (default: this one)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: object, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added

    command("up", _up, "start the machines, network and mirror of STACK; idempotent").add_argument("stack")
    command("choose", _choose, "print the stack that suits this machine, and remember it").add_argument(
        "stack", nargs="?", help="the stack to remember instead"
    )
    command("host-add", _up, "start a host that was added to STACK (the same as `up`)").add_argument("stack")
    down = command("down", _down, "stop and remove everything that `up` started; the build cache stays")
    down.add_argument(
        "--all", action="store_true", help="also remove the mirror's files, the image links and the SSH key"
    )
    command("status", _status, "show what is running")
    command("check-clean", _check_clean, "list what the lab left on this machine; exit code 1 if there is anything")
    built = command("build", _build, "build artifacts, root file system and VM image; start nothing")
    built.add_argument("--no-image", action="store_true", help="without the VM image")
    command("exec", _exec, "run a command in the lab's network").add_argument("command", nargs="*")
    shell = command("ssh", _ssh, "log in to a container host, or run a command there")
    for name in ("stack", "host"):
        shell.add_argument(name)
    shell.add_argument("command", nargs="*")
    of_stack = command("kubectl", _kubectl, "run kubectl on STACK with its admin kubeconfig")
    of_stack.add_argument("stack")
    of_stack.add_argument("arguments", nargs="*", metavar="-- ARGUMENT")
    command("env", _env, "print the exports with which plain `pulumi` reaches the lab")
    debian = command("packages", _packages, "list the Debian packages that are missing")
    debian.add_argument("--install", action="store_true", help="install them")
    debian.add_argument("--tests", action="store_true", help="also those that only the tests need")
    return parser


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
