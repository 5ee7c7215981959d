"""Downloads: fetched once per checksum, checked, and installed like any other file."""

from __future__ import annotations

from collections.abc import Iterator

from nodestate import Download, File
from provider.remote.shell import call, quoted

WRITE = r"""
# stage_download: path mode owner group url sha256 member; prints `installed PATH SHA256`, tabbed: the sum of the file
stage_download() {
  prepare_staging
  mkdir -p "$home/downloads/$component"
  chmod 0700 "$home/downloads"
  got=$home/downloads/$component/$sha256
  if [ ! -e "$got" ]; then
    command -v curl >/dev/null || fail "there is no curl on this node: downloads need it"
    curl --fail --silent --show-error --location --retry 3 --connect-timeout 15 --max-time 1800 --output "$got.part" "$url" ||
      fail "downloading $url failed"
    sum=$(sha256sum <"$got.part" | cut -d' ' -f1)
    [ "$sum" = "$sha256" ] || fail "$url has sha256 $sum, pinned is $sha256"
    mv -f "$got.part" "$got"
  fi
  # On an emulated machine a checksum takes longer than the download: that of the whole file is known.
  if [ -n "$member" ]; then
    tar -xOf "$got" -- "$member" >"$new" || fail "$url has no member $member"
    sum=$(sha256sum <"$new" | cut -d' ' -f1)
  else
    cat "$got" >"$new"
    sum=$sha256
  fi
  printf 'installed\t%s\t%s\n' "$path" "$sum"
}
"""


def stage(path: str, file: File, source: Download) -> str:
    """Downloads a file, checks it, and writes it beside its target."""
    return call(
        "stage_download",
        path=path,
        mode=file.mode,
        owner=file.owner,
        group=file.group,
        url=source.url,
        sha256=source.sha256,
        member=source.extract or "",
    )


def installed(printed: str) -> Iterator[tuple[str, str]]:
    """Path and checksum of each file that `stage` printed."""
    for line in printed.splitlines():
        kind, *fields = line.split("\t")
        if kind == "installed" and len(fields) == 2:
            yield fields[0], fields[1]


def print_stamps(paths: list[str]) -> str:
    """Prints `stamp STAMP PATH`, tabbed, for each file: by its stamp the next read knows it without reading it."""
    return f'stat -c "stamp$tab%i:%s:%z$tab%n" -- {" ".join(map(quoted, paths))} || true'


def stamps(printed: str) -> Iterator[tuple[str, str]]:
    """Path and stamp of each file that `print_stamps` printed."""
    for line in printed.splitlines():
        kind, *fields = line.split("\t", 2)
        if kind == "stamp" and len(fields) == 2:
            yield fields[1], fields[0]
