"""`python -m lab`: a whole lab on one machine. See lab/README.md."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from pathlib import Path

from lab import build, hosts, keys, leftovers, mirror, netns, packages, rootfs, stack, vms
from lab.context import Lab, LabError, locked, need_root, say


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns its exit code. What the user can mend is one message, without a traceback."""
    parsed = _parser().parse_args(arguments)
    try:
        return int(parsed.run(Lab.of(parsed.project), parsed))
    except LabError as error:
        print(f"lab: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted; the same command goes on from here", file=sys.stderr)
        return 130


def _up(lab: Lab, arguments: argparse.Namespace) -> int:
    configured = stack.load(lab.project, arguments.stack)
    source = stack.source(configured)
    containers = stack.container_hosts(configured) if source == "existing" else ()
    if source == "existing" and not containers:
        say(f"stack {arguments.stack} runs on hosts that are there already: the lab has nothing to start")
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
    """Prints the stack that this machine carries, or the one that was asked for, and remembers it."""
    chosen = arguments.stack
    if not chosen:
        need_root("probing KVM")
        with locked(lab.state / "lock"):
            chosen = vms.carried(lab)
    lab.state.mkdir(parents=True, exist_ok=True)
    (lab.state / "stack").write_text(f"{chosen}\n")
    print(chosen)
    return 0


def _down(lab: Lab, arguments: argparse.Namespace) -> int:
    if not lab.state.exists() and not netns.exists(lab):
        return 0
    need_root("ending the lab")
    with locked(lab.state / "lock"):
        netns.need_own(lab)
        vms.down(lab.project)
        hosts.down(lab)
        mirror.stop(lab)
        if still := leftovers.inside(lab):
            text = "; ".join(leftovers.describe(still))
            raise LabError(f"these still run in the lab's network: {text}. End them, then run this again")
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
        raise LabError("exec takes a command: python -m lab exec -- COMMAND ...")
    netns.execute(lab, arguments.command)


def _ssh(lab: Lab, arguments: argparse.Namespace) -> int:
    known = {host.name: host for host in stack.container_hosts(stack.load(lab.project, arguments.stack))}
    if arguments.host not in known:
        raise LabError(f"stack {arguments.stack} has no host {arguments.host} of the lab; it has {', '.join(known)}")
    netns.execute(lab, keys.login(lab, str(known[arguments.host].address), *arguments.command))


def _status(lab: Lab, arguments: argparse.Namespace) -> int:
    there = netns.exists(lab)
    rows = {f"namespace {lab.name}": "there" if there else "not there"}
    if there:
        rows["mirror"] = "serves" if mirror.serves(lab) else "does not answer"
    for name, pid in hosts.states(lab).items():
        rows[f"host {name}"] = f"runs (process {pid})" if pid else "stopped"
    width = max(map(len, rows))
    print("\n".join(f"{what:{width}}  {state}" for what, state in rows.items()))
    return 0


def _env(lab: Lab, arguments: argparse.Namespace) -> int:
    """Where a lab runs, `pulumi` must run inside it: a wrapper of that name comes first on PATH."""
    if netns.exists(lab):
        print(f'export PATH={shlex.quote(str(lab.state / "bin"))}:"$PATH"')
    return 0


def _packages(lab: Lab, arguments: argparse.Namespace) -> int:
    if arguments.install:
        packages.install()
        return 0
    print("\n".join(packages.missing()))
    return 0


def _wrapper(lab: Lab) -> None:
    wrapper = lab.state / "bin" / "pulumi"
    wrapper.parent.mkdir(parents=True, exist_ok=True)
    staged = wrapper.with_name(".pulumi")
    folder, namespace = shlex.quote(str(wrapper.parent)), shlex.quote(str(lab.namespace))
    staged.write_text(
        "#!/bin/sh\n"
        "# Runs the next pulumi on PATH inside the lab's network namespace.\n"
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

    command("up", _up, "start what STACK takes; again: start what is missing").add_argument("stack")
    command("choose", _choose, "print the stack that this machine carries; remember it").add_argument(
        "stack", nargs="?", help="the stack to remember instead"
    )
    command("host-add", _up, "start a host that STACK has come to name (the same as `up`)").add_argument("stack")
    down = command("down", _down, "end and remove everything that `up` started; the build cache stays")
    down.add_argument("--all", action="store_true", help="also the mirror's tree, the image's links and the SSH key")
    command("status", _status, "what of the lab runs")
    command("check-clean", _check_clean, "list what the lab left on this machine; exit code 1 if anything")
    built = command("build", _build, "build artifacts, file system and VM image; start nothing")
    built.add_argument("--no-image", action="store_true", help="without the VM image")
    command("exec", _exec, "run a command inside the lab's network").add_argument("command", nargs="*")
    shell = command("ssh", _ssh, "log into a container host, or run a command there")
    for name in ("stack", "host"):
        shell.add_argument(name)
    shell.add_argument("command", nargs="*")
    command("env", _env, "what to export so that plain `pulumi` reaches the lab")
    command("packages", _packages, "list the Debian packages that are missing").add_argument(
        "--install", action="store_true", help="install them"
    )
    return parser


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
