#!/bin/sh
# trusted-cas add|remove FOLDER: adds the certificates of FOLDER to the system's trust store, or removes those that it added.
set -eu
if command -v update-ca-trust >/dev/null; then
  store=/etc/pki/ca-trust/source/anchors suffix=crt update=update-ca-trust
elif command -v update-ca-certificates >/dev/null && [ -d /usr/local/share ] && [ -w /usr/local/share ]; then
  store=/usr/local/share/ca-certificates suffix=crt update=update-ca-certificates
elif command -v update-ca-certificates >/dev/null; then
  # Flatcar: /usr is read-only.
  store=/etc/ssl/certs suffix=pem update=update-ca-certificates
else
  echo "this node has neither update-ca-certificates nor update-ca-trust: install ca-certificates" >&2
  exit 1
fi
mkdir -p "$store"
# The second: links of update-ca-certificates, which it leaves behind.
rm -f "$store"/plumbline-site-*."$suffix" /etc/ssl/certs/plumbline-site-*.pem
if [ "$1" = add ]; then
  for file in "$2"/*.crt; do
    [ -e "$file" ] || continue
    name=${file##*/}
    cp "$file" "$store/plumbline-site-${name%.crt}.$suffix"
  done
fi
$update >/dev/null
