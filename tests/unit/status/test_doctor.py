"""The doctor's input: the stack's file, its decrypted secrets, and the machines of VMs."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from cluster.config.model import ExistingHosts
from nodestate import Secret
from status import doctor
from tests import clusters
from tests.unit.keys import HOST_KEY, private_key

SSH = {
    "user": "deployer",
    "privateKeyFile": "id",
    "hostKey": HOST_KEY,
    "bastions": [{"host": "192.0.2.1", "hostKey": HOST_KEY}],
}


def test_secrets_come_from_the_engine(tmp_path: Path) -> None:
    (tmp_path / "id").write_bytes(private_key())
    values = {
        **clusters.values(),
        "machines": {"source": "existing", "ssh": {**SSH, "sudoPassword": {"secure": "v1:x"}}},
    }
    (tmp_path / "SHA256SUMS").write_text("".join(f"{clusters.SHA}  {name}\n" for name in clusters.ARTIFACTS))
    file = {"config": {f"plumbline:{key}": value for key, value in values.items()}}
    (tmp_path / "Pulumi.site.yaml").write_text(yaml.safe_dump(file))
    shown = {**values["machines"], "ssh": {**SSH, "sudoPassword": "hunter2"}}
    decrypted = {"plumbline:machines": {"value": json.dumps(shown), "objectValue": shown, "secret": True}}
    cluster = doctor.load(tmp_path, "site", decrypted)
    assert isinstance(cluster.machines, ExistingHosts)
    target = doctor.targets(cluster, {})["w1"]
    assert target.connection.sudo_password == Secret("hunter2")
    assert target.connection.bastions[0].host == "192.0.2.1"
    assert target.ssh_port() == (), "the other nodes need not reach its SSH port"


def test_documents_are_read_one_after_another() -> None:
    assert doctor.documents('{"a": 1}\n{"plumbline:b": {"value": "x"}}\n') == [
        {"a": 1},
        {"plumbline:b": {"value": "x"}},
    ]
    assert doctor.documents("") == []
