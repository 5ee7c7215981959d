# Moves the node's pods elsewhere, for a minute at most, and takes it out of the cluster.
kubectl get node "$name" --output name >/dev/null 2>&1 || exit 0
kubectl drain "$name" --ignore-daemonsets --delete-emptydir-data --force --timeout 60s --request-timeout 70s ||
  echo "$name: not all pods have left within 60 s" >&2
kubectl delete node "$name" --ignore-not-found
