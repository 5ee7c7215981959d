"""The program's certificates in a real engine: what has one replaced, what does not, and the state of earlier programs."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.engine.project import Project

ROOT = Path(__file__).parents[2]
PROGRAM = """
    import sys

    sys.path.insert(0, {root!r})
    import pulumi, pulumi_tls as tls
    from cluster.config.model import Certificates, Subject
    from cluster.pki import request
    from cluster.pki.leaves import Leaf
    from components import certificate
    from components.certificate_authority import CertificateAuthority, CertificateAuthorityArgs

    config = pulumi.Config()
    address = config.get("address") or "10.77.0.11"
    settings = Certificates(
        algorithm=config.get("algorithm") or "ECDSA", ca_subject=Subject(common_name="ca"), protect_ca=False
    )
    ca = CertificateAuthority("ca", CertificateAuthorityArgs(settings, settings.ca_subject))
    leaf = Leaf(
        "m1", "m1", "system:node:m1", ("digital_signature", "server_auth"), "system:nodes", ("m1",), (address,)
    )
"""
NOW = """
    issued = certificate.issue(leaf, ca, settings, ca)
    pulumi.export("row", issued.summary)
    pulumi.export("certificate", issued.certificate_pem)
    pulumi.export("key", issued.private_key_pem)
"""
BEFORE = """
    key = tls.PrivateKey("m1-key", algorithm="ECDSA", ecdsa_curve="P256", opts=pulumi.ResourceOptions(parent=ca))
    requested = tls.CertRequest(
        "m1-request",
        private_key_pem=key.private_key_pem,
        subject=tls.CertRequestSubjectArgs(common_name=leaf.common_name, organization=leaf.organization),
        dns_names=list(leaf.dns_names),
        ip_addresses=list(leaf.ip_addresses),
        opts=pulumi.ResourceOptions(parent=ca),
    )
    issued = tls.LocallySignedCert(
        "m1-certificate",
        cert_request_pem=requested.cert_request_pem,
        ca_cert_pem=ca.certificate_pem,
        ca_private_key_pem=ca.private_key_pem,
        validity_period_hours=settings.validity_hours,
        early_renewal_hours=settings.early_renewal_hours,
        allowed_uses=list(leaf.allowed_uses),
        set_subject_key_id=True,
        opts=pulumi.ResourceOptions(parent=ca),
    )
    pulumi.export("certificate", issued.cert_pem)
"""
OTHER_TEXT = """
    signing_request = request.signing_request
    certificate.signing_request = lambda leaf, pem: "by another library\\n" + signing_request(leaf, pem)
"""


def program(*parts: str) -> str:
    return PROGRAM.format(root=str(ROOT)) + "".join(parts)


def served(outputs: dict[str, Any]) -> x509.Certificate:
    return x509.load_pem_x509_certificate(outputs["certificate"].encode())


def addresses(certificate: x509.Certificate) -> list[Any]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.IPAddress)


def replaced(project: Project) -> set[str]:
    """The names of the resources that the next update replaces, by the preview."""
    steps = json.loads(project.run("preview", "--json"))["steps"]
    return {step["urn"].rpartition("::")[2] for step in steps if step["op"] == "replace"}


def test_changed_leaf_or_key_replaces_the_certificate(project: Callable[..., Project]) -> None:
    trial = project(program(NOW))
    trial.run("up", "--yes", "--skip-preview")
    first = served(trial.outputs())
    assert addresses(first) == [ipaddress.ip_address("10.77.0.11")]
    trial.run("preview", "--expect-no-changes")

    trial.run("config", "set", "address", "10.77.0.12")
    assert replaced(trial) == {"m1-certificate"}
    trial.run("up", "--yes", "--skip-preview")
    second = served(trial.outputs())
    assert addresses(second) == [ipaddress.ip_address("10.77.0.12")]
    assert second.public_key() == first.public_key()

    trial.run("config", "set", "algorithm", "RSA")
    assert {"m1-key", "m1-certificate"} <= replaced(trial)
    trial.run("up", "--yes", "--skip-preview")
    outputs = trial.outputs()
    key = serialization.load_pem_private_key(outputs["key"].encode(), None)
    assert served(outputs).public_key() == key.public_key()
    trial.run("preview", "--expect-no-changes")


def test_other_text_of_the_request_replaces_nothing(project: Callable[..., Project]) -> None:
    trial = project(program(NOW))
    trial.run("up", "--yes", "--skip-preview")
    trial.program(program(OTHER_TEXT, NOW))
    trial.run("preview", "--expect-no-changes")


@pytest.fixture
def earlier(project: Callable[..., Project]) -> Project:
    """A stack of an earlier program, which had the request as a resource."""
    trial = project(program(BEFORE))
    trial.run("up", "--yes", "--skip-preview")
    return trial


def test_certificate_of_an_earlier_program_is_kept(earlier: Project) -> None:
    before = served(earlier.outputs())
    earlier.program(program(NOW))
    assert replaced(earlier) == set()
    earlier.run("up", "--yes", "--skip-preview")
    assert served(earlier.outputs()) == before
    earlier.run("config", "set", "address", "10.77.0.12")
    assert replaced(earlier) == {"m1-certificate"}


def test_upgrade_that_also_changes_a_certificate_is_refused(earlier: Project) -> None:
    """Such a state does not say for which names the certificate was, so that the engine could not replace it."""
    earlier.program(program(NOW))
    earlier.run("config", "set", "address", "10.77.0.12")
    for command in (("preview",), ("up", "--yes", "--skip-preview")):
        printed = earlier.run(*command, fails=True)
        assert "certificate m1: it is for m1, 10.77.0.11, not for m1, 10.77.0.12. An upgrade" in printed
        assert "Traceback" not in printed
