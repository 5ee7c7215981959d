"""The controlPlane section: API server, controller manager and scheduler, leader election and probes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster.config.declare import Check, key, rule

LEVELS = ("privileged", "baseline", "restricted")
PLUGIN = re.compile(r"[A-Z][A-Za-z0-9]*")
VERSION = r"latest|v1\.[0-9]+"
POLICY_VERSION = Check(
    "latest or a minor version, such as v1.36",
    lambda value: (
        None if re.fullmatch(VERSION, value) else f"'{value}' is neither latest nor a minor version, such as v1.36"
    ),
    VERSION,
)
FLAGS = (
    "by name without the dashes, merged over the program's own: a value, a list for a flag that is given several times, or "
    "an object for pairs."
)
VOLUMES = (
    "by name, that the pod sees: `{hostPath, mountPath, readOnly, type}`. `mountPath` is `hostPath` by default, `readOnly` "
    "is true, `type` is `Directory` or `File`."
)


@dataclass(frozen=True, kw_only=True)
class Component:
    """Flags and volumes of one component."""

    extra_args: Mapping[str, Any] = key({}, doc=f"Flags of the component {FLAGS}", example="{v: 4}")
    extra_volumes: Mapping[str, Any] = key(
        {}, doc=f"Files or folders of the node, {VOLUMES}", example="{site: {hostPath: /etc/site}}"
    )


@dataclass(frozen=True, kw_only=True)
class PodSecurity:
    """Defaults of Pod Security for namespaces that have no such labels."""

    enforce: str = key("", choices=LEVELS, doc="The level that pods must meet. Not set: `privileged`.")
    audit: str = key(
        "", choices=LEVELS, doc="The level below which pods are noted in the audit log. Not set: `privileged`."
    )
    warn: str = key("", choices=LEVELS, doc="The level below which clients are warned. Not set: `privileged`.")
    version: str = key("latest", check=POLICY_VERSION, doc="The version of the levels.")
    exempt_namespaces: tuple[str, ...] = key(
        (), doc="Namespaces without these checks, in addition to kube-system, where the control plane's pods are."
    )
    exempt_usernames: tuple[str, ...] = key((), doc="Users whose pods are not checked.")
    exempt_runtime_classes: tuple[str, ...] = key((), doc="Runtime classes whose pods are not checked.")

    @property
    def configured(self) -> bool:
        """Whether a level is set."""
        return bool(self.enforce or self.audit or self.warn)

    @rule("enforce", "version", "exempt_namespaces", "exempt_usernames", "exempt_runtime_classes")
    def _has_an_effect(self) -> str | None:
        rest = (self.exempt_namespaces, self.exempt_usernames, self.exempt_runtime_classes)
        if self.configured or (self.version == "latest" and not any(rest)):
            return None
        return (
            f"is not set, nor are audit and warn: without a level of {', '.join(LEVELS)} the other keys have no effect"
        )


@dataclass(frozen=True, kw_only=True)
class ApiServer(Component):
    """The API server."""

    authentication: Mapping[str, Any] = key(
        {},
        doc="`jwt` of AuthenticationConfiguration: the issuers whose tokens are accepted, such as an OIDC provider's. "
        "Anonymous requests stay limited to the health endpoints.",
    )
    audit_policy: Mapping[str, Any] = key(
        {}, doc="An audit Policy in place of the program's: `rules`, `omitStages`, `omitManagedFields`."
    )
    admission: Mapping[str, Any] = key(
        {},
        doc="Configuration of admission plugins by name, for AdmissionConfiguration. `podSecurity` sets that of PodSecurity.",
        example="{EventRateLimit: {...}}",
    )
    pod_security: PodSecurity = key(doc="Defaults of Pod Security for namespaces that have no such labels.")


@dataclass(frozen=True, kw_only=True)
class ControlPlane:
    """API server, controller manager and scheduler; leader election of the latter two, and probes. A change restarts the
    pods that it is for, one node after another. Set longer times on slow machines."""

    lease_duration: int = key(
        15, 5, 600, unit="s", doc="How long the other candidates wait for a leader that does not renew its lease."
    )
    renew_deadline: int = key(
        10,
        2,
        600,
        unit="s",
        doc="How long a leader tries to renew its lease before it gives up; less than `leaseDuration`.",
    )
    retry_period: int = key(2, 1, 600, unit="s", doc="Time between two attempts to renew; less than `renewDeadline`.")
    probe_period: int = key(10, 1, 300, unit="s", doc="Time between two probes of a static pod.")
    api_server: ApiServer = key(doc="The API server.")
    controller_manager: Component = key(doc="The controller manager.")
    scheduler: Component = key(doc="The scheduler.")

    @rule("lease_duration", "renew_deadline", "retry_period")
    def _leader_can_renew(self) -> str | None:
        if self.lease_duration > self.renew_deadline > self.retry_period:
            return None
        return (
            f"{self.lease_duration} > renewDeadline ({self.renew_deadline}) > retryPeriod ({self.retry_period}) "
            "does not hold: a leader must be able to renew before its lease ends"
        )


@dataclass(frozen=True)
class HostVolume:
    """A file or folder of the node that a pod sees. `kind` is `Directory` or `File`."""

    name: str
    host_path: str
    mount_path: str
    read_only: bool
    kind: str


def host_volumes(settings: Component) -> tuple[HostVolume, ...]:
    """The volumes of a component's checked settings, by name."""
    return tuple(
        HostVolume(
            name,
            one["hostPath"],
            one.get("mountPath") or one["hostPath"],
            one.get("readOnly") is not False,
            one.get("type") or "Directory",
        )
        for name, one in sorted(settings.extra_volumes.items())
    )
