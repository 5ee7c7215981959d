"""The tls plugin: its certificates, read by another X.509 implementation; its secrets; renewal."""

from __future__ import annotations

import datetime
import ipaddress
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.engine.project import Project

PROGRAM = """
    import pulumi, pulumi_tls as tls

    early = pulumi.Config().get_int("early") or 0
    ca_key = tls.PrivateKey("ca", algorithm="{algorithm}", {size})
    ca = tls.SelfSignedCert(
        "ca",
        private_key_pem=ca_key.private_key_pem,
        is_ca_certificate=True,
        validity_period_hours=87600,
        allowed_uses=["cert_signing", "crl_signing", "digital_signature"],
        subject=tls.SelfSignedCertSubjectArgs(common_name="kube-ca", organization="bootkube", country="SG"),
    )
    key = tls.PrivateKey("m1", algorithm="{algorithm}", {size})
    request = tls.CertRequest(
        "m1",
        private_key_pem=key.private_key_pem,
        subject=tls.CertRequestSubjectArgs(common_name="system:node:m1", organization="system:nodes"),
        dns_names=["m1"],
        ip_addresses=["10.77.0.11"],
    )
    leaf = tls.LocallySignedCert(
        "m1",
        cert_request_pem=request.cert_request_pem,
        ca_private_key_pem=ca_key.private_key_pem,
        ca_cert_pem=ca.cert_pem,
        validity_period_hours=2,
        early_renewal_hours=early,
        allowed_uses=["digital_signature", "server_auth", "client_auth"],
    )
    pulumi.export("ca", ca.cert_pem)
    pulumi.export("leaf", leaf.cert_pem)
    pulumi.export("key", key.private_key_pem)
    pulumi.export("openssh", key.private_key_openssh)
    pulumi.export("pkcs8", key.private_key_pem_pkcs8)
    pulumi.export("ends", leaf.validity_end_time)
"""
KINDS = {"ECDSA": 'ecdsa_curve="P256"', "RSA": "rsa_bits=2048"}


