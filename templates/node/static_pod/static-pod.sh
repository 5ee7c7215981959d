#!/bin/sh
# plumbline-static-pod CONTAINER MANIFEST FILE...
# plumbline-static-pod end CONTAINER MANIFEST
#
# Returns once a container of a static pod runs that is younger than its manifest and the other files, which it reads
# at its start only. The kubelet itself replaces the pod after a change of the manifest; for any other file the container
# is ended here, and the kubelet starts it anew.
#
# With `end`, takes the manifest away and returns once the container is gone: without a kubelet it would run for ever.
set -eu
PATH=/opt/bin:$PATH
ending=
if [ "$1" = end ]; then
  ending=1
  shift
fi
name=$1 manifest=$2
shift
limit=600 patience=90

# Without its warnings; that it fails shows in what it does not find.
ctr() { command ctr --namespace k8s.io "$@" 2>/dev/null; }

# The running container's id and process, nothing where there is none.
running() {
  for id in $(ctr containers list --quiet "labels.\"io.kubernetes.container.name\"==$name"); do
    ctr tasks list | awk -v id="$id" '$1 == id && $3 == "RUNNING" { print $1, $2 }'
  done | head -n 1
}

# When a process began, in seconds since the epoch.
began() {
  awk -v now="$(date +%s.%N)" '
    FILENAME == "/proc/uptime" { up = $1; next }
    { sub(/.*\) /, ""); printf "%.3f\n", now - up + $20 / 100 }' /proc/uptime "/proc/$1/stat" 2>/dev/null
}

# Whether the second time is later than the first.
later() { awk -v one="$1" -v other="$2" 'BEGIN { exit !(other > one) }'; }

if [ "$ending" ]; then
  rm -f -- "$manifest"
  end=$(($(date +%s) + patience))
  while found=$(running) && [ -n "$found" ]; do
    if [ "$(date +%s)" -ge "$end" ] || ! systemctl --quiet is-active kubelet.service; then
      ctr tasks kill --signal SIGKILL "${found% *}" || true
    fi
    sleep 1
  done
  exit 0
fi

end=$(($(date +%s) + limit))
impatient=$(($(date +%s) + patience))
ended=
while :; do
  begun=$(date +%s)
  newest=$(stat -c %.3Z "$@" | sort -n | tail -n 1)
  set_up=$(stat -c %.3Z "$manifest")
  found=$(running)
  since=
  [ -z "$found" ] || since=$(began "${found#* }") || since=
  if [ -n "$since" ]; then
    if later "$newest" "$since"; then
      exit 0
    elif later "$set_up" "$since" || [ "$(date +%s)" -ge "$impatient" ]; then
      if [ "$ended" != "$found" ]; then
        echo "ending $name: it began before its files changed"
        ctr tasks kill --signal SIGTERM "${found% *}" || true
        ended=$found
      fi
    fi
  fi
  now=$(date +%s)
  [ "$now" -lt "$end" ] || break
  # Where looking takes seconds, as on an emulated machine, looking all the time would hold up what is looked for.
  sleep $((1 + 3 * (now - begun)))
done
echo "$name does not run: see 'journalctl -u kubelet.service' and /var/log/pods on this node" >&2
exit 1
