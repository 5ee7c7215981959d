"""Rules of the kubelet across the keys of its merged configuration: the program's, the cluster's and the node's.

Source: pkg/kubelet/apis/config/validation and the parsers that the kubelet runs at its start. Each rule yields a key
and its error; the text names both keys, since the program may have set one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cluster.config import kubelet_values as values
from cluster.config.kubelet_schema import ALL_GATES, Gate, Schema

Found = Iterator[tuple[str, str]]
ENFORCED = ("pods", "system-reserved", "system-reserved-compressible", "kube-reserved", "kube-reserved-compressible")
CPU_OPTIONS = (
    *("full-pcpus-only", "distribute-cpus-across-numa", "align-by-socket", "distribute-cpus-across-cores"),
    *("strict-cpu-reservation", "prefer-align-cpus-by-uncorecache"),
)
TOPOLOGY_OPTIONS = ("prefer-closest-numa-nodes", "max-allowable-numa-nodes")


class Merged:
    """A merged configuration with the kubelet's own defaults, and its feature gates."""

    def __init__(self, configuration: Mapping[str, Any], schema: Schema) -> None:
        self._configuration = configuration
        self._schema = schema

    def get(self, path: str, default: Any = None) -> Any:
        """The value at a path, or the kubelet's default."""
        value: Any = self._configuration
        for part in path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return default if value is None else value

    def seconds(self, path: str, default: float = 0) -> float:
        """A duration in seconds."""
        value = self.get(path)
        return default if value is None else values.seconds(value) or 0

    @property
    def gates(self) -> Mapping[str, Gate]:
        """The feature gates that this kubelet knows."""
        return self._schema.gates

    def enabled(self, gate: str) -> bool:
        """Whether a feature gate is on. The feature of a removed gate is always on."""
        known = self.gates.get(gate)
        return bool(self.get(f"featureGates.{gate}", known.default if known else True))


def check(merged: Merged) -> Found:
    """Every rule."""
    for rule in RULES:
        yield from rule(merged)


def _single_values(merged: Merged) -> Found:
    for key, allowed in values.CHOICES.items():
        value = merged.get(key, "")
        if value and value not in allowed:
            yield key, f"{value!r} is not one of {', '.join(allowed)}"
    for key, (least, most) in values.LIMITS.items():
        value = merged.get(key)
        if value is not None and not least <= value <= most:
            yield (
                key,
                f"{value} is not between {least} and {most}"
                if most < values.LARGEST
                else f"{value} is less than {least}",
            )
    factor = merged.get("memoryThrottlingFactor", 0.9)
    if not 0 < factor <= 1:
        yield "memoryThrottlingFactor", f"{factor} is not more than 0 and at most 1"
    if merged.get("runOnce"):
        yield "runOnce", "must not be true: the kubelet no longer has this mode"
    logs = merged.get("podLogsDir", "/var/log/pods")
    if not logs.startswith("/") or "//" in logs or "/." in logs or logs.endswith("/") or not logs.isascii():
        yield "podLogsDir", f"'{logs}' is not a plain absolute path"
    if merged.seconds("containerLogMonitorInterval", 10) < 3:
        yield "containerLogMonitorInterval", "is less than 3s"
    ids = merged.get("userNamespaces.idsPerPod", 65536)
    if ids < 65536 or ids % 65536 or ids >= 1 << 32:
        yield "userNamespaces.idsPerPod", f"{ids} is not a multiple of 65536 below 4294967296"


def _maps(merged: Merged) -> Found:
    for key in ("evictionHard", "evictionSoft"):
        yield from values.entries(key, values.SIGNALS, merged.get(key), values.threshold)
    yield from values.entries(
        "evictionMinimumReclaim", values.SIGNALS, merged.get("evictionMinimumReclaim"), values.reclaim
    )
    yield from values.entries(
        "evictionSoftGracePeriod", values.SIGNALS, merged.get("evictionSoftGracePeriod"), values.duration
    )
    for key in ("systemReserved", "kubeReserved"):
        yield from values.entries(key, values.RESERVED, merged.get(key), values.reserved)
    yield from values.entries("qosReserved", ("memory",), merged.get("qosReserved"), values.percentage)
    options = {
        key: value
        for key, value in merged.get("topologyManagerPolicyOptions", {}).items()
        if key != TOPOLOGY_OPTIONS[1]
    }
    yield from values.entries("topologyManagerPolicyOptions", TOPOLOGY_OPTIONS, options, values.switch)
    yield from values.entries(
        "cpuManagerPolicyOptions", CPU_OPTIONS, merged.get("cpuManagerPolicyOptions"), values.switch
    )


