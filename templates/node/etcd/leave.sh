# Before a member goes for good: the others are told, so that they count a quorum of those that are left. Its data is
# set aside. Where no other member serves, the whole cluster goes, and nobody needs to be told.
forget() { rm -f "$data/join.env" "$founded"; }
if [ ! -d "$data/member/wal" ]; then
  forget
  exit 0
fi
end=$(($(date +%s) + 90))
while known=$(serving) && [ -n "$known" ]; do
  if listed=$(ask member list 2>&1); then
    set -- $(own "$listed")
    [ $# -gt 0 ] || break
    said=$(ask member remove "$1" 2>&1) && break
  else
    said=$listed
  fi
  again "the other members do not let $name go"
done
systemctl stop etcd.service
forget
mv "$data/member" "$data/left-$(date -u +%Y%m%dT%H%M%SZ)"
