# Prints the path of the VM image once its checksum is the pinned one; downloads it first where IMAGE is a URL.
set -eu
fail() { echo "$1" >&2; exit 1; }
case "$IMAGE" in
http://* | https://*)
  folder=${PLUMBLINE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/plumbline}/images
  mkdir -p "$folder"
  file=$folder/$SHA256
  if [ ! -e "$file" ]; then
    curl --fail --silent --show-error --location --retry 3 --output "$file.part" "$IMAGE" || fail "downloading $IMAGE failed"
    mv "$file.part" "$file"
  fi
  ;;
*) file=$IMAGE ;;
esac
[ -e "$file" ] || fail "$file is missing: build it with 'make lab'"
sum=$(sha256sum <"$file" | cut -d' ' -f1)
[ "$sum" = "$SHA256" ] || fail "$IMAGE has sha256 $sum, pinned is $SHA256: remove $file if it is a broken download"
case "$IMAGE" in
*.xz) [ -e "$file.qcow2" ] || { xz -dc "$file" >"$file.part" && mv "$file.part" "$file.qcow2"; }; file=$file.qcow2 ;;
*.bz2) [ -e "$file.qcow2" ] || { bzip2 -dc "$file" >"$file.part" && mv "$file.part" "$file.qcow2"; }; file=$file.qcow2 ;;
esac
echo "$file"
