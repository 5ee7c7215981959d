# Prints what stands at each expected path. Few processes run, whatever the number of files: on an emulated machine
# each costs as much as hashing a megabyte. A file whose stamp (inode, size, time of last change to the nanosecond) is
# the one it was installed with is not read again.
LC_ALL=C
export LC_ALL
tab=$(printf '\t')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: >"$work/paths"
: >"$work/expected"

# expect PATH SHA256 public|secret STAMP; unknown sums and stamps are `-`
expect() {
  printf '%s\t%s\t%s\t%s\n' "$@" >>"$work/expected"
  printf '%s\n' "$1" >>"$work/paths"
}

# block PATH: what stands between our marks in a file that others write, too
block() {
  if grep -qx '# BEGIN plumbline' "$1" 2>/dev/null; then
    printf 'block\t%s\t%s\n' "$1" \
      "$(sed -n '/^# BEGIN plumbline$/,/^# END plumbline$/p' "$1" | sed '/^# \(BEGIN\|END\) plumbline$/d' | base64 -w0)"
  fi
}

place() { printf '%s\n' "$1" >>"$work/paths"; }

# report BYTES: public texts up to this size are shown where they differ
report() {
  tr '\n' '\0' <"$work/paths" | xargs -0 -r stat -c "%F$tab%04a$tab%U$tab%G$tab%u$tab%g$tab%i:%s:%z$tab%n" \
    >"$work/found" 2>/dev/null || true
  cut -f1-6,8 "$work/found" | sed 's/^/found\t/'
  awk -F'\t' 'NR == FNR { stamp[$1] = $4; next }
    $1 ~ /^regular/ && ($8 in stamp) { print ($7 == stamp[$8] ? "same" : "unsure") "\t" $8 }' \
    "$work/expected" "$work/found" >"$work/sorted"
  grep '^same' "$work/sorted" || true
  sed -n 's/^unsure\t//p' "$work/sorted" | tr '\n' '\0' | xargs -0 -r sha256sum 2>/dev/null >"$work/sums" || true
  sed 's/^\([0-9a-f]*\)  \(.*\)/sum\t\1\t\2/' "$work/sums"
  awk -F'\t' 'NR == FNR { sum[substr($0, 67)] = substr($0, 1, 64); next }
    $3 == "public" && ($1 in sum) && sum[$1] != $2 { print $1 }' "$work/sums" "$work/expected" >"$work/changed"
  while IFS= read -r path; do
    [ "$(stat -c %s "$path")" -gt "$1" ] || printf 'text\t%s\t%s\n' "$path" "$(base64 -w0 <"$path")"
  done <"$work/changed"
}

# units NAME...: systemd's own words for each, in this order
units() {
  systemctl show --property Id,LoadState,ActiveState,SubState,UnitFileState "$@" | sed 's/^/unit\t/'
}

# owed CONCERN...: what a broken run left to do for each
owed() {
  for concern; do
    [ ! -s "$home/pending/$concern" ] ||
      tr ' ' '\n' <"$home/pending/$concern" | sed "/^$/d; s/:/ /; s/^/pending\t$concern\t/"
    if [ -e "$home/staged/$concern" ] || [ -e "$home/backup/$concern" ]; then
      printf 'pending\t%s\ttidy\n' "$concern"
    fi
  done
}
