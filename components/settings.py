"""Reads the stack's configuration once and hands it to cluster.config as plain data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env, is_config_secret

from cluster.config import load
from cluster.config.model import Cluster, Site
from cluster.config.stack_file import parsed, secret_paths
from cluster.plan import plan


def load_config(root: Path) -> Cluster:
    """The validated configuration of the current stack.

    Raises pulumi.RunError, which ends the program without a traceback, with every error of the configuration at
    once, before any resource is registered. Paths in configuration are relative to `root`.
    """
    try:
        namespace = pulumi.get_project()
        values = stack_values(namespace)
        hidden = {key: value for key, value in values.items() if is_config_secret(f"{namespace}:{key}")}
        secrets = secret_paths(root / f"Pulumi.{pulumi.get_stack()}.yaml", hidden)
        cluster = load.load_config(values, root, secrets=secrets)
        if any(node.site != Site() for node in cluster.nodes):
            plan(cluster)  # a site must not take what the program owns
        return cluster
    except load.ConfigError as error:
        lines = "\n".join(f"  - {line}" for line in error.errors)
        count = len(error.errors)
        raise pulumi.RunError(
            f"stack {pulumi.get_stack()}: {count} error{'s' if count > 1 else ''} in the configuration:\n{lines}"
        ) from None


def stack_values(namespace: str) -> dict[str, Any]:
    """All configured values of one namespace by key: objects and lists parsed, other text as it is.

    Not pulumi.Config: it does not list the keys that are set, so a misspelt section would not be found. Its get_object also ends
    the program at the first text that is not JSON, and reads text such as `1e3` as a number.
    """
    values: dict[str, Any] = {**get_config_env(), **CONFIG.get()}
    prefix = f"{namespace}:"
    return {key.removeprefix(prefix): parsed(value) for key, value in values.items() if key.startswith(prefix)}
