# Succeeds if enough of these members are healthy for quorum, and are the members of the plan: same names, same peer URLs.
# Variables: members (`name=client-url=peer-url`, separated by spaces), total, quorum, called.
healthy=0 expired=0 silent= list=
for member in $members; do
  url=${member#*=} url=${url%%=*}
  if etcd_get "$url/health" && case "$answer" in *'"health":"true"'*) ;; *) false ;; esac; then
    healthy=$((healthy + 1))
    [ -n "$list" ] || { etcd_get "$url/v3/cluster/member/list" '{"linearizable":true}' && list=$(etcd_members "$answer"); } || :
  elif etcd_expired || { ! etcd_get "${member##*=}/version" && etcd_expired; }; then
    expired=$((expired + 1))
    echo "etcd: a certificate of ${member%%=*} or of this node's health client has expired; it counts as running"
  else
    silent="$silent ${member%%=*}"
  fi
done
[ $((healthy + expired)) -ge "$quorum" ] || {
  echo "etcd: no answer from$silent ($called); $quorum of $total members must be healthy"
  exit 1
}
[ -n "$list" ] || exit 0
for member in $members; do
  name=${member%%=*} planned=${member##*=}
  listed=$(printf '%s\n' "$list" | awk -v name="$name" '$1 == name { print $2 }')
  [ -z "$listed" ] || [ "$listed" = "$planned" ] || {
    echo "etcd: the members have the peer URL $listed for $name, the plan has $planned: bring $name in line first"
    exit 1
  }
done
