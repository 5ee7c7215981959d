"""One leaf certificate, signed by a certificate authority."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pulumi
import pulumi_tls as tls

from cluster.config.model import Certificates, Subject
from cluster.pki import x509
from cluster.pki.leaves import Leaf
from components.certificate_authority import CertificateAuthority, private_key, subject
from components.component import Component


@dataclass(frozen=True)
class CertificateArgs:
    """`leaf` says who it is for and what it may do; `authority` signs it."""

    leaf: Leaf
    settings: Certificates
    authority: CertificateAuthority


class Certificate(Component):
    """A private key and its certificate, replaced in the plan once its renewal window has begun.

    `certificate_pem` is public, `private_key_pem` secret. `summary` holds name, subject, SANs, serial, expiry and days left.
    """

    leaf: Leaf
    certificate_pem: pulumi.Output[str]
    private_key_pem: pulumi.Output[str]
    summary: pulumi.Output[dict[str, Any]]

    def __init__(self, name: str, args: CertificateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        leaf, settings = args.leaf, args.settings
        self.leaf = leaf
        key = private_key(f"{name}-key", settings.algorithm, self.child())
        request = tls.CertRequest(
            f"{name}-request",
            private_key_pem=key.private_key_pem,
            subject=tls.CertRequestSubjectArgs(**subject(Subject(leaf.common_name, leaf.organization))),
            dns_names=list(leaf.dns_names),
            ip_addresses=list(leaf.ip_addresses),
            opts=self.child(),
        )
        certificate = tls.LocallySignedCert(
            f"{name}-certificate",
            cert_request_pem=request.cert_request_pem,
            ca_cert_pem=args.authority.certificate_pem,
            ca_private_key_pem=args.authority.private_key_pem,
            validity_period_hours=settings.validity_hours,
            early_renewal_hours=settings.early_renewal_hours,
            allowed_uses=list(leaf.allowed_uses),
            set_subject_key_id=True,
            opts=self.child(),
        )
        self.certificate_pem = certificate.cert_pem
        self.private_key_pem = pulumi.Output.secret(key.private_key_pem)
        self.summary = certificate.cert_pem.apply(lambda pem: describe(name, pem))
        self.register_outputs({"certificatePem": self.certificate_pem})


def describe(name: str, pem: str) -> dict[str, Any]:
    """What `pulumi stack output certificates` shows of one certificate; days are counted from now."""
    info = x509.describe(name, pem, datetime.now(UTC))
    return {
        "name": info.name,
        "subject": info.subject,
        "sans": list(info.sans),
        "serial": info.serial,
        "expires": info.expires,
        "daysLeft": info.days_left,
    }
