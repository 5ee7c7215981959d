"""Sets as users declare them: Secrets, and sets that are not waited for; on a real API server."""

from __future__ import annotations

from tests.api.conftest import Sets
from tests.provider.conftest import Secret

PLANTED, PLANTED_BY_HAND = "cGxhbnRlZC10b2tlbg==", "YnktaGFuZC10b2tlbg=="


def test_data_of_a_secret_are_in_no_plain_state(sets: Sets) -> None:
    path = "/api/v1/namespaces/default/secrets/s"
    manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "default"}}
    sets.manifests = [{**manifest, "data": {"token": Secret(PLANTED)}}]
    sets.up()
    assert sets.api.get(path)["data"] == {"token": PLANTED}
    assert PLANTED not in sets.state()
    assert sets.rows() == {}
    sets.api.patch(path, {"data": {"token": PLANTED_BY_HAND}})
    fields = "data.token: [secret]\ndata.token was taken by kubectl-edit: it is taken back"
    row = {"op": "update", "change": "data.token", "because": "drift", "fields": fields}
    assert sets.rows(refresh=True) == {"Secret default/s": row}
    sets.up(refresh=True)
    assert sets.api.get(path)["data"] == {"token": PLANTED}
    for found in (PLANTED, PLANTED_BY_HAND):
        assert found not in sets.state()
        assert found not in "".join(sets.printed)


def test_a_set_without_waiting_ends_at_once(sets: Sets) -> None:
    """No controller runs here: a Deployment never rolls out."""
    labels = {"app": "a"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "a", "image": "none"}]}}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "default"}}
    sets.manifests = [{**deployment, "spec": {"selector": {"matchLabels": labels}, "template": pod}}]
    sets.up()
    sets.inputs["waitSeconds"] = 1
    sets.manifests[0]["spec"]["replicas"] = 2
    assert "set proof: Deployment default/a: not ready after 1 s: its controller has not seen it yet" in sets.fails()
    sets.inputs["waitSeconds"] = 0


def test_deleted_namespace_is_waited_for(sets: Sets) -> None:
    """Until it has gone, an object of it cannot be created again. No controller runs here that would finish its deletion."""
    kept = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept", "namespace": "default"}}
    sets.manifests = [kept, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "leaving"}}]
    sets.up()
    sets.inputs["waitSeconds"] = 1
    sets.manifests = [kept]
    assert "set proof: Namespace leaving: not ready after 1 s: it is still being deleted" in sets.fails()
    sets.inputs["waitSeconds"] = 0
    sets.up()
