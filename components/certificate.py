"""A leaf certificate, signed by a CA."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pulumi
import pulumi_tls as tls

from cluster.config.model import Certificates
from cluster.pki import x509
from cluster.pki.leaves import Leaf
from cluster.pki.request import signing_request
from components import former
from components.certificate_authority import CertificateAuthority, private_key


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
    """Registers private key and certificate. The certificate is replaced once its renewal window has begun, or if the leaf
    or the key changes; its request's text alone, which a library makes, replaces nothing."""

    def options(kind: str, name: str) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=parent, aliases=[former.urn(former.CERTIFICATE, kind, name=name)])

    name = leaf.name
    key = private_key(f"{name}-key", settings.algorithm, options("tls:index/privateKey:PrivateKey", f"{name}-key"))
    replaced = pulumi.ResourceOptions(
        # The engine takes the new input, although it is ignored, when it replaces.
        ignore_changes=["certRequestPem"],
        replacement_trigger=[*leaf.request, key.public_key_pem],
    )
    certificate = tls.LocallySignedCert(
        f"{name}-certificate",
        # Public, although it is made from the key.
        cert_request_pem=pulumi.Output.unsecret(key.private_key_pem.apply(lambda pem: signing_request(leaf, pem))),
        ca_cert_pem=ca.certificate_pem,
        ca_private_key_pem=ca.private_key_pem,
        validity_period_hours=settings.validity_hours,
        early_renewal_hours=settings.early_renewal_hours,
        allowed_uses=list(leaf.allowed_uses),
        set_subject_key_id=True,
        opts=options("tls:index/locallySignedCert:LocallySignedCert", f"{name}-certificate").merge(replaced),
    )
    issued = pulumi.Output.all(certificate.cert_pem, key.public_key_pem)
    return Certificate(
        leaf,
        certificate.cert_pem,
        pulumi.Output.secret(key.private_key_pem),
        issued.apply(lambda pems: describe(leaf, *pems)),
    )


def describe(leaf: Leaf, pem: str, public_key_pem: str) -> dict[str, Any]:
    """One row of `pulumi stack output certificates`. `daysLeft` are whole days from now.

    Raises pulumi.RunError if the certificate is not the leaf's: a state of an earlier program has no trigger yet.
    """
    info = x509.describe(leaf.name, pem, datetime.now(UTC))
    if (wrong := x509.mismatch(leaf, pem, public_key_pem)) is not None:
        raise pulumi.RunError(
            f"certificate {leaf.name}: {wrong}. An upgrade of the program cannot be joined with this change: take the "
            "change back, run `pulumi up` once, and make the change again"
        )
    return {
        "name": info.name,
        "subject": info.subject,
        "sans": list(info.sans),
        "serial": info.serial,
        "expires": info.expires,
        "daysLeft": info.days_left,
    }
