"""The signing request of a leaf certificate."""

from __future__ import annotations

from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from cluster.pki.leaves import Leaf


def signing_request(leaf: Leaf, private_key_pem: str) -> str:
    """The request in PEM, with the leaf's subject and SANs, signed with its key: ECDSA or RSA.

    The same leaf and key always give the same text (RFC 6979): an approved plan may hold it.
    """
    key = serialization.load_pem_private_key(private_key_pem.encode(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    request = x509.CertificateSigningRequestBuilder().subject_name(_subject(leaf))
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in leaf.dns_names]
    names += [x509.IPAddress(ip_address(address)) for address in leaf.ip_addresses]
    if names:
        request = request.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        signed = request.sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    else:
        signed = request.sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def _subject(leaf: Leaf) -> x509.Name:
    organization = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, leaf.organization)] if leaf.organization else []
    return x509.Name([*organization, x509.NameAttribute(NameOID.COMMON_NAME, leaf.common_name)])
