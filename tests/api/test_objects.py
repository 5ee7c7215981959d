"""Objects behind the API: created, read, repaired to the field, and pruned; on a real API server."""

from __future__ import annotations

import urllib.error

import pytest

from tests.api.conftest import Manifest, Sets
from tests.provider.test_views import lose


def config_map(name: str = "a", **data: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}, "data": data}


PATH = "/api/v1/namespaces/default/configmaps/a"


def test_an_object_is_created_and_read_without_change(sets: Sets) -> None:
    sets.manifests = [config_map(word="one")]
    assert sets.rows() == {"ConfigMap default/a": {"op": "create"}}
    assert sets.up() == {"create": 2}
    assert sets.api.get(PATH)["data"] == {"word": "one"}
    assert sets.rows() == {}
    assert sets.rows(refresh=True) == {}
    assert sets.up(refresh=True) == {"same": 2}


def test_a_lost_set_is_taken_over_without_a_change(sets: Sets) -> None:
    """Of a creation that changes nothing the preview has one row, and none of an object."""
    sets.manifests = [config_map(word="one")]
    sets.up()
    lose(sets, "plumbline:index:ObjectSet")
    assert sets.rows() == {}
    found = sets.preview()
    assert "plumbline:index:Ownership: (update)" in found
    before = sets.api.get(PATH)
    assert sets.up() == {"create": 1, "same": 1}
    assert sets.api.get(PATH) == before
    assert sets.rows() == {}


def test_an_object_without_fields_is_applied_once(sets: Sets) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a", "namespace": "default"}}
    sets.manifests = [account]
    sets.up()
    assert sets.rows() == {}


def test_a_field_that_was_edited_is_shown_and_repaired(sets: Sets) -> None:
    sets.manifests = [config_map(word="one", other="kept")]
    sets.up()
    sets.api.patch(PATH, {"data": {"word": "two", "mine": "stays"}})
    row = {"op": "update", "change": "data.word", "because": "drift"}
    fields = "data.word: two -> one\ndata.word was taken by kubectl-edit: it is taken back"
    assert sets.rows() == {"ConfigMap default/a": {**row, "fields": fields}}
    assert sets.rows(refresh=True) == {"ConfigMap default/a": {**row, "fields": fields}}
    assert sets.up() == {"same": 1, "update": 1}
    assert sets.api.get(PATH)["data"] == {"word": "one", "other": "kept", "mine": "stays"}
    assert sets.rows() == {}


def test_an_object_that_was_deleted_is_made_again(sets: Sets) -> None:
    sets.manifests = [config_map(word="one")]
    sets.up()
    sets.api.request("DELETE", PATH)
    assert sets.rows() == {"ConfigMap default/a": {"op": "create", "because": "drift"}}
    sets.up()
    assert sets.api.get(PATH)["data"] == {"word": "one"}


def test_an_object_that_the_set_has_no_more_is_deleted(sets: Sets) -> None:
    sets.manifests = [config_map(word="one"), config_map("b", word="two")]
    sets.up()
    sets.manifests = [config_map("b", word="two")]
    assert sets.rows() == {"ConfigMap default/a": {"op": "delete"}}
    sets.up()
    with pytest.raises(urllib.error.HTTPError, match="404"):
        sets.api.get(PATH)
    assert sets.rows() == {}
