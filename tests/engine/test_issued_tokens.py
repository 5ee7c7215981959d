"""Tokens of an OpenID Connect issuer, accepted and refused by a real API server with the rendered configuration."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.e2e.captured import block
from tests.engine.issued_tokens import ETCD, KUBERNETES

ROOT = Path(__file__).parents[2]


def test_token_of_the_issuer_is_its_user_and_others_are_refused(tmp_path: Path) -> None:
    for program in (ETCD, KUBERNETES / "kube-apiserver"):
        assert program.exists(), f"{program} is missing: run `make lab`"
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-m", "tests.engine.issued_tokens", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answers = json.loads(done.stdout)
    assert answers.pop("accepted").splitlines() == block("oidc-accepted")
    assert answers.pop("another key").splitlines() == block("oidc-refused")
    assert answers.pop("another audience").splitlines() == block("oidc-refused")
    assert not answers
