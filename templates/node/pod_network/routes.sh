#!/bin/sh
# plumbline-routes ROUTES NFTABLES
#
# Has packets forwarded, and adds a route to the pods of each other node. A line of ROUTES is a node's podCIDR and its address. These routes have their
# own protocol number; those that are no longer listed are deleted, the others are not interrupted. One process sets all of
# them, since there are as many as nodes.
set -eu
protocol=112
command -v nft >/dev/null || { echo "nft is missing on this node: install nftables, then run pulumi up again" >&2; exit 1; }
forward=/proc/sys/net/ipv4/ip_forward
# Written only if needed: a write resets settings of each interface.
[ "$(cat "$forward")" = 1 ] || echo 1 >"$forward"
nft --file "$2"
found=$(ip -4 route show proto "$protocol")
commands=$(
  printf '%s\n' "$found" | awk -v protocol="$protocol" '
    FILENAME != "-" { listed[$1]; print "route replace " $1 " via " $2 " proto " protocol; next }
    NF && !($1 in listed) { print "route del " $1 " proto " protocol }' "$1" -
)
said=$(printf '%s\n' "$commands" | ip -batch - 2>&1) || {
  # Its last line is `Command failed -:NUMBER`.
  printf '%s\nip %s: failed\n' "$said" "$(printf '%s\n' "$commands" | sed -n "${said##*:}p")" >&2
  exit 1
}
