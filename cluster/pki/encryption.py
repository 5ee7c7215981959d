"""Encryption of Kubernetes secrets in etcd."""

from __future__ import annotations

import base64
import hashlib

from cluster.rendering import dump_yaml


def encryption_configuration(key_pem: str) -> str:
    """The EncryptionConfiguration with a key derived from a private key of the plan. The text is a secret.

    Secrets that were stored in plain text can still be read, and are encrypted when they are next written.
    """
    key = hashlib.sha256(b"plumbline encryption at rest\0" + key_pem.encode()).digest()
    providers = [
        {"secretbox": {"keys": [{"name": "key1", "secret": base64.b64encode(key).decode()}]}},
        {"identity": {}},
    ]
    return dump_yaml(
        {
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "EncryptionConfiguration",
            "resources": [{"resources": ["secrets"], "providers": providers}],
        }
    )
