"""A certificate authority."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_tls as tls

from cluster.config.model import Certificates, Subject
from components.component import Component


@dataclass(frozen=True)
class CertificateAuthorityArgs:
    """`settings` has algorithm, validity and whether the key is protected. `subject` is the CA's own."""

    settings: Certificates
    subject: Subject


class CertificateAuthority(Component, token="plumbline:index:CertificateAuthority"):
    """A CA key and its self-signed certificate.

    The key is only in the encrypted state, and on no node. `certificate_pem` is public, `private_key_pem` is a secret.
    """

    certificate_pem: pulumi.Output[str]
    private_key_pem: pulumi.Output[str]

    def __init__(self, name: str, args: CertificateAuthorityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        settings = args.settings
        # Without the CA key every certificate of the cluster must be replaced.
        key = private_key(f"{name}-key", settings.algorithm, self.child(protect=settings.protect_ca))
        certificate = tls.SelfSignedCert(
            f"{name}-certificate",
            private_key_pem=key.private_key_pem,
            subject=tls.SelfSignedCertSubjectArgs(**subject(args.subject)),
            validity_period_hours=settings.ca_validity_hours,
            is_ca_certificate=True,
            allowed_uses=["cert_signing", "crl_signing", "digital_signature"],
            opts=self.child(),
        )
        self.certificate_pem = certificate.cert_pem
        self.private_key_pem = pulumi.Output.secret(key.private_key_pem)
        self.register_outputs({"certificatePem": self.certificate_pem})


def private_key(name: str, algorithm: str, opts: pulumi.ResourceOptions) -> tls.PrivateKey:
    """A new private key: ECDSA P-256 (the provider's default is P-224), RSA 2048 or ED25519."""
    return tls.PrivateKey(
        name,
        algorithm=algorithm,
        ecdsa_curve="P256" if algorithm == "ECDSA" else None,
        rsa_bits=2048 if algorithm == "RSA" else None,
        opts=opts,
    )


def subject(parts: Subject) -> dict[str, str]:
    """A subject's non-empty parts, by pulumi-tls's argument names."""
    named = {
        "common_name": parts.common_name,
        "organization": parts.organization,
        "organizational_unit": parts.organizational_unit,
        "country": parts.country,
        "province": parts.province,
        "locality": parts.locality,
    }
    return {name: value for name, value in named.items() if value}
