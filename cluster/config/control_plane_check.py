"""Checks the settings of the control plane's programs: flags, volumes, and the files that are merged with the program's own."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from cluster.config import kubelet_schema, syntax
from cluster.config.control_plane_model import PLUGIN, ApiServer, Component, ControlPlane
from cluster.config.flag_values import check_flags
from cluster.config.flags import ETCD
from cluster.config.kubelet_check import owned_keys
from cluster.config.kubelet_values import check_value
from cluster.config.model import Etcd, Network
from cluster.config.owned_flags import API_SERVER, CONTROLLER_MANAGER, KUBE_PROXY, SCHEDULER
from cluster.config.reader import Scope, describe

Found = Iterator[tuple[str, str]]
VOLUME_KEYS = ("hostPath", "mountPath", "readOnly", "type")
VOLUME_TYPES = ("Directory", "File")
PATH = re.compile(r"(/[A-Za-z0-9._@+-]+)+")
PROGRAM_FOLDERS = ("/etc/kubernetes", "/etc/etcd", "/var/lib/etcd")
CONTAINER_FOLDERS = ("/usr/local/bin", "/var/log/kubernetes/audit", "/etc/kubernetes", "/proc", "/sys", "/dev")
OWN = "the container has its own there"
LONGEST_VOLUME = 57
"""The name of the pod's volume has a prefix, and at most 63 characters."""

AUTHENTICATION: Mapping[str, str] = {
    "apiVersion": "it is always apiserver.config.k8s.io/v1",
    "kind": "it is always AuthenticationConfiguration",
    "anonymous": "anonymous requests are limited to the health endpoints",
}
AUDIT_POLICY: Mapping[str, str] = {"apiVersion": "it is always audit.k8s.io/v1", "kind": "it is always Policy"}


def check_control_plane(settings: ControlPlane, etcd: Etcd, network: Network, version: str, scope: Scope) -> None:
    """Notes an error for each setting that the program owns, that this version does not know, or that has another form."""
    api, section = settings.api_server, "controlPlane.apiServer"
    for path, program, component in (
        (section, API_SERVER, api),
        ("controlPlane.controllerManager", CONTROLLER_MANAGER, settings.controller_manager),
        ("controlPlane.scheduler", SCHEDULER, settings.scheduler),
    ):
        _note(scope, f"{path}.extraArgs", check_flags(program, component.extra_args, version))
        _note(scope, f"{path}.extraVolumes", _volumes(component))
    _note(scope, "etcd.extraArgs", check_flags(ETCD, etcd.extra_args, version))
    _note(scope, f"{section}.authentication", _authentication(api, version))
    _note(scope, f"{section}.auditPolicy", _audit_policy(api, version))
    _note(scope, f"{section}.admission", _admission(api))
    proxy = kubelet_schema.load(version, "kube-proxy")
    kind = "KubeProxyConfiguration"
    _note(scope, "network.kubeProxy", _file(proxy, kind, f"{kind} v1alpha1", network.kube_proxy, KUBE_PROXY))


def _note(scope: Scope, path: str, found: Found) -> None:
    for key, text in found:
        scope.error(f"{path}.{key}" if key else path, text)


def _file(
    schema: kubelet_schema.Schema, kind: str, file: str, values: Mapping[str, Any], owned: Mapping[str, str]
) -> Found:
    """Errors of a part of a configuration file: keys that the program sets, and values that the schema does not allow."""
    found = dict(owned_keys(values, "", owned))
    yield from found.items()
    for key, text in check_value(schema, kind, values, "", file):
        if key not in found:
            yield key, text


def _authentication(api: ApiServer, version: str) -> Found:
    kind, values = "AuthenticationConfiguration", api.authentication
    schema = kubelet_schema.load(version, API_SERVER)
    yield from _file(schema, kind, f"{kind} v1", values, AUTHENTICATION)
    issuers = values.get("jwt")
    for index, one in enumerate(issuers if isinstance(issuers, list) else ()):
        yield from ((f"jwt[{index}].{key}", text) for key, text in _issuer(one))


