"""The settings of a site for its nodes: files, units, kernel settings and kernel modules.

Declared once and set at three levels: for all nodes, for a role, for a node. cluster.config.site merges them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cluster.config import purposes, site_syntax, syntax
from cluster.config.addresses import Host, IPAddress
from cluster.config.declare import Check, Derived, key, rule
from nodestate import Text

DOWNLOAD = Check("a http:// or https:// URL", syntax.http_url, syntax.HTTP_URL)
SHA256 = Check("64 digits of 0-9 and a-f", syntax.sha256, syntax.SHA256.pattern)
UNIT = Check("a unit's name, such as chrony.service", site_syntax.unit)


@dataclass(frozen=True, kw_only=True)
class SiteFile:
    """A file: one of `content`, `template` and `url`."""

    content: Text | None = key(
        None, doc="The text. A config secret (`pulumi config set --secret --path`) is never shown, logged or read back."
    )
    template: Text | None = key(
        None, doc="The text as a Jinja2 template with the facts of the node; a secret like `content`."
    )
    url: str = key("", check=DOWNLOAD, doc="Where the node downloads it from; needs `sha256`.")
    sha256: str = key("", check=SHA256, doc="Checksum of what `url` serves.")
    mode: str = key(
        "",
        check=Check("octal digits such as 0644", site_syntax.mode),
        derived=Derived("`0644`, `0600` for a secret", lambda values: ""),
        doc="Permissions.",
    )
    owner: str = key("root", check=Check("a user's name or number", site_syntax.user), doc="Owner.")
    group: str = key("root", check=Check("a group's name or number", site_syntax.user), doc="Group.")
    restart: tuple[str, ...] = key(
        (), check=UNIT, doc="Units that restart when the file changes.", example="[chrony.service]"
    )
    reload: tuple[str, ...] = key((), check=UNIT, doc="Units that reload when the file changes.")

    @rule("content", "template", "url")
    def _one_text(self) -> str | None:
        given = [self.content is not None, self.template is not None, bool(self.url)]
        return None if sum(given) == 1 else "set exactly one of content, template and url"

    @rule("url", "sha256")
    def _pinned(self) -> str | None:
        if self.url and not self.sha256:
            return "needs sha256: a download is pinned by its checksum"
        return "is missing: sha256 is for a download" if self.sha256 and not self.url else None


@dataclass(frozen=True, kw_only=True)
class SiteUnit:
    """A systemd unit, with its text or, without, one of the operating system. It restarts when its text changes."""

    content: Text | None = key(None, doc="Text of the unit.")
    template: Text | None = key(None, doc="The text as a Jinja2 template with the facts of the node.")
    enabled: bool = key(True, doc="Whether it starts at boot.")
    active: bool = key(
        True, doc="Whether it runs now. A oneshot service counts as running with `RemainAfterExit=yes` only."
    )

    @rule("content", "template")
    def _one_text(self) -> str | None:
        both = self.content is not None and self.template is not None
        return "set content or template, not both" if both else None


@dataclass(frozen=True, kw_only=True)
class Site:
    """Files, units and kernel settings of all nodes. `site.roles.<role>` and `nodes.<name>.site` have the same keys for a role
    and for a node: an entry there replaces the one of the same name here, and null takes it away."""

    files: Mapping[str, SiteFile | None] = key(
        {},
        each=lambda path, _: site_syntax.path(path),
        doc="Files by path. Paths that the program owns are refused.",
    )
    units: Mapping[str, SiteUnit | None] = key(
        {}, each=lambda name, _: site_syntax.unit(name), doc="systemd units by name. Units of the program are refused."
    )
    sysctls: Mapping[str, str | int | None] = key(
        {},
        each=site_syntax.sysctl,
        doc="Kernel settings by name, written to /etc/sysctl.d/95-site.conf; the running values are compared in each preview.",
        example="{net.core.somaxconn: 4096}",
    )
    kernel_modules: tuple[str, ...] = key(
        (),
        check=Check("a module's name", site_syntax.module),
        doc="Kernel modules to load, in addition to those of the wider level: /etc/modules-load.d/95-site.conf.",
        example="[br_netfilter]",
    )
    time_servers: tuple[Host, ...] | None = key(
        None,
        check=Check("a DNS domain or a unicast address", purposes.endpoint),
        doc="NTP servers of systemd-timesyncd or chrony, the one that runs on the node; the narrowest level's.",
        example="[ntp.example, 192.0.2.123]",
    )
    resolvers: tuple[IPAddress, ...] | None = key(
        None,
        check=Check("a unicast address", purposes.unicast),
        doc="DNS servers of systemd-resolved on the node, for all names; the narrowest level's. `network.resolvers` are those of "
        "the cluster's DNS.",
        example="[192.0.2.53]",
    )
    hosts: Mapping[str, str | int | None] = key(
        {},
        each=site_syntax.host,
        doc="Further lines of /etc/hosts: an address by name.",
        example="{registry.example: 192.0.2.5}",
    )
    trusted_cas: Mapping[str, str | int | None] = key(
        {},
        each=site_syntax.trusted_ca,
        name="trustedCAs",
        doc="CA certificates in PEM by name, added to the system's. A change restarts containerd, which reads them at its start.",
    )
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)

    def key(self, part: str, name: str) -> str:
        """The key of an entry of merged settings: that of the narrowest level that has it."""
        return f"{self.origins.get(f'{part}.{name}', 'site')}.{part}.{name}"
