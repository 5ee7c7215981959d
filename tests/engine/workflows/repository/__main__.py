"""The program of the sandbox: one kubelet configuration per node, by the engine and without machines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pulumi

CONFIGURATION = "/etc/kubernetes/kubelet.yaml"


class NodeState(pulumi.CustomResource):
    """As the project's own, with the inputs as they are."""

    def __init__(self, name: str, inputs: dict[str, Any]) -> None:
        super().__init__("plumbline:index:NodeState", name, inputs)


def main() -> None:
    """Registers a NodeState per configured node."""
    settings = pulumi.Config("plumbline")
    ssh = settings.require_object("machines")["ssh"]
    for name, node in settings.require_object("nodes").items():
        key = Path(ssh["privateKeyFile"]).expanduser().read_text()
        content = f"kind: KubeletConfiguration\nmaxPods: {node['maxPods']}\n"
        NodeState(
            f"{name}-kubelet",
            {
                "node": name,
                "connection": {"host": node["address"], "privateKey": pulumi.Output.secret(key)},
                "files": {CONFIGURATION: {"content": content, "mode": "0644", "owner": "root", "group": "root"}},
                "units": {"kubelet.service": {"enabled": True, "active": True}},
                "rollout": {"group": "workers", "members": [name], "maxUnavailable": 1},
            },
        )


if __name__ == "__main__":
    main()
