"""Whether a program on a node serves its new certificate: asked on the node, since sshd may forbid tunnels."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Sequence

import asyncssh
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from nodestate import NodeState
from provider.errors import NodeError
from provider.remote.shell import UPTIME, call, whole
from provider.ssh import SshSession

_ASK = r"""
# certificate: prints the certificate that is served at $at, in one line of base64. curl knows it since 7.88; openssl gets it
# even where the program then refuses a client without a certificate.
certificate() {
  {
    curl --silent --insecure --noproxy '*' --max-time 5 --output /dev/null --write-out '%{certs}' "https://$at/" ||
      true
    if [ "$openssl" = yes ]; then timeout 5 openssl s_client -connect "$at" </dev/null || true; fi
  } 2>/dev/null | sed -n '/^-----BEGIN CERT/,/^-----END CERT/p;/^-----END CERT/q' | sed '/^-/d' | tr -d '\r\n'
}

# Whether curl can print a certificate.
curl_can() {
  curl --version 2>/dev/null | awk 'NR == 1 { split($2, v, "."); can = v[1] > 7 || (v[1] == 7 && v[2] >= 88) } END { exit !can }'
}

# wait_served: at wanted seconds. Prints `new` once the wanted certificate is served; else `old`, or `nothing`. Prints
# `unable` if this node has no program that can tell, `unsure` if it has curl only, and nothing was seen with it.
wait_served() {
  command -v openssl >/dev/null && openssl=yes || openssl=no
  [ "$openssl" = yes ] || curl_can || { echo unable; return 0; }
  end=$(($(uptime_seconds) + seconds)) last=nothing
  while :; do
    found=$(certificate)
    [ "$found" != "$wanted" ] || { echo new; return 0; }
    [ -z "$found" ] || last=old
    [ "$(uptime_seconds)" -lt "$end" ] || break
    sleep 1
  done
  [ "$last$openssl" != nothingno ] || last=unsure
  echo "$last"
}
"""


async def wait_served(
    node: SshSession, at: str, certificate: x509.Certificate, seconds: int, *, hiding: Sequence[NodeState]
) -> str | None:
    """Waits until this certificate is served at host:port as the node sees it: None as soon as it is.

    After `seconds` a reason in words: the old one is still served, or nothing answers. Raises NodeError.
    """
    wanted = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
    script = whole([UPTIME, _ASK, call("wait_served", at=at, wanted=wanted, seconds=str(seconds))])
    done = await node.run("served", script, hiding=hiding, seconds=seconds + 60)
    if done.status != 0:
        raise NodeError(f"{node.name}: asking which certificate is served at {at} failed: {done.failure}")
    match done.report.split():
        case ["new"]:
            return None
        case ["old"]:
            return f"{at} still serves the old certificate"
        case ["unable"]:
            return await _over_tunnel(node, at, certificate, seconds)
        case ["unsure"]:
            return await _over_tunnel(node, at, certificate, 1)
    return f"nothing answers at {at}"


async def _over_tunnel(node: SshSession, at: str, certificate: x509.Certificate, seconds: int) -> str | None:
    """Asks from here, where the node has no program that can tell."""
    host, _, port = at.rpartition(":")
    deadline = asyncio.get_running_loop().time() + seconds
    why = f"nothing answers at {at}"
    while asyncio.get_running_loop().time() < deadline:
        found = await _served(node, host.strip("[]"), int(port))
        if found == certificate.public_bytes(Encoding.DER):
            return None
        if found is not None:
            why = f"{at} still serves the old certificate"
        await asyncio.sleep(1)
    return why


async def _served(node: SshSession, host: str, port: int) -> bytes | None:
    """The certificate that is served there now, None if nothing answers or sshd forbids tunnels."""
    context = ssl.create_default_context()
    # Nothing is sent: the certificate is only compared with the one that the plan issued.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        listener = await node.tunnel(host, port)
    except (OSError, asyncssh.Error):
        return None
    try:
        _, writer = await asyncio.wait_for(
            asyncio.open_connection("127.0.0.1", listener.get_port(), ssl=context), timeout=10
        )
        try:
            return writer.get_extra_info("ssl_object").getpeercert(binary_form=True) or None
        finally:
            writer.close()
    except (OSError, EOFError, ValueError):  # a refused handshake (SSLError) and a time-out are OSErrors
        return None
    finally:
        listener.close()
