"""The script of the language host that lists the installed distributions of a Python environment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = (Path(__file__).resolve().parents[3] / "toolchain/languagehost/installed.py").read_text()


def installed(folder: Path, what: str) -> list[dict[str, str]]:
    """Return what the script prints if only `folder` is on the import path."""
    alone = (
        f"import sys; sys.path[:] = [entry for entry in sys.path if 'site-packages' not in entry] + [{str(folder)!r}]\n"
    )
    printed = subprocess.run(
        [sys.executable, "-I", "-c", alone + SCRIPT, what], capture_output=True, text=True, check=True
    )
    found: list[dict[str, str]] = json.loads(printed.stdout)
    return found


def sdk(folder: Path, package: str, **asked: object) -> None:
    (folder / package).mkdir()
    (folder / package / "pulumi-plugin.json").write_text(json.dumps(asked))


def distribution(folder: Path, name: str, version: str, *requires: str) -> None:
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        *[f"Requires-Dist: {r}" for r in requires],
    ]
    (info / "METADATA").write_text("\n".join(lines) + "\n")


def test_installed_lists_the_plugins_of_sdks(tmp_path: Path) -> None:
    sdk(tmp_path, "pulumi_tls", resource=True, name="tls", version="1.2.3")
    sdk(tmp_path, "pulumi_my_own", resource=True, server="https://example.org")
    sdk(tmp_path, "pulumi_function", resource=False, name="function")
    (tmp_path / "requests").mkdir()
    assert installed(tmp_path, "plugins") == [
        {"name": "my-own", "version": "", "server": "https://example.org"},
        {"name": "tls", "version": "1.2.3", "server": ""},
    ]


def test_installed_lists_direct_dependencies(tmp_path: Path) -> None:
    distribution(tmp_path, "pulumi-tls", "1.2.3", "pulumi (>=3.1)", "Typing_Extensions>=4; python_version < '4'")
    distribution(tmp_path, "pulumi", "3.2.1")
    distribution(tmp_path, "typing-extensions", "4.0.1")
    distribution(tmp_path, "pytest", "9.0", "ruff; extra == 'dev'")
    distribution(tmp_path, "ruff", "0.1.2")
    names = [one["name"] for one in installed(tmp_path, "direct")]
    assert names == ["pulumi-tls", "pytest", "ruff"]
    assert {"name": "pulumi", "version": "3.2.1", "server": ""}.items() >= installed(tmp_path, "all")[0].items()
    assert len(installed(tmp_path, "all")) == 5
