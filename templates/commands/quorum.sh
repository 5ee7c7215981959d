# Waits until every etcd member is healthy, then prints the members' status as etcdctl's JSON.
set -eu
end=$(($(cut -d. -f1 /proc/uptime) + 120))
until output=$($client endpoint health 2>&1); do
  [ "$(cut -d. -f1 /proc/uptime)" -lt "$end" ] || {
    echo "etcd: not every member is healthy after 120 s: $(printf %s "$output" | tail -n 3)" >&2
    echo "see 'journalctl -u etcd.service' on those members, then run pulumi up again" >&2
    exit 1
  }
  sleep 1
done
$client endpoint status --write-out json
