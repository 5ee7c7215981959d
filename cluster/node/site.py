"""The site's own settings of a node: its files and units, kernel settings and kernel modules."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from cluster.config.model import Cluster, Cni, Node, Site
from cluster.config.reader import Problem
from cluster.config.site_model import SiteFile
from cluster.node import paths
from cluster.node.container_runtime import KERNEL
from cluster.node.rollouts import rollout
from cluster.node.static_pod import merged
from cluster.rendering import read_template
from cluster.step import After, NodeStateStep, step_name
from nodestate import Action, Download, File, Foreign, NodeState, Probe, Reaction, Secret, Unit

COMPONENT = "site"
SYSCTL = "systemd-sysctl.service"
MODULES = "systemd-modules-load.service"
RESOLVED = "systemd-resolved.service"
TIME = "plumbline-time.service"

OWN_FOLDERS = {
    paths.KUBERNETES: "the program's folder",
    paths.ETCD_CONFIG: "etcd's folder",
    paths.ETCD_DATA: "etcd's data",
    paths.NETWORK: "the program's folder",
    "/var/lib/plumbline": "the program's folder",
    "/var/lib/containerd": "containerd's data",
}
"""Folders in which the program, or a program that it runs, owns everything."""

INSTEAD = {
    paths.HOSTS: "the program writes a part of it",
    paths.SITE_SYSCTLS: "set site.sysctls",
    paths.SITE_MODULES: "set site.kernelModules",
    paths.SITE_RESOLVED: "set site.resolvers",
    paths.SITE_TIMESYNCD: "set site.timeServers",
    paths.SITE_CHRONY: "set site.timeServers",
}
"""Files that the program may write, and what to do instead."""

FOLDERS_INSTEAD = {paths.CONTAINERD_DROP_INS: "containerd.imports", paths.REGISTRIES: "containerd.registries"}
"""Folders that keys of the configuration fill."""


def plan(cluster: Cluster, node: Node) -> NodeStateStep | None:
    """The site's settings of one node; None if it has none. They are in place before the container runtime starts."""
    site = node.site
    parts = [_files(site), _units(site)]
    if site.kernel_modules:
        parts.append(_modules(site.kernel_modules))
    if site.sysctls:
        parts.append(_sysctls({name: str(value) for name, value in site.sysctls.items()}))
    if site.resolvers:
        parts.append(_resolvers([str(one) for one in site.resolvers]))
    if site.time_servers:
        parts.append(_time([str(one) for one in site.time_servers]))
    if all(part == NodeState() for part in parts):
        return None
    return NodeStateStep(
        node=node.name,
        component=COMPONENT,
        state=replace(merged(*parts), rollout=rollout(cluster, node)),
        after=(After(step_name(node.name, "first-boot"), "nothing is written before Ignition has finished"),),
    )


def _files(site: Site) -> NodeState:
    files = {path: _file(file) for path, file in site.files.items() if file is not None}
    reactions: dict[tuple[str, Action], list[str]] = {}
    for path, file in site.files.items():
        for action, units in ((Action.RESTART, file.restart), (Action.RELOAD, file.reload)) if file else ():
            for unit in units:
                reactions.setdefault((unit, action), []).append(path)
    return NodeState(
        files=files,
        reactions=tuple(Reaction(unit, action, tuple(paths)) for (unit, action), paths in reactions.items()),
    )


def _file(file: SiteFile) -> File:
    if file.url:
        return File(
            source=Download(file.url, file.sha256), mode=file.mode or "0644", owner=file.owner, group=file.group
        )
    mode = file.mode or ("0600" if isinstance(file.content, Secret) else "0644")
    return File(file.content, mode=mode, owner=file.owner, group=file.group)


def _units(site: Site) -> NodeState:
    texts = {name: unit.content for name, unit in site.units.items() if unit is not None and unit.content is not None}
    modes = {name: "0600" if isinstance(text, Secret) else "0644" for name, text in texts.items()}
    return NodeState(
        files={f"{paths.UNITS}/{name}": File(text, mode=modes[name]) for name, text in texts.items()},
        units={
            name: Unit(enabled=unit.enabled, active=unit.active)
            for name, unit in site.units.items()
            if unit is not None
        },
        reactions=tuple(Reaction(name, Action.RESTART, (f"{paths.UNITS}/{name}",)) for name in texts),
    )


def _modules(modules: Collection[str]) -> NodeState:
    """A module counts as loaded if it is in /proc/modules, built in, has a folder below /sys/module, or is a file system that the
    kernel knows: a kernel without loadable modules lists what it has nowhere else."""
    names = " ".join(modules)
    command = (
        f'for name in {names}; do under=$(printf %s "$name" | tr - _)\n'
        '  if grep -qs "^$under " /proc/modules || [ -d "/sys/module/$under" ] ||\n'
        '    grep -q "[[:space:]]$under$" /proc/filesystems ||\n'
        '    tr - _ 2>/dev/null <"/lib/modules/$(uname -r)/modules.builtin" | grep -q "/$under[.]ko"\n'
        '  then echo "$name"; else echo "$name is not loaded"; fi\ndone'
    )
    return NodeState(
        files={paths.SITE_MODULES: File("".join(f"{name}\n" for name in modules))},
        reactions=(Reaction(MODULES, Action.RESTART, (paths.SITE_MODULES,)),),
        probes={"site-modules": Probe(command, "\n".join(modules), MODULES)},
    )


