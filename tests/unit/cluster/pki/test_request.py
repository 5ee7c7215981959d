"""The signing request of a leaf certificate, and a certificate that is not its leaf's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from cluster.pki.leaves import Leaf
from cluster.pki.request import signing_request
from cluster.pki.x509 import mismatch

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
KEYS: dict[str, Key] = {
    "ECDSA": ec.generate_private_key(ec.SECP256R1()),
    "RSA": rsa.generate_private_key(65537, 2048),
}
LEAF = Leaf(
    "m1-kubelet-serving",
    "m1",
    "system:node:m1",
    ("server_auth",),
    organization="system:nodes",
    dns_names=("m1", "localhost"),
    ip_addresses=("10.77.0.11", "fd00::1"),
)


def private(key: Key) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public(key: Key) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def certificate(leaf: Leaf, key: Key) -> str:
    """A certificate for the leaf's request, as a CA signs it."""
    request = x509.load_pem_x509_csr(signing_request(leaf, private(key)).encode())
    builder = x509.CertificateBuilder(
        subject_name=request.subject,
        issuer_name=request.subject,
        public_key=key.public_key(),
        serial_number=1,
        not_valid_before=datetime.now(UTC),
        not_valid_after=datetime.now(UTC) + timedelta(days=1),
        extensions=list(request.extensions),
    )
    ca = ec.generate_private_key(ec.SECP256R1())
    return builder.sign(ca, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
def test_request_has_subject_names_and_key(key: Key) -> None:
    request = x509.load_pem_x509_csr(signing_request(LEAF, private(key)).encode())
    assert request.is_signature_valid
    assert request.public_key() == key.public_key()
    assert {one.oid: one.value for one in request.subject} == {
        NameOID.ORGANIZATION_NAME: "system:nodes",
        NameOID.COMMON_NAME: "system:node:m1",
    }
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["m1", "localhost"]
    assert names.get_values_for_type(x509.IPAddress) == [ip_address("10.77.0.11"), ip_address("fd00::1")]


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
def test_request_is_the_same_each_time(key: Key) -> None:
    """An approved plan has the text of a renewal's request, and its update must find the same."""
    assert signing_request(LEAF, private(key)) == signing_request(LEAF, private(key))


def test_request_of_a_client_has_no_names() -> None:
    client = Leaf("m1-scheduler", "m1", "system:kube-scheduler", ("client_auth",))
    request = x509.load_pem_x509_csr(signing_request(client, private(KEYS["ECDSA"])).encode())
    assert request.subject.rfc4514_string() == "CN=system:kube-scheduler"
    assert list(request.extensions) == []


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
def test_certificate_of_its_leaf_is_no_mismatch(key: Key) -> None:
    assert mismatch(LEAF, certificate(LEAF, key), public(key)) is None


def test_mismatch_says_what_differs() -> None:
    key = KEYS["ECDSA"]
    old = certificate(LEAF, key)
    assert mismatch(LEAF, old, public(KEYS["RSA"])) == "it was issued for another key"
    moved = Leaf("m1", "m1", "system:node:m1", (), "system:nodes", ("m1", "localhost"), ("10.77.0.12",))
    assert mismatch(moved, old, public(key)) == (
        "it is for m1, localhost, 10.77.0.11, fd00::1, not for m1, localhost, 10.77.0.12"
    )
    renamed = Leaf("m1", "m1", "kube-apiserver", ())
    assert mismatch(renamed, old, public(key)) == (
        "its subject is CN=system:node:m1,O=system:nodes, not kube-apiserver of no group"
    )
