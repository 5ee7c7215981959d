"""A readable summary of a certificate, and what it has other than its leaf."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509.oid import NameOID

from cluster.pki.leaves import Leaf


@dataclass(frozen=True)
class CertificateInfo:
    """A certificate: subject as in RFC 4514, serial number in hex, expiry in ISO 8601 (UTC), whole days left."""

    name: str
    subject: str
    sans: tuple[str, ...]
    serial: str
    expires: str
    days_left: int


def describe(name: str, pem: str, now: datetime) -> CertificateInfo:
    """Parses a PEM certificate. `now` must have a time zone. `days_left` is negative after the expiry."""
    certificate = x509.load_pem_x509_certificate(pem.encode())
    expires = certificate.not_valid_after_utc
    return CertificateInfo(
        name=name,
        subject=certificate.subject.rfc4514_string(),
        sans=_sans(certificate),
        serial=f"{certificate.serial_number:x}",
        expires=expires.isoformat().replace("+00:00", "Z"),
        days_left=(expires - now).days,
    )


def mismatch(leaf: Leaf, pem: str, public_key_pem: str) -> str | None:
    """How a PEM certificate differs from what the leaf's request says, None if it does not."""
    certificate = x509.load_pem_x509_certificate(pem.encode())
    if certificate.public_key() != load_pem_public_key(public_key_pem.encode()):
        return "it was issued for another key"
    names = {attribute.oid: attribute.value for attribute in certificate.subject}
    subject = (str(names.get(NameOID.COMMON_NAME, "")), str(names.get(NameOID.ORGANIZATION_NAME, "")))
    if subject != (leaf.common_name, leaf.organization):
        return f"its subject is {certificate.subject.rfc4514_string()}, not {leaf.common_name} of {leaf.organization or 'no group'}"
    wanted = (*leaf.dns_names, *leaf.ip_addresses)
    if _sans(certificate) != wanted:
        return f"it is for {', '.join(_sans(certificate))}, not for {', '.join(wanted)}"
    return None


def _sans(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    dns = names.get_values_for_type(x509.DNSName)
    return (*dns, *[str(address) for address in names.get_values_for_type(x509.IPAddress)])
