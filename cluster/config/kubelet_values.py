"""Single values of a KubeletConfiguration: their types, and the limits that the kubelet checks at its start."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cluster.config.kubelet_schema import Schema

DURATION = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
QUANTITY = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([numkMGTPE]|[KMGTPE]i)?")
"""Without exponents: YAML readers disagree whether 1e9 is text or a number."""
CPU_LIST = re.compile(r"\d+(-\d+)?(,\d+(-\d+)?)*")
UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
SIGNALS = (
    *("memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available", "imagefs.inodesFree"),
    *("containerfs.available", "containerfs.inodesFree", "allocatableMemory.available", "pid.available"),
)
RESERVED = ("cpu", "memory", "ephemeral-storage", "pid")
Wrong = str | None

CHOICES = {
    "cgroupDriver": ("cgroupfs", "systemd"),
    "cpuManagerPolicy": ("none", "static"),
    "hairpinMode": ("promiscuous-bridge", "hairpin-veth", "none"),
    "logging.format": ("text", "json"),
    "memoryManagerPolicy": ("None", "Static"),
    "memorySwap.swapBehavior": ("NoSwap", "LimitedSwap"),
    "tlsMinVersion": ("VersionTLS10", "VersionTLS11", "VersionTLS12", "VersionTLS13"),
    "topologyManagerPolicy": ("none", "best-effort", "restricted", "single-numa-node"),
    "topologyManagerScope": ("container", "pod"),
}
"""The allowed values of keys whose type is text. Source: pkg/kubelet/apis/config/validation."""

LARGEST = (1 << 31) - 1
LIMITS = {
    **dict.fromkeys(("eventBurst", "eventRecordQPS", "kubeAPIBurst", "kubeAPIQPS", "maxPods"), (0, LARGEST)),
    **dict.fromkeys(("podsPerCore", "registryBurst", "registryPullQPS", "nodeLeaseDurationSeconds"), (0, LARGEST)),
    **dict.fromkeys(("imageGCHighThresholdPercent", "imageGCLowThresholdPercent"), (0, 100)),
    **dict.fromkeys(("iptablesDropBit", "iptablesMasqueradeBit"), (0, 31)),
    "containerLogMaxFiles": (2, LARGEST),
    "containerLogMaxWorkers": (1, LARGEST),
    "maxOpenFiles": (0, (1 << 63) - 1),
    "maxParallelImagePulls": (1, LARGEST),
    "nodeStatusMaxImages": (-1, LARGEST),
    "oomScoreAdj": (-1000, 1000),
    "logging.verbosity": (0, LARGEST),
    "tracing.samplingRatePerMillion": (0, 1000000),
}


def quantity(value: Any) -> Wrong:
    """The error of a value that is not a quantity of Kubernetes as text."""
    if isinstance(value, str) and QUANTITY.fullmatch(value):
        return None
    return f'{value!r} is not a quantity in quotes, such as "500m" or "1Gi"'


def duration(value: Any) -> Wrong:
    """The error of a value that is not a duration of Go."""
    if isinstance(value, str) and seconds(value) is not None:
        return None
    return f'{value!r} is not a duration such as "1m30s"'


def seconds(value: str) -> float | None:
    """A duration in seconds, None if the text is not a duration."""
    if value == "0":
        return 0
    parts = list(DURATION.finditer(value))
    if not parts or "".join(part[0] for part in parts) != value:
        return None
    return sum(float(part[0].removesuffix(part[3])) * UNITS[part[3]] for part in parts)


KUBELET = "KubeletConfiguration v1beta1"


def check_value(schema: Schema, kind: str, value: Any, path: str, file: str = KUBELET) -> Iterator[tuple[str, str]]:
    """Yields the errors of a value of one type of the schema, each with its path below the configuration.

    `file` is the kind and version of the configuration file, for errors.
    """
    if value is None:
        return
    if kind in schema.types:
        yield from _object(schema, schema.types[kind], value, path, file)
    elif kind.startswith("list of "):
        if not isinstance(value, list):
            yield path, f"{value!r} is not a list"
            return
        for index, one in enumerate(value):
            if one is None:
                yield f"{path}[{index}]", "is null: remove the entry"
            yield from check_value(schema, kind.removeprefix("list of "), one, f"{path}[{index}]", file)
    elif kind.startswith("map of "):
        if not isinstance(value, Mapping):
            yield path, f"{value!r} is not an object"
            return
        for key, one in value.items():
            yield from check_value(schema, kind.removeprefix("map of "), one, f"{path}.{key}", file)
    elif kind in schema.enums:
        if value not in schema.enums[kind]:
            yield path, f"{value!r} is not one of {', '.join(schema.enums[kind])}"
    else:
        words, fits = PLAIN[kind]
        if not fits(value):
            yield path, f"{value!r} is not {words}"


def _object(schema: Schema, fields: Mapping[str, str], value: Any, path: str, file: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, Mapping):
        yield path, f"{value!r} is not an object"
        return
    for key, one in value.items():
        below = f"{path}.{key}" if path else key
        if key in fields:
            yield from check_value(schema, fields[key], one, below, file)
            continue
        near = difflib.get_close_matches(key, fields, n=1)
        hint = (
            f"; did you mean {near[0]}?" if near else "" if not path else f"; known here: {', '.join(sorted(fields))}"
        )
        yield below, f"is not a key of {file}{hint}"


def _integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


PLAIN: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "text": ("text", lambda value: isinstance(value, str)),
    "boolean": ("true or false", lambda value: isinstance(value, bool)),
    "integer": ("a whole number", _integer),
    "number": ("a number", lambda value: _integer(value) or isinstance(value, float)),
    "duration": ('a duration such as "1m30s"', lambda value: duration(value) is None),
    "duration or nanoseconds": ('a duration such as "5s"', lambda value: _integer(value) or duration(value) is None),
    "quantity": ('a quantity such as "500m" or "1Gi"', lambda value: _integer(value) or quantity(value) is None),
    "object": ("an object", lambda value: isinstance(value, Mapping)),
    "taint": ("a taint", lambda value: isinstance(value, Mapping)),
}


def threshold(value: str) -> Wrong:
    """The error of a value that is neither a positive quantity nor a percentage."""
    if value.endswith("%"):
        number = re.fullmatch(r"\d+(\.\d+)?%", value)
        return None if number and float(value[:-1]) <= 100 else f"'{value}' is not a percentage from 0% to 100%"
    if quantity(value) is not None or value.startswith("-") or not re.search(r"[1-9]", value):
        return f"'{value}' is neither a positive quantity, such as 100Mi, nor a percentage, such as 5%"
    return None


def reclaim(value: str) -> Wrong:
    """The error of a value that is neither a non-negative quantity nor a percentage."""
    return threshold(value) if value.endswith("%") else reserved(value)


def entries(key: str, names: tuple[str, ...], values: Any, check: Callable[[str], Wrong]) -> Iterator[tuple[str, str]]:
    """Yields the errors of a map whose keys must be known to the kubelet and whose values must pass `check`."""
    for name, value in (values or {}).items():
        if name not in names:
            yield f"{key}.{name}", f"is not one of {', '.join(names)}"
        elif isinstance(value, str) and (wrong := check(value)) is not None:
            yield f"{key}.{name}", wrong


def reserved(value: str) -> Wrong:
    """The error of a value that is not a non-negative quantity."""
    return quantity(value) or (f"'{value}' is negative" if value.startswith("-") else None)


def percentage(value: str) -> Wrong:
    """The error of a value that is not a percentage."""
    return None if re.fullmatch(r"\d{1,2}%|100%", value) else f"'{value}' is not a percentage, such as 50%"


def switch(value: str) -> Wrong:
    """The error of a text that is neither "true" nor "false"."""
    return None if value in ("true", "false") else f'\'{value}\' is not "true" or "false" in quotes'
