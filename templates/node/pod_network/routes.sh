#!/bin/sh
# plumbline-routes ROUTES NFTABLES
#
# Has packets forwarded, and adds a route to the pods of each other node. A line of ROUTES is a node's podCIDR and its address. These routes have their
# own protocol number; those that are no longer listed are deleted, the others are not interrupted.
set -eu
protocol=112
command -v nft >/dev/null || { echo "nft is missing on this node: install nftables, then run pulumi up again" >&2; exit 1; }
forward=/proc/sys/net/ipv4/ip_forward
# Written only if needed: a write resets settings of each interface.
[ "$(cat "$forward")" = 1 ] || echo 1 >"$forward"
nft --file "$2"
while read -r cidr address; do
  ip route replace "$cidr" via "$address" proto "$protocol"
done <"$1"
ip -4 route show proto "$protocol" | while read -r cidr _; do
  grep -q "^$cidr " "$1" || ip route del "$cidr" proto "$protocol"
done
