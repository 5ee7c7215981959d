# Waits until every member of etcd is healthy, then prints what each says of itself, as etcdctl's JSON.
set -eu
end=$(($(date +%s) + 120))
until said=$(eval "$client endpoint health" 2>&1); do
  [ "$(date +%s)" -lt "$end" ] || {
    echo "etcd: not every member is healthy after 120 s: $(printf %s "$said" | tail -n 3)" >&2
    echo "see 'journalctl -u etcd.service' on those members, then run pulumi up again" >&2
    exit 1
  }
  sleep 1
done
eval "$client endpoint status --write-out json"
