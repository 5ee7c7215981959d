# Shared by health.sh and member.sh: etcd's HTTP gateway, asked with the local health client's certificate. Variables: ca,
# certificate, key.

# etcd_get URL [DATA]: prints the answer; posts DATA if it is given. What went wrong is in $problem.
etcd_get() {
  problem=
  answer=$(curl --silent --show-error --noproxy '*' --connect-timeout 3 --max-time 5 --cacert "$ca" --cert "$certificate" \
    --key "$key" ${2:+--data "$2"} "$1" 2>&1) || { problem=$answer answer=; return 1; }
}

# An expired certificate, the member's or the local client's, is told by the TLS handshake: the member itself is not down.
# The change that renews certificates must not wait for a check that needs them.
etcd_expired() {
  case "$problem" in *expired* | *"not yet valid"*) return 0 ;; *) return 1 ;; esac
}

# etcd_members JSON: prints `<name> <first peer URL>` for each member; the name of one that has not started is `-`.
etcd_members() {
  printf '%s\n' "$1" | tr '{' '\n' | sed -n \
    -e 's/.*"name":"\([^"]*\)","peerURLs":\["\([^"]*\)".*/\1 \2/p' -e 's/^"ID":"[0-9]*","peerURLs":\["\([^"]*\)".*/- \1/p'
}
