"""Judges random configurations: each must give errors that name their keys, or a plan that the provider accepts."""

from __future__ import annotations

import io
import json
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import yaml

from cluster.config import tree
from cluster.config.load import ConfigError, load_config, load_outline
from cluster.config.model import Cluster, Libvirt
from cluster.machine import ignition
from cluster.plan import ClusterPlan, plan
from cluster.rendering import dump_yaml
from cluster.step import CommandStep, NodeStateStep, ObjectsStep
from nodestate import to_wire
from nodestate.checks import problems
from tests.fuzz import corpus
from tests.fuzz.mutations import mutated

CONNECTION = {"host": "192.0.2.1", "port": 22, "user": "core", "privateKey": "x", "hostKey": "ssh-ed25519 AAAA"}


class Unclear(Exception):
    """A refusal that names no key, or a plan that the provider would refuse or a node could not read."""


@dataclass
class Tally:
    """The number of configurations per outcome, and the failures: the seed of one configuration and its traceback."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[str, str]] = field(default_factory=list)

    def __str__(self) -> str:
        total = self.counts.total()
        refused, planned = self.counts["refused"], self.counts["planned"]
        return f"{total} configurations: {refused} refused, {planned} planned, {len(self.failures)} tracebacks"


def run(number: int, seed: str, root: Path) -> Tally:
    """Judges `number` configurations, with the files of the corpus below `root`. The same seed makes the same ones."""
    corpus.write_files(root)
    tally = Tally()
    for name, values in generated(number, seed):
        try:
            tally.counts[judge(values, root)] += 1
        except Exception:  # noqa: BLE001 - any other exception is what this looks for
            tally.counts["failed"] += 1
            tally.failures.append((name, f"{json.dumps(values, ensure_ascii=False)[:4000]}\n{traceback.format_exc()}"))
    return tally


def generated(number: int, seed: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Mutated configurations, each with its own seed, by which it can be made again alone."""
    bases = corpus.configurations()
    for index in range(number):
        name = f"{seed}/{index}"
        random = Random(name)
        yield name, mutated(random.choice(bases), random)


def judge(values: dict[str, Any], root: Path) -> str:
    """`refused` or `planned`. Raises Unclear, or whatever the program raises beside ConfigError."""
    _outline(values)
    try:
        cluster = load_config(values, root)
    except ConfigError as error:
        _check_errors(error, values)
        return "refused"
    try:
        planned = plan(cluster)
    except ConfigError as error:  # the site takes what the program owns
        _check_errors(error, values)
        return "refused"
    _check_plan(cluster, planned)
    return "planned"


def _outline(values: dict[str, Any]) -> None:
    try:
        load_outline(values)
    except ConfigError as error:
        _check_errors(error, values)


def _check_errors(error: ConfigError, values: dict[str, Any]) -> None:
    if not error.errors:
        raise Unclear("a refusal without an error")
    for problem in error.errors:
        known = (*tree.TOP, *values)
        if not any(problem.path == key or problem.path.startswith((f"{key}.", f"{key}[")) for key in known):
            raise Unclear(f"the error names no key: {problem}")
        if not problem.text.strip() or "Traceback" in problem.text:
            raise Unclear(f"the error says nothing: {problem}")
        str(problem).encode()


def _check_plan(cluster: Cluster, planned: ClusterPlan) -> None:
    for step in planned.steps:
        if isinstance(step, NodeStateStep):
            _check_state(step)
        elif isinstance(step, CommandStep):
            _check_text(step.name, step.script)
        elif isinstance(step, ObjectsStep):
            for manifest in step.objects:
                _check_text(step.name, dump_yaml(manifest))
    if isinstance(cluster.machines, Libvirt):
        for node in cluster.nodes:
            keys = ["ssh-ed25519 AAAA", *cluster.machines.authorized_keys]
            json.loads(ignition.render(cluster.name, cluster.machines, node, keys, "private", "public"))


def _check_state(step: NodeStateStep) -> None:
    """The state as the provider gets it, with a text in place of each certificate and key."""
    wired = to_wire(step.state)
    wired["files"] |= {
        file.path: {"content": "issued", "mode": file.mode, "owner": "root", "group": "root"} for file in step.issued
    }
    wired |= {"node": step.node, "machineId": "machine", "connection": CONNECTION, "revision": None}
    if refused := [one for one in problems(wired) if one.key != "revision"]:
        raise Unclear(f"{step.name}: the provider refuses the state: {refused[:3]}")
    for path, file in step.state.files.items():
        text = file.text
        if text is None:
            continue
        _check_text(path, text)
        if path.endswith((".yaml", ".yml", ".conf.d")):
            list(yaml.safe_load_all(io.StringIO(text)))
        elif path.endswith(".json"):
            json.loads(text)
        elif path.endswith((".service", ".socket", ".mount")):
            _check_unit(path, text)


def _check_text(name: str, text: str) -> None:
    text.encode()
    if "\0" in text:
        raise Unclear(f"{name} holds a null byte")


def _check_unit(path: str, text: str) -> None:
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip() and not line.startswith(("[", "#", ";")) and "=" not in line:
            raise Unclear(f"{path}: systemd cannot read the line {line!r}")
