"""The documentation names only what exists: pages, make targets, configuration keys, error messages."""

from __future__ import annotations

import itertools
import re
import runpy
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "lab/README.md", "toolchain/README.md")]
    + list((ROOT / "docs").rglob("*.md"))
)
REFERENCE = ROOT / "docs/reference/configuration.md"

FENCE = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"")
SECTIONS = "cluster|machines|nodes|network|kubernetes|certificates|kubelet|containerd|controlPlane|etcd|site|proxy"
KEY = re.compile(rf"(?:{SECTIONS})(?:\.(?:<\w+>|[A-Za-z0-9]+))+")
FILE = re.compile(r".*\.(?:env|service|conf|yaml|crt|key|local|svc)")
"""Names such as `etcd.service`, `cluster.local` and `kubernetes.default.svc` look like keys."""


def _names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as mkdocs and GitHub both make them for plain headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", text).strip().lower()) for text in headings}


def _code(text: str) -> list[str]:
    """Fenced blocks, indented blocks and inline code of a page."""
    fenced = [match.group(0) for match in FENCE.finditer(text)]
    rest = FENCE.sub("", text)
    indented = re.findall(r"^ {4,}\S.*$", rest, re.MULTILINE)
    return fenced + indented + re.findall(r"`([^`\n]+)`", rest)


def _known_keys() -> set[str]:
    """Every key that the generated reference names, whole or as a first column below a heading of its section.

    `nodes.<name>` and `nodes.<n>` are the same.
    """
    known = set()
    section = ""
    for line in REFERENCE.read_text().splitlines():
        if heading := re.match(r"#+ +`?([A-Za-z0-9.<>]+)`?", line.replace("&lt;", "<")):
            section = heading.group(1)
        for found in re.findall(r"`([^`]+)`", line):
            # A row names a key with the keys above it.
            above = itertools.accumulate(found.split("."), "{}.{}".format)
            known |= {found, *(f"{section}.{one}" for one in above)}
    return {_plain(key) for key in known}


def _plain(key: str) -> str:
    return re.sub(r"^nodes\.(?:<\w+>|[a-z]\d+)", "nodes.*", key)


@pytest.mark.parametrize("page", PAGES, ids=_names(PAGES))
def test_relative_links_resolve(page: Path) -> None:
    text = FENCE.sub("", page.read_text())
    for found in LINK.finditer(text):
        link = next(part for part in found.groups() if part)
        if "://" in link or link.startswith("mailto:"):
            continue
        target, _, anchor = link.partition("#")
        linked = (page.parent / target).resolve() if target else page
        assert linked.exists(), f"{page.name} links to {link}, which does not exist"
        if anchor and not anchor.startswith("only-"):
            assert anchor in _anchors(linked), f"{page.name} links to {link}, and there is no such heading"


def test_named_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        target
        for page in PAGES
        for code in _code(page.read_text())
        for target in re.findall(r"(?m)^\s*make ([a-z][a-z-]*)", code)
    }
    assert {"up", "down"} <= named
    assert named - targets == set()


def test_named_configuration_keys_exist() -> None:
    known = _known_keys()
    schema = "\n".join(file.read_text() for file in (ROOT / "cluster/config/kubelet_schema").glob("*.*"))
    missing = []
    for page in PAGES:
        if page == REFERENCE or page.name == "CHANGELOG.md":
            continue
        for code in re.findall(r"`([^`\n]+)`", FENCE.sub("", page.read_text())):
            key = code.partition(":")[0].strip()
            if not KEY.fullmatch(key) or FILE.fullmatch(key):
                continue
            # The kubelet's own settings are keys of KubeletConfiguration, which the program checks by its schema.
            setting = key.partition("kubelet.")[2]
            exists = re.search(rf"\b{setting}\b", schema) if setting else _plain(key) in known
            if not exists:
                missing.append(f"{page.name}: {key}")
    assert missing == []


def test_pulumi_config_commands_set_existing_keys() -> None:
    known = _known_keys()
    commands = "\n".join(code for page in PAGES for code in _code(page.read_text()))
    keys = set(re.findall(r"pulumi config (?:set|rm) --path plumbline:([A-Za-z0-9.]+)", commands))
    assert keys
    assert {key for key in keys if ".kubelet." not in key and _plain(key) not in known} == set()


def test_troubleshooting_names_messages_of_the_program() -> None:
    text = (ROOT / "docs/operations/troubleshooting.md").read_text()
    messages = re.findall(r"^### `(.+)`$", text, re.MULTILINE)
    assert len(messages) > 20
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    sources = [
        ROOT / name
        for name in listed.decode().split("\0")
        if name.endswith((".py", ".sh", ".j2", "Makefile")) and not name.startswith("tests/")
    ]
    program = "\n".join(source.read_text() for source in sources if source.is_file())
    parts = [part.strip() for message in messages for part in message.split("...") if part.strip(" ()s")]
    assert [part for part in parts if part not in program] == []


def test_captured_blocks_are_delimited() -> None:
    seen = []
    for page in PAGES:
        text = page.read_text()
        names = re.findall(r"<!-- captured: ([a-z-]+) -->", text)
        for name in names:
            block = rf"<!-- captured: {name} -->\n```text\n.+?\n```\n<!-- end: {name} -->"
            assert re.search(block, text, re.DOTALL), f"{page.name}: {name} has no fenced block and end marker"
        seen += names
    assert "preview-max-pods" in seen
    assert len(seen) == len(set(seen)), "each captured run has one place"


def test_pictures_are_those_that_the_script_draws() -> None:
    assets = ROOT / "docs/assets"
    drawn = runpy.run_path(str(assets / "draw.py"))["files"]()
    assert {name for name in drawn if (assets / name).read_text() != drawn[name]} == set()
    assert len(drawn) == 4


def test_lock_of_the_site_names_no_index() -> None:
    text = (ROOT / "requirements-docs.txt").read_text()
    assert "--hash=sha256:" in text
    assert not re.search(r"https?://|--(?:extra-)?index-url|--find-links", text)
