# Waits until every member of etcd is healthy, then prints what each says of itself, as etcdctl's JSON.
set -eu
# The keys that etcd asks for are root's.
[ "$(id -u)" = 0 ] || client="sudo -n $client"
end=$(($(date +%s) + 120))
until said=$($client endpoint health 2>&1); do
  [ "$(date +%s)" -lt "$end" ] || {
    echo "etcd: not every member is healthy after 120 s: $(printf %s "$said" | tail -n 3)" >&2
    echo "see 'journalctl -u etcd.service' on those members, then run pulumi up again" >&2
    exit 1
  }
  sleep 1
done
$client endpoint status --write-out json