def _feature_gates(merged: Merged) -> Found:
    named = merged.get("featureGates", {})
    for name, value in named.items():
        gate = merged.gates.get(name)
        if gate is None:
            yield (
                f"featureGates.{name}",
                "is not a feature gate of this Kubernetes version: the kubelet would not start",
            )
        elif gate.locked and value is not gate.default:
            text = f"is always {str(gate.default).lower()} in this Kubernetes version: leave it out"
            yield f"featureGates.{name}", text
    if not ALL_GATES & named.keys():
        yield from _gates_that_need_others(merged, named)


def _gates_that_need_others(merged: Merged, named: Mapping[str, bool]) -> Found:
    """Gates that are on and need one that is off. The error is reported for the gate that the configuration sets."""
    lost: dict[str, list[str]] = {}
    for name, gate in merged.gates.items():
        for other in gate.requires:
            if merged.enabled(name) and not merged.enabled(other) and not merged.gates[other].locked:
                if name in named:
                    yield (
                        f"featureGates.{name}",
                        f"needs the feature gate {other}: set featureGates.{other} to true, too",
                    )
                else:
                    lost.setdefault(other, []).append(name)
    for name, others in lost.items():
        if name in named:
            yield f"featureGates.{name}", f"is needed by {', '.join(sorted(others))}: set those to false, too"


def _image_pulls(merged: Merged) -> Found:
    parallel = merged.get("maxParallelImagePulls")
    if merged.get("serializeImagePulls", True) and parallel is not None and parallel > 1:
        yield (
            "serializeImagePulls",
            f"is true, and maxParallelImagePulls is {parallel}: set maxParallelImagePulls to 1, too",
        )


def _shutdown(merged: Merged) -> Found:
    period, critical = "shutdownGracePeriod", "shutdownGracePeriodCriticalPods"
    total, reserved = merged.seconds(period), merged.seconds(critical)
    for key, value in ((period, total), (critical, reserved)):
        if value < 0 or 0 < value < 1:
            yield key, f"'{merged.get(key)}' is neither 0s nor at least 1s"
    if reserved > total:
        yield (
            period,
            f"'{merged.get(period, '0s')}' is less than {critical} ('{merged.get(critical)}'): set {critical}, too",
        )
    if merged.get("shutdownGracePeriodByPodPriority") and (total > 0 or reserved > 0):
        text = f"is set together with {period} ('{merged.get(period)}') and {critical}: set both to \"0s\", too"
        yield "shutdownGracePeriodByPodPriority", text
    if (total > 0 or reserved > 0) and not merged.enabled("GracefulNodeShutdown"):
        yield "featureGates.GracefulNodeShutdown", f'is false, and {period} is set: set {period} and {critical} to "0s"'


def _images(merged: Merged) -> Found:
    high, low = merged.get("imageGCHighThresholdPercent", 85), merged.get("imageGCLowThresholdPercent", 80)
    if low >= high:
        yield "imageGCLowThresholdPercent", f"{low} is not less than imageGCHighThresholdPercent ({high})"
    oldest, youngest = merged.seconds("imageMaximumGCAge"), merged.seconds("imageMinimumGCAge", 120)
    if 0 < oldest <= youngest:
        yield (
            "imageMaximumGCAge",
            f"'{merged.get('imageMaximumGCAge')}' is not more than imageMinimumGCAge ({youngest:g}s)",
        )
    policy = merged.get("imagePullCredentialsVerificationPolicy", "NeverVerifyPreloadedImages")
    if merged.get("preloadedImagesVerificationAllowlist") and policy != "NeverVerifyAllowlistedImages":
        text = f"needs imagePullCredentialsVerificationPolicy NeverVerifyAllowlistedImages, which is {policy}"
        yield "preloadedImagesVerificationAllowlist", text


def _eviction(merged: Merged) -> Found:
    periods = merged.get("evictionSoftGracePeriod", {})
    for signal, value in merged.get("evictionSoft", {}).items():
        if signal not in periods and value not in ("0%", "100%"):
            yield f"evictionSoft.{signal}", f"needs a grace period: set evictionSoftGracePeriod.{signal}, too"


