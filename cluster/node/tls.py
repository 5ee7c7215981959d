"""The TLS settings that components share."""

CIPHERS = (
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
)
"""The TLS 1.2 cipher suites that the CIS benchmark (4.2.12) accepts and Go still offers, by Kubernetes' names."""

ETCD_CIPHERS = tuple(name for name in CIPHERS if "CHACHA20" not in name)
"""The suites that etcd knows by the same names."""

SERVING_FLAGS = {"tls-cipher-suites": ",".join(CIPHERS), "tls-min-version": "VersionTLS12"}