def _issuer(one: Any) -> Found:
    issuer = one.get("issuer") if isinstance(one, Mapping) else None
    issuer = issuer if isinstance(issuer, Mapping) else {}
    url = issuer.get("url")
    if not url:
        yield "issuer.url", "is missing: the issuer's https:// URL, as in its tokens"
    elif isinstance(url, str) and not url.startswith("https://"):
        yield "issuer.url", f"'{url}' is not an https:// URL"
    if not issuer.get("audiences"):
        yield "issuer.audiences", "is missing: the audiences of which a token must name one, such as a client's id"


def _audit_policy(api: ApiServer, version: str) -> Found:
    if not api.audit_policy:
        return
    schema = kubelet_schema.load(version, API_SERVER)
    yield from _file(schema, "Policy", "audit Policy v1", api.audit_policy, AUDIT_POLICY)
    if not api.audit_policy.get("rules"):
        yield "rules", "is missing: the API server refuses a policy without rules"


def _admission(api: ApiServer) -> Found:
    for name, configuration in api.admission.items():
        if name == "PodSecurity":
            yield name, "is set by the program: set controlPlane.apiServer.podSecurity"
        elif not PLUGIN.fullmatch(name):
            yield name, "is not an admission plugin's name, such as EventRateLimit"
        elif not isinstance(configuration, Mapping):
            yield (
                name,
                f"is {describe(configuration)}, not an object: the plugin's configuration with apiVersion and kind",
            )
        else:
            for key in ("apiVersion", "kind"):
                if not isinstance(configuration.get(key), str):
                    yield f"{name}.{key}", "is missing: each plugin's configuration has apiVersion and kind"


def _volumes(settings: Component) -> Found:
    seen: dict[str, str] = {}
    for name, volume in settings.extra_volumes.items():
        if (wrong := syntax.dns_label(name)) is not None or len(name) > LONGEST_VOLUME:
            yield name, wrong or f"has more than {LONGEST_VOLUME} characters"
            continue
        if not isinstance(volume, Mapping):
            yield name, f"is {describe(volume)}, not an object: {{hostPath, mountPath, readOnly, type}}"
            continue
        errors = [(f"{name}.{key}", text) for key, text in _volume(volume)]
        yield from errors
        at = str(volume.get("mountPath") or volume.get("hostPath"))
        if not errors and at in seen:
            yield f"{name}.mountPath", f"'{at}' is the mountPath of {seen[at]} already"
        if not errors:
            seen[at] = name


def _volume(volume: Mapping[str, Any]) -> Found:
    for key in volume:
        if key not in VOLUME_KEYS:
            near = difflib.get_close_matches(key, VOLUME_KEYS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(VOLUME_KEYS)}"
            yield key, f"is not a known key; {hint}"
    host, mount = volume.get("hostPath"), volume.get("mountPath")
    if host is None:
        yield "hostPath", "is missing: the path of the file or folder on the node"
    elif (wrong := _path(host, PROGRAM_FOLDERS, "the keys of other components are there")) is not None:
        yield "hostPath", wrong
    elif mount is None and (wrong := _path(host, CONTAINER_FOLDERS, OWN)) is not None:
        yield "hostPath", f"{wrong}: set mountPath, too"
    if mount is not None and (wrong := _path(mount, CONTAINER_FOLDERS, OWN)) is not None:
        yield "mountPath", wrong
    if not isinstance(volume.get("readOnly", True), bool):
        yield "readOnly", f"is {describe(volume['readOnly'])}, not true or false"
    if volume.get("type", "Directory") not in VOLUME_TYPES:
        yield "type", f"{volume['type']!r} is not one of {', '.join(VOLUME_TYPES)}"


def _path(value: Any, taken: tuple[str, ...], reason: str) -> str | None:
    """The error of a path that is not an absolute one in its shortest form, or that overlaps one of the program's own."""
    if not isinstance(value, str) or not PATH.fullmatch(value):
        return f"{value!r} is not an absolute path of letters, digits and ._@+-"
    if {".", ".."} & set(value.split("/")):
        return f"'{value}' is not in its shortest form: without . and .."
    for folder in taken:
        if value == folder or value.startswith(f"{folder}/") or folder.startswith(f"{value}/"):
            return f"'{value}' overlaps {folder}: {reason}"
    return None