def _sysctls(settings: Mapping[str, str]) -> NodeState:
    """Several values of one setting are compared whatever the blanks between them."""
    lines = {name: " ".join(value.split()) for name, value in sorted(settings.items())}
    text = "".join(f"{name} = {value}\n" for name, value in lines.items())
    reads = "\n".join(f"read_setting '{name}' '{_proc(name)}'" for name in lines)
    command = (
        "read_setting() {\n"
        '  value=$(cat "/proc/sys/$2" 2>/dev/null | tr -s "[:space:]" " " | sed "s/ $//") || true\n'
        '  echo "$1 = ${value:-(this kernel has no such setting)}"\n'
        f"}}\n{reads}"
    )
    return NodeState(
        files={paths.SITE_SYSCTLS: File(text)},
        reactions=(Reaction(SYSCTL, Action.RESTART, (paths.SITE_SYSCTLS,)),),
        probes={"site-sysctls": Probe(command, text.rstrip("\n"), SYSCTL)},
    )


def _resolvers(servers: Collection[str]) -> NodeState:
    """The route ~. sends all names to these servers, before those that an interface learns by DHCP."""
    text = f"[Resolve]\nDNS={' '.join(servers)}\nDomains=~.\n"
    return NodeState(
        files={paths.SITE_RESOLVED: File(text)},
        reactions=(Reaction(RESOLVED, Action.RESTART, (paths.SITE_RESOLVED,)),),
        probes={"site-resolvers": Probe("resolvectl dns | sed -n 's/^Global: *//p'", " ".join(servers), RESOLVED)},
    )


def _time(servers: Collection[str]) -> NodeState:
    """The files of both programs, and a unit that makes the one that runs read its own."""
    sources = (paths.SITE_TIMESYNCD, paths.SITE_CHRONY)
    return NodeState(
        files={
            paths.SITE_TIMESYNCD: File(f"[Time]\nNTP={' '.join(servers)}\n"),
            paths.SITE_CHRONY: File("".join(f"server {server} iburst\n" for server in servers)),
            paths.SITE_TIME_UNIT: File(read_template("node/site/plumbline-time.service")),
        },
        units={TIME: Unit(foreign_drop_ins=Foreign.REMOVED)},
        reactions=(Reaction(TIME, Action.RESTART, (*sources, paths.SITE_TIME_UNIT)),),
    )


def _proc(name: str) -> str:
    """The path below /proc/sys. As for sysctl, the first separator decides: with a dot first, a slash is a dot of a name."""
    first = next(one for one in name if one in "./")
    return name if first == "/" else name.translate(str.maketrans("./", "/."))


def problems(cluster: Cluster, node: Node, others: Collection[NodeStateStep]) -> Iterator[Problem]:
    """The site's paths, units and settings that the program owns on a node. `others` are the node's other NodeStates."""
    owners = {path: step.component for step in others for path in (*step.state.files, *step.state.directories)}
    owners |= {file.path: step.component for step in others for file in step.issued}
    units = {unit: step.component for step in others for unit in step.state.units}
    site = node.site
    for path, file in site.files.items():
        if reason := _taken(cluster, path, owners, units):
            yield Problem(site.key("files", path), reason)
        for action, named in (("restart", file.restart), ("reload", file.reload)) if file else ():
            for unit in named:
                if unit in units:
                    yield Problem(
                        f"{site.key('files', path)}.{action}",
                        f"{unit} is the program's (component {units[unit]}): it restarts for its own files only",
                    )
    for name in site.units:
        if name in units:
            yield Problem(site.key("units", name), f"is the program's (component {units[name]}): choose another name")
    for name in site.hosts:
        if name == cluster.kubernetes.internal_endpoint:
            yield Problem(site.key("hosts", name), "is kubernetes.internalEndpoint: the program gives it its addresses")
    for name in site.sysctls:
        if (owner := _sysctl_owner(cluster, node, name)) is not None:
            yield Problem(site.key("sysctls", name), owner)


def _taken(cluster: Cluster, path: str, owners: Mapping[str, str], units: Mapping[str, str]) -> str | None:
    if path in INSTEAD:
        return f"is the program's: {INSTEAD[path]}"
    if path in owners:
        return f"is the program's (component {owners[path]}): choose another path"
    own = dict(OWN_FOLDERS)
    if cluster.network.cni is Cni.ROUTED:
        own |= {paths.CNI_CONFIG: "the folder of the program's CNI configuration"}
    for parent in map(str, PurePosixPath(path).parents):
        if parent in FOLDERS_INSTEAD:
            return f"{parent} is containerd's: set {FOLDERS_INSTEAD[parent]}"
        if parent in own:
            return f"{parent} is {own[parent]}: choose another path"
        folder, _, name = parent.rpartition("/")
        unit = name.removesuffix(".d")
        if name.endswith(".d") and unit in units and folder.endswith("/systemd/system"):
            return f"{unit} is the program's (component {units[unit]}): it takes no drop-ins"
    return None


def _sysctl_owner(cluster: Cluster, node: Node, name: str) -> str | None:
    plain = _proc(name).replace("/", ".")
    if plain in KERNEL:
        return f"the program sets it to {KERNEL[plain]}: pods or the kubelet need that"
    if plain.startswith("net.netfilter.nf_conntrack_") and cluster.network.conntrack_limits:
        return "kube-proxy sets connection tracking: set network.conntrackLimits to false first"
    return None
