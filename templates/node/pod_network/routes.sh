#!/bin/sh
# plumbline-routes ROUTES NFTABLES
#
# Makes the node route to the pods of other nodes: a line of ROUTES is a share of the pod network and its node's address.
# Routes of ours are known by their protocol's number; those no longer listed go, the others are not interrupted.
set -eu
protocol=112
command -v nft >/dev/null || { echo "there is no nft on this node: install nftables" >&2; exit 1; }
nft --file "$2"
while read -r share address; do
  ip route replace "$share" via "$address" proto "$protocol"
done <"$1"
ip -4 route show proto "$protocol" | while read -r share _; do
  grep -q "^$share " "$1" || ip route del "$share" proto "$protocol"
done