def _allocatable(merged: Merged) -> Found:
    key = "enforceNodeAllocatable"
    enforced = merged.get(key, ["pods"])
    for index, one in enumerate(enforced):
        path = f"{key}[{index}]"
        group = "systemReservedCgroup" if one.startswith("system") else "kubeReservedCgroup"
        if one not in (*ENFORCED, "none"):
            yield path, f"'{one}' is not one of {', '.join((*ENFORCED, 'none'))}"
        elif one in enforced[:index]:
            yield path, f"repeats '{one}'"
        elif one == "none" and len(enforced) > 1:
            yield path, "'none' is set together with others: it must be the only entry"
        elif one not in ("pods", "none") and not merged.get(group):
            yield path, f"'{one}' needs {group}"
        elif f"{one}-compressible" in enforced:
            yield path, f"'{one}' is set together with '{one}-compressible': set one of them"
        elif one != "none" and not merged.get("cgroupsPerQOS", True):
            yield "cgroupsPerQOS", f"is false, and {key} has '{one}': set {key} to [none], too"


def _cgroups_and_cpus(merged: Merged) -> Found:
    if merged.get("systemCgroups") and not merged.get("cgroupRoot"):
        yield "systemCgroups", "needs cgroupRoot"
    cpus = merged.get("reservedSystemCPUs")
    if cpus and not values.CPU_LIST.fullmatch(cpus):
        yield "reservedSystemCPUs", f"'{cpus}' is not a list of CPUs, such as 0-1,4"
    for group in ("systemReservedCgroup", "kubeReservedCgroup"):
        if cpus and merged.get(group):
            yield "reservedSystemCPUs", f"is set together with {group}: the kubelet accepts one of them"
    if merged.get("cpuManagerPolicy") == "static":
        if not cpus and not any(_positive(merged.get(f"{key}.cpu")) for key in ("systemReserved", "kubeReserved")):
            yield (
                "cpuManagerPolicy",
                "static needs a reserved CPU: set reservedSystemCPUs, systemReserved.cpu or kubeReserved.cpu",
            )
    elif merged.get("cpuManagerPolicyOptions"):
        yield "cpuManagerPolicyOptions", "needs cpuManagerPolicy static"
    if merged.get("memoryManagerPolicy") == "Static" and not merged.get("reservedMemory"):
        yield "memoryManagerPolicy", "Static needs reservedMemory"


def _gated(merged: Merged) -> Found:
    for key, gate, off in (
        ("enableSystemLogQuery", "NodeLogQuery", False),
        ("memoryReservationPolicy", "MemoryQoS", "None"),
        ("crashLoopBackOff.maxContainerRestartPeriod", "KubeletCrashLoopBackOffMax", None),
        ("cpuCFSQuotaPeriod", "CustomCPUCFSQuotaPeriod", "100ms"),
        ("shutdownGracePeriodByPodPriority", "GracefulNodeShutdownBasedOnPodPriority", []),
    ):
        value = merged.get(key, off)
        if value != off and not merged.enabled(gate):
            yield key, f"needs the feature gate {gate}: set featureGates.{gate} to true, too"
    if merged.get("enableSystemLogQuery") and not merged.get("enableSystemLogHandler", True):
        yield "enableSystemLogQuery", "needs enableSystemLogHandler true"
    if not 1 <= merged.seconds("crashLoopBackOff.maxContainerRestartPeriod", 300) <= 300:
        yield "crashLoopBackOff.maxContainerRestartPeriod", "is not between 1s and 300s"
    if not 0.001 <= merged.seconds("cpuCFSQuotaPeriod", 0.1) <= 1:
        yield "cpuCFSQuotaPeriod", "is not between 1ms and 1s"
    if merged.get("logging.format") == "json" and merged.get("logging.vmodule"):
        yield "logging.vmodule", "is for logging.format text"


def _reserved_memory(merged: Merged) -> Found:
    seen = set()
    for index, one in enumerate(merged.get("reservedMemory", [])):
        for name, value in (one.get("limits") or {}).items():
            path = f"reservedMemory[{index}].limits.{name}"
            if name != "memory" and not name.startswith("hugepages-"):
                yield path, "is neither memory nor hugepages-<size>"
            elif not _positive(value):
                yield path, f"{value!r} is not more than zero"
            elif (one.get("numaNode", 0), name) in seen:
                yield path, f"NUMA node {one.get('numaNode', 0)} has {name} already"
            seen.add((one.get("numaNode", 0), name))


def _positive(value: Any) -> bool:
    return any(digit in "123456789" for digit in str(value or 0)) and not str(value).startswith("-")


RULES: tuple[Callable[[Merged], Found], ...] = (
    *(_single_values, _maps, _feature_gates, _image_pulls, _shutdown, _images, _eviction, _allocatable),
    *(_cgroups_and_cpus, _gated, _reserved_memory),
)
