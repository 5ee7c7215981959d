"""A readable summary of a certificate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509


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


def _sans(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    dns = names.get_values_for_type(x509.DNSName)
    return (*dns, *[str(address) for address in names.get_values_for_type(x509.IPAddress)])
