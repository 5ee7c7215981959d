"""Blocks: managed lines in a file that other programs write, too."""

from __future__ import annotations

from tests.provider.conftest import Bench


def test_block_keeps_only_its_own_lines_in_sync(bench: Bench) -> None:
    bench.target.mkdir()
    hosts = bench.file("hosts")
    hosts.write_text("127.0.0.1 localhost\n10.0.0.9 printer")
    hosts.chmod(0o640)
    bench.files[str(hosts)] = {"content": "10.0.0.1 api\n10.0.0.2 api\n", "block": True}
    bench.up()
    ours = "# BEGIN plumbline\n10.0.0.1 api\n10.0.0.2 api\n# END plumbline\n"
    assert hosts.read_text() == f"127.0.0.1 localhost\n10.0.0.9 printer\n{ours}"
    assert hosts.stat().st_mode & 0o777 == 0o640
    bench.operations()
    assert bench.up() == {"same": 2}
    assert bench.writes() == 0

    # Lines that others add are no drift; a change of the managed lines is.
    hosts.write_text(f"{ours}10.0.0.8 scanner\n")
    assert "no changes" in bench.preview() or "unchanged" in bench.preview()
    hosts.write_text("10.0.0.8 scanner\n# BEGIN plumbline\n10.0.0.1 api\n10.6.6.6 api\n# END plumbline\n")
    preview = bench.preview()
    assert "- 10.6.6.6 api" in preview
    assert "+ 10.0.0.2 api" in preview
    assert "scanner" not in preview
    bench.up(refresh=True)
    assert hosts.read_text() == f"10.0.0.8 scanner\n{ours}"

    # Without our lines the file is still somebody's.
    del bench.files[str(hosts)]
    bench.up()
    assert hosts.read_text() == "10.0.0.8 scanner\n"


def test_block_is_removed_and_its_file_survives_destroy(bench: Bench) -> None:
    hosts = bench.file("hosts")
    bench.files[str(hosts)] = {"content": "10.0.0.1 api\n", "block": True}
    bench.up()
    assert hosts.read_text() == "# BEGIN plumbline\n10.0.0.1 api\n# END plumbline\n"
    hosts.write_text(f"127.0.0.1 localhost\n{hosts.read_text()}")
    bench.destroy()
    assert hosts.read_text() == "127.0.0.1 localhost\n"


def test_block_with_a_mode_is_refused(bench: Bench) -> None:
    bench.files[str(bench.file("hosts"))] = {"content": "x\n", "block": True, "mode": "0644"}
    assert "mode is not for a block" in bench.fails()
