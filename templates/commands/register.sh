# Waits until the node has registered and is Ready with the kubelet of the plan, and labels it by its role; prints its
# version. The kubelet may not label its own node with a role.
again 300 kubectl label node "$name" "node-role.kubernetes.io/$role=" --overwrite >/dev/null ||
  { echo "$name has not registered within 300 s: see 'journalctl -u kubelet.service' there, then run pulumi up again" >&2; exit 1; }
kubectl wait --for=condition=Ready "node/$name" --timeout 300s --request-timeout 310s >/dev/null || {
  why=$(kubectl get node "$name" --output 'jsonpath={.status.conditions[?(@.type=="Ready")].message}')
  echo "$name is not Ready: ${why:-the API gives no reason}. Fix that, then run pulumi up again" >&2
  exit 1
}
# After a change of the kubelet the API shows the former version for a moment.
kubectl wait --for="jsonpath={.status.nodeInfo.kubeletVersion}=$version" "node/$name" --timeout 120s --request-timeout 130s \
  --output 'jsonpath={.status.nodeInfo.kubeletVersion}' || {
  found=$(kubectl get node "$name" --output 'jsonpath={.status.nodeInfo.kubeletVersion}')
  echo "$name runs kubelet ${found:-of an unknown version}, the plan has $version: see 'journalctl -u kubelet.service' there" >&2
  exit 1
}
