# Waits until the node has registered and is Ready, and labels it by its role; prints its version.
# A kubelet may not give itself a role.
again 300 kubectl label node "$name" "node-role.kubernetes.io/$role=" --overwrite >/dev/null ||
  { echo "$name has not registered within 300 s: see 'journalctl -u kubelet.service' there, then run pulumi up again" >&2; exit 1; }
kubectl wait --for=condition=Ready "node/$name" --timeout 300s --request-timeout 310s \
  --output 'jsonpath={.status.nodeInfo.kubeletVersion}' || {
  why=$(kubectl get node "$name" --output 'jsonpath={.status.conditions[?(@.type=="Ready")].message}')
  echo "$name is not Ready: ${why:-it says nothing}. Mend that, then run pulumi up again" >&2
  exit 1
}
