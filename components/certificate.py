"""A leaf certificate, signed by a CA."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pulumi
import pulumi_tls as tls

from cluster.config.model import Certificates, Subject
from cluster.pki import x509
from cluster.pki.leaves import Leaf
from components import former
from components.certificate_authority import CertificateAuthority, private_key, subject


@dataclass(frozen=True)
class Certificate:
    """A leaf's certificate and private key. `private_key_pem` is a secret.

    `summary` has name, subject, SANs, serial number, expiry and days left.
    """

    leaf: Leaf
    certificate_pem: pulumi.Output[str]
    private_key_pem: pulumi.Output[str]
    summary: pulumi.Output[dict[str, Any]]


def issue(leaf: Leaf, ca: CertificateAuthority, settings: Certificates, parent: pulumi.Resource) -> Certificate:
    """Registers private key, request and certificate. The certificate is replaced once its renewal window has begun."""

    def options(kind: str, name: str) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=parent, aliases=[former.urn(former.CERTIFICATE, kind, name=name)])

    name = leaf.name
    key = private_key(f"{name}-key", settings.algorithm, options("tls:index/privateKey:PrivateKey", f"{name}-key"))
    request = tls.CertRequest(
        f"{name}-request",
        private_key_pem=key.private_key_pem,
        subject=tls.CertRequestSubjectArgs(**subject(Subject(leaf.common_name, leaf.organization))),
        dns_names=list(leaf.dns_names),
        ip_addresses=list(leaf.ip_addresses),
        opts=options("tls:index/certRequest:CertRequest", f"{name}-request"),
    )
    certificate = tls.LocallySignedCert(
        f"{name}-certificate",
        cert_request_pem=request.cert_request_pem,
        ca_cert_pem=ca.certificate_pem,
        ca_private_key_pem=ca.private_key_pem,
        validity_period_hours=settings.validity_hours,
        early_renewal_hours=settings.early_renewal_hours,
        allowed_uses=list(leaf.allowed_uses),
        set_subject_key_id=True,
        opts=options("tls:index/locallySignedCert:LocallySignedCert", f"{name}-certificate"),
    )
    return Certificate(
        leaf,
        certificate.cert_pem,
        pulumi.Output.secret(key.private_key_pem),
        certificate.cert_pem.apply(lambda pem: describe(name, pem)),
    )


def describe(name: str, pem: str) -> dict[str, Any]:
    """One row of `pulumi stack output certificates`. `daysLeft` are whole days from now."""
    info = x509.describe(name, pem, datetime.now(UTC))
    return {
        "name": info.name,
        "subject": info.subject,
        "sans": list(info.sans),
        "serial": info.serial,
        "expires": info.expires,
        "daysLeft": info.days_left,
    }
