"""Draws the pictures of the documentation as SVG, each for a light and a dark page: `python docs/assets/draw.py`.

Pages and README choose between the two files, since an SVG in an <img> cannot see the page's own palette.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

HERE = Path(__file__).parent
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif"


@dataclass(frozen=True)
class Palette:
    """Colours of one variant. A fill and the text on it have a contrast of at least 4.5."""

    name: str
    text: str
    faint: str
    line: str
    operator: str
    control: str
    worker: str
    layer: str
    panel: str


LIGHT = Palette("light", "#1b2430", "#526071", "#66758a", "#e3e8fd", "#d3e9dc", "#f1e7cf", "#e6ebf1", "#f7f9fb")
DARK = Palette("dark", "#e8edf3", "#a5b2c1", "#8695a8", "#2c3769", "#1f4a38", "#51421c", "#2f3b4b", "#1c2530")


class Picture:
    """An SVG under construction. Coordinates are pixels of its viewBox, text is centred."""

    def __init__(self, palette: Palette, width: int, height: int, title: str) -> None:
        self.palette = palette
        self._size = (width, height)
        self._title = title
        self._parts: list[str] = []

    def box(self, x: int, y: int, width: int, height: int, fill: str, *lines: str, dashed: bool = False) -> None:
        """A rounded box; the first line of its text is bold."""
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self._parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="{fill}" '
            f'stroke="{self.palette.line}" stroke-width="1.2"{dash}/>'
        )
        top = y + height / 2 - (len(lines) - 1) * 10.5 + 6
        for index, line in enumerate(lines):
            self.text(x + width // 2, round(top + index * 21), line, bold=index == 0, faint=index > 0)

    def text(self, x: int, y: int, line: str, bold: bool = False, faint: bool = False, anchor: str = "middle") -> None:
        """One line of text around x, its baseline at y."""
        colour = self.palette.faint if faint else self.palette.text
        weight = ' font-weight="600"' if bold else ""
        size = 17 if bold else 15.5
        self._parts.append(
            f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour}" text-anchor="{anchor}"{weight}>{escape(line)}</text>'
        )

    def arrow(self, path: str, head: bool = True, dashed: bool = False, both: bool = False) -> None:
        """A line along an SVG path, with a head at its end, or at both ends."""
        end = ' marker-end="url(#head)"' if head else ""
        end += ' marker-start="url(#head)"' if both else ""
        dash = ' stroke-dasharray="4 4"' if dashed else ""
        self._parts.append(f'<path d="{path}" fill="none" stroke="{self.palette.line}" stroke-width="1.8"{dash}{end}/>')

    def svg(self) -> str:
        """The whole file."""
        width, height = self._size
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'role="img" aria-labelledby="title" font-family="{FONT}">\n<title id="title">{escape(self._title)}</title>\n'
            '<defs><marker id="head" viewBox="0 0 10 10" refX="8.5" refY="5" markerWidth="8" markerHeight="8" '
            f'orient="auto-start-reverse"><path d="M0 1 9 5 0 9z" fill="{self.palette.line}"/></marker></defs>'
        )
        return "\n".join([head, *self._parts, "</svg>\n"])


def overview(palette: Palette) -> Picture:
    """From the operator's computer over SSH to the nodes, and the layers of one of them."""
    picture = Picture(
        palette,
        620,
        716,
        "Pulumi on your computer reaches three control-plane nodes and the workers over SSH. CA keys stay in the encrypted "
        "state. On a control-plane node: containerd and etcd as systemd units, the kubelet above containerd, static pods on top.",
    )
    p = palette
    picture.box(10, 10, 600, 118, p.panel)
    picture.text(28, 38, "Your computer", bold=True, anchor="start")
    picture.box(26, 54, 150, 58, p.operator, "configuration", "one YAML file")
    picture.box(226, 54, 150, 58, p.operator, "pulumi", "preview, then up")
    picture.box(426, 54, 168, 58, p.operator, "encrypted state", "CA keys, only here")
    picture.arrow("M176 83H222")
    picture.arrow("M380 83H422", both=True)
    # One bundle of SSH connections from the program to every node.
    picture.arrow("M301 112V156", head=False)
    picture.arrow("M75 156H545", head=False)
    for x in (75, 188, 301, 433, 545):
        picture.arrow(f"M{x} 156V193")
    picture.text(316, 148, "SSH, pinned host keys", faint=True, anchor="start")
    picture.box(10, 184, 364, 112, "none", dashed=True)
    for x, name in ((24, "m1"), (137, "m2"), (250, "m3")):
        picture.box(x, 198, 104, 58, p.control, name, "etcd, API")
    picture.text(28, 287, "control plane: 1, 3 or 5", faint=True, anchor="start")
    for x, name in ((386, "w1"), (498, "w2")):
        picture.box(x, 198, 100, 58, p.worker, name, "worker")
    picture.text(492, 284, "any number of workers", faint=True)
    # The first node, enlarged.
    picture.arrow("M24 256 10 336", head=False, dashed=True)
    picture.arrow("M128 256 610 336", head=False, dashed=True)
    picture.box(10, 336, 600, 370, p.panel)
    picture.text(28, 366, "One control-plane node", bold=True, anchor="start")
    picture.box(26, 382, 568, 90, p.control, "static pods", "API server, controller manager, scheduler,", "kube-proxy")
    picture.box(26, 482, 276, 58, p.layer, "kubelet", "systemd unit")
    picture.box(26, 550, 276, 58, p.layer, "containerd", "systemd unit")
    picture.box(318, 482, 276, 126, p.layer, "etcd", "systemd unit,", "TLS for clients and peers")
    picture.box(26, 618, 568, 40, p.layer, "Linux with systemd, sshd, curl, nft")
    picture.text(310, 688, "Own certificates and keys. No CA key on any node.", faint=True)
    return picture


