"""Reads files, directories and blocks: type, mode, owner, label and content, in few processes whatever their number."""

from __future__ import annotations

from provider.remote.paths import SHOWN_BYTES, ExpectedFile
from provider.remote.shell import call

READ = rf"""
# Few processes run, whatever the number of files: on an emulated machine each costs as much as hashing a megabyte. A file
# whose stamp (inode, size, time of last change to the nanosecond) is the one it was installed with is not read again.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: >"$work/paths"
: >"$work/expected"
selinux=/sys/fs/selinux/enforce

# expect_file: path sha256 visibility stamp; a sum or stamp that is not known is `-`
expect_file() {{
  printf '%s\t%s\t%s\t%s\n' "$path" "$sha256" "$visibility" "$stamp" >>"$work/expected"
  printf '%s\n' "$path" >>"$work/paths"
}}

expect_path() {{ printf '%s\n' "$path" >>"$work/paths"; }}

report_paths() {{
  tr '\n' '\0' <"$work/paths" | xargs -0 -r stat -c "%F$tab%04a$tab%U$tab%G$tab%u$tab%g$tab%Y$tab%i:%s:%z$tab%n" \
    >"$work/found" 2>/dev/null || true
  awk -F'\t' -v OFS='\t' -v work="$work" 'FILENAME == ARGV[1] {{ stamp[$1] = $4; next }}
    {{ print "found", $1, $2, $3, $4, $5, $6, $7, $9 }}
    $1 == "symbolic link" {{ print $9 >(work "/links") }}
    $1 ~ /^regular/ && ($9 in stamp) {{
      if ($8 == stamp[$9]) print "same", $9
      else print $9 >(work "/unsure")
    }}' "$work/expected" "$work/found"
  [ ! -s "$work/links" ] || report_links
  if [ -s "$work/unsure" ]; then
    tr '\n' '\0' <"$work/unsure" | xargs -0 -r sha256sum 2>/dev/null >"$work/sums" || true
    awk -F'\t' -v OFS='\t' -v work="$work" 'FILENAME == ARGV[1] {{
        sum[substr($0, 67)] = substr($0, 1, 64)
        print "sum", substr($0, 1, 64), substr($0, 67)
        next
      }}
      $3 == "public" && ($1 in sum) && sum[$1] != $2 {{ print $1 >(work "/changed") }}' "$work/sums" "$work/expected"
  fi
  if [ -s "$work/changed" ]; then
    while IFS= read -r path; do
      [ "$(stat -c %s "$path")" -gt {SHOWN_BYTES} ] || printf 'text\t%s\t%s\n' "$path" "$(base64 -w0 <"$path")"
    done <"$work/changed"
  fi
  [ ! -e "$selinux" ] || report_labels
}}

# Where symlinks lead, and the shape of a directory that one leads to.
report_links() {{
  while IFS= read -r path; do
    printf 'link\t%s\t%s\n' "$path" "$(readlink "$path")"
    [ ! -d "$path" ] || stat -L -c "target$tab%F$tab%04a$tab%U$tab%G$tab%u$tab%g$tab%Y$tab%n" "$path" || true
  done <"$work/links"
}}

# Labels that are not the ones of the node's policy.
report_labels() {{
  tr '\n' '\0' <"$work/paths" | xargs -0 -r restorecon -n -v 2>/dev/null |
    sed -n "s/^Would relabel \(.*\) from \([^ ]*\) to [^ ]*\$/label$tab\2$tab\1/p" || true
}}

# report_block: path visibility; the lines between the marks, or their checksum; a file with CRLF has them without CR
report_block() {{
  [ -f "$path" ] || return 0
  status=0
  lines=$(awk '{{ line = $0; cr = sub(/\r$/, "", line) }}
    line == "# BEGIN plumbline" {{ broken = broken || within; within = 1; seen = 1; crlf = cr; next }}
    line == "# END plumbline" {{ within = 0; next }}
    within {{ print(crlf ? line : $0) }}
    END {{ exit broken || within ? 4 : seen ? 0 : 3 }}' "$path") || status=$?
  case $status in
    0) if [ "$visibility" = secret ]; then
        printf 'blocksum\t%s\t%s\n' "$path" "$(printf '%s\n' "$lines" | sha256sum | cut -d' ' -f1)"
      else
        printf 'block\t%s\t%s\n' "$path" "$(printf '%s\n' "$lines" | base64 -w0)"
      fi ;;
    4) printf 'broken\t%s\n' "$path" ;;
  esac
}}

# report_entries DIRECTORY...: what is in them, hidden entries apart
report_entries() {{
  find -H "$@" -mindepth 1 -maxdepth 1 ! -name '.*' -printf 'entry\t%p\n' 2>/dev/null || true
}}
"""


def expect_file(path: str, file: ExpectedFile) -> str:
    """Adds a file to the report; of a block, the lines between its marks."""
    visibility = "secret" if file.secret else "public"
    if file.block:
        return "\n".join((call("report_block", path=path, visibility=visibility), expect_path(path)))
    return call("expect_file", path=path, sha256=file.sha256 or "-", visibility=visibility, stamp=file.stamp or "-")


def expect_path(path: str) -> str:
    """Adds a path of which only the shape is reported."""
    return call("expect_path", path=path)
