"""The keys that all control-plane nodes share."""

from __future__ import annotations

import pulumi
import pulumi_tls as tls

from cluster.config.model import Certificates
from components import former
from components.certificate_authority import private_key


class SharedKeys:
    """The key that signs service account tokens, and the key that encrypts Secrets in etcd.

    Both are protected like the CA keys: without the encryption key, no Secret in etcd can be decrypted.
    """

    service_account: tls.PrivateKey
    encryption: tls.PrivateKey

    def __init__(self, cluster: str, settings: Certificates, parent: pulumi.Resource) -> None:
        self.service_account = self._key(
            f"{cluster}-control-plane-service-account-key", settings.algorithm, settings, parent
        )
        self.encryption = self._key(f"{cluster}-control-plane-encryption-key", "ECDSA", settings, parent)

    @staticmethod
    def _key(name: str, algorithm: str, settings: Certificates, parent: pulumi.Resource) -> tls.PrivateKey:
        alias = former.urn(former.CONTROL_PLANE, "tls:index/privateKey:PrivateKey", name=name)
        options = pulumi.ResourceOptions(parent=parent, protect=settings.protect_ca, aliases=[alias])
        return private_key(name, algorithm, options)
