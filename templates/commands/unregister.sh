# Drains the node, for at most a minute and only while another node is schedulable, and deletes it from the API.
kubectl get node "$name" --output name >/dev/null 2>&1 || exit 0
kubectl cordon "$name"
end=$(($(cut -d. -f1 /proc/uptime) + 60))
while [ "$(cut -d. -f1 /proc/uptime)" -lt "$end" ] && [ -n "$(kubectl get nodes --field-selector spec.unschedulable=false --output name)" ]; do
  if kubectl drain "$name" --ignore-daemonsets --delete-emptydir-data --force --timeout 8s; then break; fi
done
kubectl delete node "$name" --ignore-not-found
