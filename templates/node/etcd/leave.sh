# Runs before a member is removed. The other members remove it from their list, so that quorum counts the remaining ones.
# Its data is moved aside, not deleted. If no other member serves, the whole cluster is removed and there is no list to change.
forget() { rm -f "$data/join.env" "$founded"; }
if [ ! -d "$data/member/wal" ]; then
  forget
  exit 0
fi
end=$(($(date +%s) + 90))
while known=$(serving) && [ -n "$known" ]; do
  if listed=$(ask member list 2>&1); then
    set -- $(find_self "$listed")
    [ $# -gt 0 ] || break
    output=$(ask member remove "$1" 2>&1) && break
  else
    output=$listed
  fi
  again "the other members do not remove $name"
done
systemctl stop etcd.service
forget
mv "$data/member" "$data/left-$(date -u +%Y%m%dT%H%M%SZ)"
