"""A mock of the engine that records every resource registration."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pulumi
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from google.protobuf import json_format
from pulumi.runtime import mocks as pulumi_mocks
from pulumi.runtime.settings import SETTINGS
from pulumi.runtime.stack import run_pulumi_func

SECRET = "1b47061264138c4ac30d75fd1eb44270"
SIGNATURE = "4dabf18193072939515e22adb298388d"


@dataclass(frozen=True)
class Registration:
    """One registered resource, as it was sent."""

    urn: str
    type: str
    name: str
    parent: str
    inputs: dict[str, Any]
    protect: bool
    deleted_with: str
    dependencies: tuple[str, ...]
    aliases: tuple[str, ...]
    ignore_changes: tuple[str, ...]
    trigger: Any


class _Mocks(pulumi_mocks.Mocks):
    """Returns the inputs as state, with placeholders for the outputs that only a provider knows."""

    def new_resource(self, args: pulumi_mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        state = {key: _plain(value) for key, value in args.inputs.items()}
        if args.typ == "tls:index/privateKey:PrivateKey":
            key = _key(args.name)
            openssh = {"privateKeyOpenssh": key["privateKeyPem"], "publicKeyOpenssh": f"ssh-ed25519 {args.name}\n"}
            state |= key | openssh
        if args.typ.startswith("tls:index/") and args.typ.endswith("Cert"):
            state |= {"certPem": _certificate(state.get("certRequestPem"))}
        if args.typ == "plumbline:index:NodeState":
            state |= {"revision": f"revision of {args.name}"}
        if args.typ == "plumbline:index:Command":
            printed = {"proof-etcd-quorum": "[]", "proof-control-plane-ready": "m1 kube-apiserver an/image:v1\n"}
            state |= {"stdout": printed.get(args.name, "v1.0.0")}
        return f"{args.name}-id", state

    def call(self, args: pulumi_mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"no invoke is expected: {args.token}")


class Recorder(pulumi_mocks.MockMonitor):
    """Records every registration and refuses a second resource with the same URN, as the engine does."""

    def __init__(self) -> None:
        super().__init__(_Mocks())
        self.registrations: dict[str, Registration] = {}

    def RegisterResource(self, request: Any) -> Any:
        response: Any = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        assert response.urn not in self.registrations, f"registered twice: {response.urn}"
        self.registrations[response.urn] = Registration(
            urn=response.urn,
            type=request.type,
            name=request.name,
            parent=request.parent,
            # As sent: the SDK's deserializer would mark the whole property as secret instead of the value inside it.
            inputs=json_format.MessageToDict(request.object),
            protect=request.protect,
            deleted_with=request.deletedWith,
            dependencies=tuple(request.dependencies),
            ignore_changes=tuple(request.ignoreChanges),
            trigger=json_format.MessageToDict(request.replacement_trigger),
            aliases=(*request.aliasURNs, *(alias.urn or alias.spec.type for alias in request.aliases)),
        )
        return response

    def of_type(self, suffix: str) -> list[Registration]:
        """The registrations whose type ends with `suffix`, in order."""
        return [found for found in self.registrations.values() if found.type.endswith(suffix)]

    def named(self, name: str) -> Registration:
        """The only registration with this name."""
        [found] = [found for found in self.registrations.values() if found.name == name]
        return found


def is_secret(value: Any) -> bool:
    """Whether an input was sent marked as secret."""
    return isinstance(value, dict) and value.get(SIGNATURE) == SECRET


def _plain(value: Any) -> Any:
    """The value without secret marks: mocks get secrets as marked objects."""
    if is_secret(value):
        return _plain(value["value"])
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def record(program: Any, preview: bool) -> Recorder:
    """Runs a program that registers resources; returns the registrations."""
    recorder = Recorder()

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def run() -> Any:
        return program()

    with _loop(recorder, preview):
        run()
    return recorder


def run_as_engine(program: Any) -> None:
    """Runs a program as the engine does in a preview: its registrations begin when it has ended, or waits for something."""
    with _loop(Recorder(), preview=True) as loop:
        SETTINGS.rpc_manager.clear()
        SETTINGS.outputs.clear()
        loop.run_until_complete(run_pulumi_func(program))


@contextmanager
def _loop(recorder: Recorder, preview: bool) -> Iterator[asyncio.AbstractEventLoop]:
    # The stack is made outside of a coroutine, on the thread's event loop: any `asyncio.run` before has taken it away.
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    pulumi.runtime.set_mocks(recorder.mocks, project="plumbline", stack="test", preview=preview, monitor=recorder)
    try:
        yield loop
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def _key(name: str) -> dict[str, str]:
    """A private key that is always the same for a name, with that name before it, and its public key."""
    key = ec.derive_private_key(int.from_bytes(hashlib.sha256(name.encode()).digest()[:31]), ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return {"privateKeyPem": f"key of {name}\n{private}", "publicKeyPem": public}


@cache
def _certificate(request_pem: str | None) -> str:
    """The certificate for a request, one for each; for a CA, which has none, of a subject that nobody reads."""
    now = datetime.now(UTC)
    signer = ec.derive_private_key(1, ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "placeholder")])
    request = x509.load_pem_x509_csr(request_pem.encode()) if request_pem else None
    builder = x509.CertificateBuilder(
        subject_name=request.subject if request else name,
        issuer_name=name,
        public_key=(request or signer).public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now,
        not_valid_after=now + timedelta(days=365),
        extensions=list(request.extensions) if request else [],
    )
    return builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
