# Moves the node's pods elsewhere, for a minute at most and while there is a node that takes them, and takes it out of
# the cluster.
kubectl get node "$name" --output name >/dev/null 2>&1 || exit 0
kubectl cordon "$name"
end=$(($(date +%s) + 60))
while [ "$(date +%s)" -lt "$end" ] && [ -n "$(kubectl get nodes --field-selector spec.unschedulable=false --output name)" ]; do
  if kubectl drain "$name" --ignore-daemonsets --delete-emptydir-data --force --timeout 8s; then break; fi
done
kubectl delete node "$name" --ignore-not-found
