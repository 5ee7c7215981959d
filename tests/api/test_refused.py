"""Errors of the API: each names set, object and reason, and the next run converges; on a real API server."""

from __future__ import annotations

import json
import ssl
import threading
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.api.conftest import Manifest, Sets
from tests.api.test_objects import PATH, config_map

HOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
CRD: Manifest = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.proof.test"},
    "spec": {
        "group": "proof.test",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
                    }
                },
            }
        ],
    },
}
WIDGET: Manifest = {
    "apiVersion": "proof.test/v1",
    "kind": "Widget",
    "metadata": {"name": "a", "namespace": "default"},
    "spec": {"size": 3},
}


class Hook(BaseHTTPRequestHandler):
    """A validating webhook that allows nothing."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        refused = {"uid": body["request"]["uid"], "allowed": False, "status": {"message": "not on Mondays"}}
        answer = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": refused})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, *_: Any) -> None:
        """Prints nothing."""


@contextmanager
def webhook(sets: Sets, serves: bool = True) -> Iterator[None]:
    """A webhook for ConfigMaps: it refuses them; if it does not serve, the API answers 500."""
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sets.api.folder / "server.crt", sets.api.folder / "server.key")
    httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
    if serves:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
    port = httpd.server_address[1]
    if not serves:
        httpd.server_close()
    import base64

    hook = {
        "name": "hook.proof.test",
        "clientConfig": {
            "url": f"https://127.0.0.1:{port}/",
            "caBundle": base64.b64encode(sets.api.ca.pem.encode()).decode(),
        },
        "rules": [
            {"operations": ["CREATE", "UPDATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}
        ],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "default"}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 2,
    }
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration"}
    sets.api.request("POST", HOOKS, {**kind, "metadata": {"name": "proof"}, "webhooks": [hook]})
    try:
        yield
    finally:
        sets.api.request("DELETE", f"{HOOKS}/proof")
        if serves:
            httpd.shutdown()
            httpd.server_close()


def test_a_wrong_field_is_named(sets: Sets) -> None:
    sets.manifests = [config_map("b", word="one"), {**config_map(word="one"), "dada": {"x": "y"}}]
    failure = sets.fails()
    assert "set proof: ConfigMap default/a: " in failure
    assert "dada" in failure
    assert "Fix that, then run pulumi up again" in failure
    sets.manifests = [config_map(word="one")]
    sets.up(refresh=True)
    assert sets.api.get(PATH)["data"] == {"word": "one"}
    with pytest.raises(urllib.error.HTTPError, match="404"):
        sets.api.get(PATH.replace("/a", "/b"))


def test_a_custom_resource_needs_its_definition(sets: Sets) -> None:
    sets.manifests = [WIDGET]
    failure = sets.fails()
    assert (
        "set proof: Widget.proof.test default/a: the API has no Widget of proof.test/v1: apply its definition"
        in failure
    )
    sets.manifests = [WIDGET, CRD]
    sets.up()
    widget = "/apis/proof.test/v1/namespaces/default/widgets/a"
    assert sets.api.get(widget)["spec"] == {"size": 3}
    assert sets.rows() == {}
    sets.api.patch(widget, {"spec": {"size": 4}})
    assert sets.rows()["Widget.proof.test default/a"]["fields"].startswith("spec.size: 4 -> 3\n")
    sets.up()
    assert sets.api.get(widget)["spec"] == {"size": 3}


def test_a_webhook_that_refuses_is_quoted(sets: Sets) -> None:
    sets.manifests = [config_map(word="one")]
    with webhook(sets):
        failure = sets.fails()
    assert "set proof: ConfigMap default/a: admission webhook" in failure
    assert "not on Mondays" in failure
    sets.up()
    assert sets.api.get(PATH)["data"] == {"word": "one"}


def test_an_api_that_answers_500_half_way_is_asked_again(sets: Sets) -> None:
    """The definition is applied, the ConfigMap gets 500 until its webhook is gone."""
    sets.manifests = [CRD, config_map(word="one")]
    with webhook(sets, serves=False):
        stopped = threading.Event()

        def fix() -> None:
            stopped.wait(12)
            sets.api.request("DELETE", f"{HOOKS}/proof")

        fixing = threading.Thread(target=fix)
        fixing.start()
        sets.up()
        fixing.join()
        assert sets.api.get(PATH)["data"] == {"word": "one"}
        sets.api.request(
            "POST",
            HOOKS,
            {
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": "ValidatingWebhookConfiguration",
                "metadata": {"name": "proof"},
                "webhooks": [],
            },
        )
    assert sets.rows() == {}
