# Runs before a member is removed. The other members remove it from their list, if its membership step has not done so already.
# Its data is moved aside, not deleted. If no other member serves, the whole cluster is removed and there is no list to change.
forget() { rm -f "$data/join.env" "$founded"; }
if [ ! -d "$data/member/wal" ]; then
  forget
  exit 0
fi
leave_list
systemctl stop etcd.service
forget
mv "$data/member" "$data/left-$(date -u +%Y%m%dT%H%M%SZ)"