@pytest.fixture(scope="module", params=list(KINDS))
def issued(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A running stack with a CA and a leaf certificate."""
    program = PROGRAM.format(algorithm=request.param, size=KINDS[request.param])
    made = Project(tmp_path_factory.mktemp("tls") / "trial", program)
    made.run("up", "--yes")
    yield made


@pytest.fixture(scope="module")
def outputs(issued: Project) -> dict[str, Any]:
    return issued.outputs()


def certificates(outputs: dict[str, Any]) -> tuple[x509.Certificate, x509.Certificate]:
    """Return CA and leaf certificate."""
    ca, leaf = (x509.load_pem_x509_certificate(outputs[name].encode()) for name in ("ca", "leaf"))
    return ca, leaf


def value(certificate: x509.Certificate, kind: type[Any]) -> Any:
    return certificate.extensions.get_extension_for_class(kind).value


def test_ca_certificate_may_only_sign(outputs: dict[str, Any]) -> None:
    ca, _ = certificates(outputs)
    constraints = ca.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value.ca
    usage = value(ca, x509.KeyUsage)
    assert (usage.key_cert_sign, usage.crl_sign, usage.digital_signature) == (True, True, True)
    assert (usage.key_encipherment, usage.key_agreement) == (False, False)
    names = {one.oid: one.value for one in ca.subject}
    assert names == {NameOID.COMMON_NAME: "kube-ca", NameOID.ORGANIZATION_NAME: "bootkube", NameOID.COUNTRY_NAME: "SG"}
    assert ca.not_valid_after_utc - ca.not_valid_before_utc == datetime.timedelta(hours=87600)
    ca.verify_directly_issued_by(ca)


def test_leaf_certificate_has_subject_names_and_usages(outputs: dict[str, Any]) -> None:
    _, leaf = certificates(outputs)
    names = {one.oid: one.value for one in leaf.subject}
    assert names == {NameOID.COMMON_NAME: "system:node:m1", NameOID.ORGANIZATION_NAME: "system:nodes"}
    alternatives = value(leaf, x509.SubjectAlternativeName)
    assert alternatives.get_values_for_type(x509.DNSName) == ["m1"]
    assert alternatives.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("10.77.0.11")]
    assert set(value(leaf, x509.ExtendedKeyUsage)) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    assert not value(leaf, x509.BasicConstraints).ca
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == datetime.timedelta(hours=2)


def test_leaf_certificate_is_issued_by_the_ca_only(outputs: dict[str, Any]) -> None:
    ca, leaf = certificates(outputs)
    leaf.verify_directly_issued_by(ca)
    assert value(leaf, x509.AuthorityKeyIdentifier).key_identifier == value(ca, x509.SubjectKeyIdentifier).digest
    with pytest.raises(ValueError, match="subject does not match"):
        leaf.verify_directly_issued_by(leaf)


def test_private_key_matches_the_certificate_in_each_format(outputs: dict[str, Any]) -> None:
    _, leaf = certificates(outputs)
    keys = [
        serialization.load_pem_private_key(outputs["key"].encode(), None),
        serialization.load_pem_private_key(outputs["pkcs8"].encode(), None),
        serialization.load_ssh_private_key(outputs["openssh"].encode(), None),
    ]
    for key in keys:
        assert isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
        assert key.public_key() == leaf.public_key()
        assert (key.curve.name if isinstance(key, ec.EllipticCurvePrivateKey) else key.key_size) in ("secp256r1", 2048)


def test_private_keys_are_not_in_state_or_output(issued: Project, outputs: dict[str, Any]) -> None:
    key = outputs["key"].splitlines()[1]
    stored = "".join(file.read_text() for file in issued.folder.glob(".lab/state/.pulumi/**/*") if file.is_file())
    exported = issued.run("stack", "export")
    shown = issued.run("stack", "output") + issued.run("preview", "--diff")
    for text in (stored, exported, shown, "".join(issued.printed)):
        assert "PRIVATE KEY" not in text
        assert key not in text
    # Positive control: the search finds a key.
    assert "PRIVATE KEY" in issued.run("stack", "export", "--show-secrets")
    issued.printed.pop()
    assert "BEGIN CERTIFICATE" in exported


def test_refresh_keeps_private_keys_secret(issued: Project) -> None:
    issued.run("refresh", "--yes")
    assert "PRIVATE KEY" not in issued.run("stack", "export")
    issued.run("preview", "--expect-no-changes")


def test_certificate_in_renewal_window_is_replaced_without_refresh(
    project: Callable[..., Project],
) -> None:
    trial = project(PROGRAM.format(algorithm="ECDSA", size=KINDS["ECDSA"]))
    trial.run("up", "--yes")
    before = certificates(trial.outputs())
    trial.run("preview", "--expect-no-changes")

    # The renewal window covers the whole lifetime of the leaf certificate.
    trial.run("config", "set", "early", "2")
    steps = json.loads(trial.run("preview", "--json"))["steps"]
    changed = {(step["op"], step["urn"].split("::")[2]) for step in steps if step["op"] != "same"}
    leaf = "tls:index/locallySignedCert:LocallySignedCert"
    assert changed == {("replace", leaf)}

    trial.run("up", "--yes", "--skip-preview")
    after = certificates(trial.outputs())
    assert after[0] == before[0], "the CA is unchanged"
    assert after[1].serial_number != before[1].serial_number
    assert after[1].public_key() == before[1].public_key()
    after[1].verify_directly_issued_by(after[0])

    # Outside of the window, nothing is replaced.
    trial.run("config", "set", "early", "1")
    trial.run("up", "--yes", "--skip-preview")
    trial.run("preview", "--expect-no-changes")


def test_unknown_input_is_refused(tmp_path: Path) -> None:
    program = PROGRAM.format(algorithm="ECDSA", size=KINDS["ECDSA"])
    trial = Project(
        tmp_path / "trial", program.replace("is_ca_certificate=True", "is_ca_certificate=True, max_path_length=1")
    )
    assert 'does not support "maxPathLength"' in trial.run("preview", fails=True)