def order(palette: Palette) -> Picture:
    """The order in which a node comes up, and why."""
    picture = Picture(
        palette,
        620,
        792,
        "Order of a node: first boot, then containerd, then the kubelet; on control-plane nodes etcd and the quorum of all "
        "members; then the control plane, kube-proxy, registration and CoreDNS.",
    )
    p = palette
    picture.box(10, 10, 250, 58, p.operator, "CAs, keys, certificates", "in the encrypted state")
    picture.box(330, 10, 280, 58, p.operator, "machine", "libvirt VM or existing host")
    picture.box(330, 112, 280, 58, p.layer, "first boot", "has finished; sudo and curl work")
    picture.box(10, 218, 250, 58, p.layer, "containerd", "images, pod network")
    picture.box(10, 330, 250, 58, p.layer, "kubelet", "with its certificates")
    picture.box(330, 218, 280, 58, p.control, "etcd", "control-plane nodes")
    picture.box(330, 330, 280, 58, p.control, "quorum", "every member is healthy")
    picture.box(150, 446, 320, 58, p.control, "control plane", "static pods of this node")
    picture.box(10, 562, 280, 58, p.layer, "kube-proxy", "the services of the API")
    picture.box(330, 562, 280, 58, p.operator, "RBAC", "applied through the API")
    picture.box(150, 670, 320, 58, p.worker, "node is Ready", "registered, role label set")
    picture.text(310, 778, "then CoreDNS", bold=True)
    picture.arrow("M470 68V108")
    picture.arrow("M260 39H294V359H264")
    picture.arrow("M294 247H326")
    picture.arrow("M350 170 200 214")
    picture.arrow("M470 170V214")
    picture.arrow("M135 276V326")
    picture.arrow("M470 276V326")
    picture.arrow("M135 388 240 442")
    picture.arrow("M470 388 380 442")
    picture.arrow("M240 504 150 558")
    picture.arrow("M380 504 470 558")
    picture.arrow("M150 620 240 666")
    picture.arrow("M470 620 380 666")
    picture.arrow("M310 728V758")
    return picture


def files() -> dict[str, str]:
    """Every picture by file name."""
    return {
        f"{name}-{palette.name}.svg": draw(palette).svg()
        for name, draw in (("overview", overview), ("order", order))
        for palette in (LIGHT, DARK)
    }


if __name__ == "__main__":
    for file, text in files().items():
        (HERE / file).write_text(text)
