"""The container runtime's settings: registries with their mirrors, and further configuration files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cluster.config import containerd_syntax
from cluster.config.declare import Check, key, rule
from nodestate import Text

ENDPOINT = Check("a http:// or https:// URL without user and password", containerd_syntax.endpoint)
CERTIFICATES = Check("certificates in PEM", containerd_syntax.certificates)
USERNAME = Check("a user's name without a colon", containerd_syntax.username)


@dataclass(frozen=True, kw_only=True)
class RegistryMirror:
    """A registry that is asked before the one that an image names, in the order of the list."""

    url: str = key(
        check=ENDPOINT, missing="the mirror's URL", doc="URL of the mirror.", example="https://mirror.example:5000"
    )
    ca: str = key(
        "", check=CERTIFICATES, doc="CA certificates that the mirror's certificate is checked against, in PEM."
    )
    username: str = key("", check=USERNAME, doc="User of the mirror; needs `password`.")
    password: Text | None = key(None, secret=True, doc="The user's password: a config secret.")
    override_path: bool = key(
        False,
        doc="The path of `url` is the whole path of the API; otherwise `/v2` is added to it. Set it for Harbor's proxies.",
    )

    @rule("username", "password")
    def _pair(self) -> str | None:
        return _pair(self.username, self.password)

    @rule("url", "username")
    def _encrypted(self) -> str | None:
        if self.username and self.url.startswith("http://"):
            return "is http: a password would be sent in clear text"
        return None


@dataclass(frozen=True, kw_only=True)
class Registry:
    """The registry of images with this name, such as docker.io."""

    server: str = key(
        "",
        check=ENDPOINT,
        doc="URL of the registry itself, if it is not that of its name. Set a mirror's to use mirrors only.",
    )
    ca: str = key(
        "", check=CERTIFICATES, doc="CA certificates that the registry's certificate is checked against, in PEM."
    )
    username: str = key("", check=USERNAME, doc="User of the registry itself; needs `password`.")
    password: Text | None = key(None, secret=True, doc="The user's password: a config secret.")
    mirrors: tuple[RegistryMirror, ...] = key((), doc="Registries to ask first.")

    @rule("username", "password")
    def _pair(self) -> str | None:
        return _pair(self.username, self.password)

    @rule("server", "username")
    def _encrypted(self) -> str | None:
        if self.username and self.server.startswith("http://"):
            return "is http: a password would be sent in clear text"
        return None


def _pair(username: str, password: Text | None) -> str | None:
    if bool(username) == (password is not None):
        return None
    return "needs password, too" if username else "is missing: password needs it"


@dataclass(frozen=True, kw_only=True)
class Containerd:
    """The container runtime."""

    restrict_oom_score_adj: bool = key(
        False, doc="Set this if the hosts may not lower a process's OOM score, for example because they are containers."
    )
    registries: Mapping[str, Registry | None] = key(
        {},
        each=lambda name, _: containerd_syntax.registry(name),
        doc="Registries by the name in images, such as `docker.io`; `_default`: all others. containerd reads the files for each pull: "
        "only the first registry and the removal of the last restart it.",
    )
    imports: Mapping[str, str] = key(
        {},
        each=containerd_syntax.imported,
        doc="Configuration in TOML by file name, merged over the program's own. A change restarts containerd.",
    )


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """A proxy for the pulls of containerd. Nothing else on the nodes uses it."""

    http: Text | None = key(
        None,
        check=Check("a http:// or https:// URL", containerd_syntax.proxy),
        doc="Proxy for http:// registries; a config secret if it holds a password.",
    )
    https: Text | None = key(
        None,
        check=Check("a http:// or https:// URL", containerd_syntax.proxy),
        doc="Proxy for https:// registries; a config secret if it holds a password.",
    )
    no_proxy: tuple[str, ...] = key(
        (),
        check=Check("a name, a domain such as .example, an address or a network", containerd_syntax.without_proxy),
        doc="Targets without proxy, in addition to the cluster's own networks, names and nodes. A node that is added to existing hosts "
        "therefore restarts containerd on all nodes.",
    )

    @rule("http")
    def _http_is_secret(self) -> str | None:
        return _hidden(self.http)

    @rule("https")
    def _https_is_secret(self) -> str | None:
        return _hidden(self.https)

    @rule("no_proxy", "http", "https")
    def _has_effect(self) -> str | None:
        if self.no_proxy and self.http is None and self.https is None:
            return "has no effect without http or https"
        return None


def _hidden(url: Text | None) -> str | None:
    if isinstance(url, str) and "@" in url:
        return "holds a user: set it as a config secret, with `pulumi config set --secret --path`"
    return None
