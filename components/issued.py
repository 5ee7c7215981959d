"""Texts that are created during the run, by their names in the plan: certificates and keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from cluster.pki.encryption import encryption_configuration
from cluster.step import CA, Issued, Part, SharedKey
from components.certificate import Certificate
from components.certificate_authority import CertificateAuthority
from components.shared_keys import SharedKeys


@dataclass(frozen=True)
class IssuedTexts:
    """Looks up issued texts. `certificates` has all leaves by name."""

    cas: Mapping[CA, CertificateAuthority]
    certificates: Mapping[str, Certificate]
    shared: SharedKeys

    def text(self, issued: Issued) -> pulumi.Output[str]:
        """The text as an Output; private keys and the EncryptionConfiguration are secrets. Raises KeyError for a CA's key."""
        match issued.of, issued.part:
            case SharedKey.SERVICE_ACCOUNT, Part.PUBLIC_KEY:
                return self.shared.service_account.public_key_pem
            case SharedKey.SERVICE_ACCOUNT, Part.PRIVATE_KEY:
                return pulumi.Output.secret(self.shared.service_account.private_key_pem)
            case SharedKey.ENCRYPTION, Part.ENCRYPTION_CONFIGURATION:
                return pulumi.Output.secret(self.shared.encryption.private_key_pem.apply(encryption_configuration))
            case of, Part.CERTIFICATE if of in self.cas:
                return self.cas[CA(of)].certificate_pem
            case of, Part.CERTIFICATE:
                return self.certificates[of].certificate_pem
            case of, Part.PRIVATE_KEY:
                return self.certificates[of].private_key_pem
        raise KeyError(f"{issued.of} has no {issued.part}")
