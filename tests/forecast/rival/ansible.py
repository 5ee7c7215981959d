"""The nodes kept by an Ansible play instead of by the program, with the same interface as Stack."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.forecast.forecast import CHANGED, Forecast
from tests.forecast.hosts import ROOT, Hosts
from tests.forecast.record import RELOAD, RESTART, START, STOP
from tests.forecast.services import KEEPS, PORTS, tls
from tests.forecast.world import World

HERE = Path(__file__).parent
PLAYBOOK = ROOT / ".venv-rival/bin/ansible-playbook"
PLAY_SECONDS = 900
DAEMON_RELOAD = "systemd reads its files again"
BY_ITEM = "{{ item.notify }}"


class Play:
    """The play, written from the worlds as they are at each run."""

    def __init__(self, folder: Path, hosts: Hosts, worlds: Mapping[str, World]) -> None:
        if not PLAYBOOK.exists():
            raise RuntimeError("there is no Ansible: run `make forecast-check RIVAL=ansible`")
        self.folder, self.hosts, self.worlds = folder, hosts, worlds
        self.trace = folder / "results.jsonl"
        self.warnings: list[str] = []
        self._paths: dict[str, set[str]] = defaultdict(set)
        self._units: dict[str, set[str]] = defaultdict(set)
        (folder / "callbacks").mkdir(parents=True)
        shutil.copy(HERE / "told.py", folder / "callbacks/told.py")
        for name in hosts.names:
            self._prepare(name)

    def preview(self, plan: Path | None = None) -> tuple[dict[str, Forecast], str]:
        """The forecast of `--check --diff` by node, and its errors."""
        results, failure = self._run("--check", "--diff")
        found: dict[str, Forecast] = defaultdict(Forecast)
        for one in results:
            if one["changed"]:
                self._add(found[one["host"]], one["task"], one["item"] or "")
        return found, failure

    def up(self, plan: Path | None = None) -> str:
        """The errors of a run."""
        _, failure = self._run()
        return failure

    def forget(self, world: World, component: str) -> None:
        """There is no state that could be lost."""

    def engines(self) -> Iterator[int]:
        """There is no engine."""
        yield from ()

    def unlock(self) -> None:
        """There is no lock."""

    def prepare(self, name: str) -> None:
        """Installs Python on a host that was replaced."""
        self._prepare(name)

    def _prepare(self, name: str) -> None:
        """Ansible's modules need Python on the node: the hosts get that of this machine, which must be of the same suite."""
        self.hosts.send(name, "tar --skip-old-files -xPf -", packed_python())

    def _run(self, *options: str) -> tuple[list[dict[str, Any]], str]:
        self.trace.unlink(missing_ok=True)
        self.trace.touch()
        play = self.folder / "play.yml"
        [text] = yaml.safe_load((HERE / "play.yml").read_text())
        variables = {name: self._variables(world) for name, world in self.worlds.items()}
        text["handlers"] += self._handlers()
        text["tasks"] = [one for task in text["tasks"] for one in _by_handlers(task, variables.values())]
        play.write_text(json.dumps([text]))
        inventory = self.folder / "inventory.json"
        inventory.write_text(json.dumps({"all": {"hosts": variables}}))
        environment = {
            **os.environ,
            "ANSIBLE_CALLBACK_PLUGINS": str(self.folder / "callbacks"),
            "ANSIBLE_CALLBACKS_ENABLED": "told",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_LOCAL_TEMP": str(self.folder / "tmp"),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.folder),
            "ANSIBLE_NOCOWS": "1",
            "FORECAST_RESULTS": str(self.trace),
        }
        done = subprocess.run(
            [str(PLAYBOOK), "-i", str(inventory), "--forks", "8", *options, str(play)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PLAY_SECONDS,
        )
        results = [json.loads(line) for line in self.trace.read_text().splitlines()]
        failures = [f"{one['host']}: {one['task']}: {one['failed']}" for one in results if one["failed"]]
        if done.returncode != 0 and not failures:
            return results, f"{done.stdout[-2000:]}{done.stderr[-2000:]}"
        return results, "\n".join(failures)

    def _handlers(self) -> list[dict[str, Any]]:
        units = sorted({unit for world in self.worlds.values() for unit in world.recorded_units()})
        return [
            {
                "name": f"{verb} {unit}",
                "ignore_errors": "{{ ansible_check_mode }}",
                "ansible.builtin.systemd_service": {
                    "name": unit,
                    "state": f"{verb}ed" if verb == "restart" else "reloaded",
                },
            }
            for verb in ("restart", "reload")
            for unit in units
        ]

    def _variables(self, world: World) -> dict[str, Any]:
        name = world.node
        formerly, units_before = self._paths[name] - set(world.files) - set(world.directories), self._units[name]
        self._paths[name] |= set(world.files) | set(world.directories)
        gone = sorted(units_before - set(world.units))
        self._units[name] |= set(world.units)
        reactions = self._reactions(world)
        plain = {path: file for path, file in world.files.items() if not file.get("block")}

        directories, parents = world.directories, {str(Path(path).parent) for path in world.files}

        def described(path: str, file: dict[str, Any], **more: Any) -> dict[str, Any]:
            shape = {
                key: file.get(key, otherwise)
                for key, otherwise in (("mode", "0644"), ("owner", "root"), ("group", "root"))
            }
            return {"name": path, **shape, "notify": reactions.get(path, []), **more}

        return {
            "ansible_host": str(self.hosts.known[name].address),
            "ansible_user": "core",
            "ansible_ssh_private_key_file": str(self.hosts.lab.state / "ssh" / "id_ed25519"),
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={self.hosts.lab.state / 'ssh' / 'known_hosts'}",
            "ansible_python_interpreter": "/usr/bin/python3",
            "former_units": [{"name": unit} for unit in gone if f"/etc/systemd/system/{unit}" in formerly],
            "former_paths": [{"name": path} for path in sorted(formerly, reverse=True)],
            "directories": [{"name": path, **directories.get(path, {})} for path in sorted({*directories, *parents})],
            "files": [
                described(path, file, content=_unsafe(file["content"]))
                for path, file in sorted(plain.items())
                if "content" in file
            ],
            "downloads": [
                described(path, file, **file["source"]) for path, file in sorted(plain.items()) if "source" in file
            ],
            "blocks": [
                {"name": path, "content": file["content"].rstrip("\n")}
                for path, file in world.files.items()
                if file.get("block")
            ],
            "facts": [
                {
                    "name": key,
                    **{one: probe[one] for one in ("command", "expected")},
                    "notify": [f"restart {probe['unit']}"],
                }
                for key, probe in world.probes.items()
            ],
            "units": [{"name": unit, **shape} for unit, shape in sorted(world.units.items())],
        }

    @staticmethod
    def _reactions(world: World) -> dict[str, list[str]]:
        """Handlers by path. The admin knows which service rereads its certificate, and which has to be restarted."""
        found: dict[str, list[str]] = defaultdict(list)
        for path in world.files:
            if path.startswith("/etc/systemd/system/"):
                found[path].append(DAEMON_RELOAD)
        for component in world.components.values():
            for reaction in component.get("reactions", ()):
                if reaction["action"] in ("restart", "reload"):
                    for path in reaction["files"]:
                        found[path].append(f"{reaction['action']} {reaction['unit']}")
        for path in tls(KEEPS):
            if KEEPS in PORTS and path in world.files:
                found[path].append(f"restart {KEEPS}")
        return found

    @staticmethod
    def _add(forecast: Forecast, task: str, item: str) -> None:
        """In check mode a handler does not know what an earlier task would have done: any of the announced steps counts."""
        verb, _, unit = task.partition(" ")
        step, name = {
            "restart": (RESTART, unit),
            "reload": (RELOAD, unit),
            "started": (START, item),
            "units": (STOP, item),
        }.get(verb, ("", ""))
        if "." in name:
            known = forecast.steps.get(name)
            forecast.steps[name] = f"{known} or {step}" if known and known != step else step
        elif item.startswith("/"):
            forecast.path(item, CHANGED)


def packed_python() -> bytes:
    """This machine's own Python with its libraries, as an archive with absolute paths."""
    libraries = subprocess.run(["ldd", "/usr/bin/python3"], capture_output=True, text=True, check=True).stdout
    files = [word for line in libraries.splitlines() for word in line.split() if word.startswith("/")]
    modules = "/usr/lib/" + Path("/usr/bin/python3").resolve().name
    paths = ["/usr/bin/python3", str(Path("/usr/bin/python3").resolve()), modules, *files]
    return subprocess.run(["tar", "-chf", "-", "-P", *paths], capture_output=True, check=True).stdout


def _unsafe(text: str) -> Any:
    """Text that looks like a template would be read as one; none of these does."""
    if "{{" in text or "{%" in text:
        raise ValueError("a file's text looks like a template")
    return text


def _by_handlers(task: dict[str, Any], hosts: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """A task per set of handlers. One item that changed notifies the handlers of all items of its task."""
    if task.get("notify") != BY_ITEM:
        yield task
        return
    items = task["loop"].strip("{} ")
    for handlers in sorted({tuple(item["notify"]) for host in hosts for item in host[items]}):
        named = json.dumps(list(handlers))
        alone = {key: value for key, value in task.items() if key != "notify"}
        alone["loop"] = f"{{{{ {items} | selectattr('notify', 'equalto', {named}) | list }}}}"
        yield {**alone, "notify": list(handlers)} if handlers else alone
