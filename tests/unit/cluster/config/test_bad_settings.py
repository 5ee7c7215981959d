"""Errors of the smaller sections: certificates, etcd, controlPlane, policy."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from report.budget import within
from tests import clusters
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
    (
        "window without minutes",
        {"policy": {"windows": ["Mon-Fri 22-04"]}},
        "policy.windows[0]: 'Mon-Fri 22-04' is not a window in UTC, such as 22:00-04:00 or Mon-Fri 22:00-04:00",
    ),
    (
        "unknown day",
        {"policy": {"windows": ["22:00-24:00", "Mo 22:00-24:00"]}},
        "policy.windows[1]: 'Mo 22:00-24:00' is not a window in UTC, such as 22:00-04:00 or Mon-Fri 22:00-04:00",
    ),
    (
        "two units in one text",
        {"policy": {"noRestart": ["etcd, kubelet"]}},
        "policy.noRestart[0]: 'etcd, kubelet' is not a unit's name, such as etcd or etcd.service",
    ),
    (
        "negative budget",
        {"policy": {"maxRestarts": -1}},
        "policy.maxRestarts: -1 is not between 0 and 100000",
    ),
    (
        "accepted drift of no node",
        {"policy": {"acceptedDrift": {"/etc/hosts": "2026-12-31 x"}}},
        "policy.acceptedDrift./etc/hosts: is not <node>:<path, unit or probe> or <set>:<object>, such as w1:/etc/hosts",
    ),
    (
        "accepted drift without an end",
        {"policy": {"acceptedDrift": {"w1:/etc/hosts": "the vendor measures"}}},
        "policy.acceptedDrift.w1:/etc/hosts: 'the vendor measures' does not begin with a day, such as 2026-12-31",
    ),
    (
        "accepted drift without a reason",
        {"policy": {"acceptedDrift": {"w1:/etc/hosts": "2026-12-31"}}},
        "policy.acceptedDrift.w1:/etc/hosts: '2026-12-31' gives no reason after the day",
    ),
]


GOOD: dict[str, Any] = {
    "maxRestarts": 5,
    "noRestart": ["etcd", "kube-apiserver.service", "a@1.timer"],
    "windows": ["22:00-04:00", "Mon-Fri 22:00-04:00", "Sat,Sun 00:00-24:00", "Mon,Wed-Fri 08:00-09:30"],
    "acceptedDrift": {"w1:/etc/hosts": "2026-12-31 known", "*:kubelet.service": "2027-01-01 known, too"},
}


def test_report_reads_each_window_that_is_accepted(tmp_path: Path) -> None:
    clusters.load(tmp_path, {**clusters.values(), "policy": GOOD})
    for window in GOOD["windows"]:
        assert isinstance(within(window, datetime(2026, 11, 28, tzinfo=UTC)), bool)


@pytest.mark.parametrize(("change", "message"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_load_config_refuses(libvirt_errors: Errors, change: dict[str, Any], message: str) -> None:
    assert message in libvirt_errors(change)
