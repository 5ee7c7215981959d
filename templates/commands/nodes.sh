# Waits until every node of the plan has registered and is Ready, labels it by its role, prints name, version and readiness.
for one in $nodes; do
  name=${one%%=*} role=${one#*=}
  again 300 kubectl get node "$name" --output name >/dev/null ||
    { echo "$name has not registered within 300 s: see 'journalctl -u kubelet.service' there, then run pulumi up again" >&2; exit 1; }
  # A kubelet may not give itself a role.
  kubectl label node "$name" "node-role.kubernetes.io/$role=" --overwrite >/dev/null
done
for one in $nodes; do
  name=${one%%=*}
  kubectl wait --for=condition=Ready "node/$name" --timeout 300s --request-timeout 310s >/dev/null ||
    { echo "$name is not Ready: $(kubectl get node "$name" --output 'jsonpath={.status.conditions[?(@.type=="Ready")].message}')" >&2; exit 1; }
done
kubectl get nodes --output \
  'jsonpath={range .items[*]}{.metadata.name}{" "}{.status.nodeInfo.kubeletVersion}{" "}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}'
