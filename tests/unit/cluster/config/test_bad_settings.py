"""Errors of the smaller sections: certificates, etcd, controlPlane."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.cluster.config.conftest import Errors

CASES: list[tuple[str, dict[str, Any], str]] = [
    (
        "leaf outlives its CA",
        {"certificates/validityHours": 87600},
        "certificates.validityHours: 87600 is not less than caValidityHours (87600): a certificate must end before "
        "the CA that signed it",
    ),
    (
        "renewal longer than validity",
        {"certificates/validityHours": 24, "certificates/earlyRenewalHours": 24},
        "certificates.earlyRenewalHours: 24 is not less than validityHours (24): every run would renew every certificate",
    ),
    (
        "unknown algorithm",
        {"certificates/algorithm": "DSA"},
        "certificates.algorithm: 'DSA' is not one of ECDSA, RSA",
    ),
    (
        "election before heartbeats",
        {"etcd": {"heartbeatInterval": 500, "electionTimeout": 2000}},
        "etcd.electionTimeout: 2000 is less than five times heartbeatInterval (500): etcd refuses it",
    ),
    (
        "renewal deadline after the end of the lease",
        {"controlPlane": {"renewDeadline": 20}},
        "controlPlane.leaseDuration: 15 > renewDeadline (20) > retryPeriod (2) does not hold: a leader must be able to renew before its lease ends",
    ),
]


@pytest.mark.parametrize(("change", "message"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_load_config_refuses(libvirt_errors: Errors, change: dict[str, Any], message: str) -> None:
    assert message in libvirt_errors(change)
