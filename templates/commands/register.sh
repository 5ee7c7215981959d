# Waits until the node has registered and is Ready with the planned version of the kubelet, and sets its role label; prints
# the version. A kubelet may not set a role label on its own node.
again 300 kubectl label node "$name" "node-role.kubernetes.io/$role=" --overwrite >/dev/null ||
  { echo "$name has not registered within 300 s: see 'journalctl -u kubelet.service' on it, then run pulumi up again" >&2; exit 1; }
found=$(kubectl wait --for=condition=Ready "node/$name" --timeout 300s --request-timeout 310s \
  --output 'jsonpath={.status.nodeInfo.kubeletVersion}') || {
  reason=$(kubectl get node "$name" --output 'jsonpath={.status.conditions[?(@.type=="Ready")].message}')
  echo "$name is not Ready: ${reason:-the API gives no reason}. Fix that, then run pulumi up again" >&2
  exit 1
}
# After an update of the kubelet the API shows the former version for a moment. Starting kubectl takes seconds on an emulated
# machine, so it waits only if it must.
[ "$found" = "$version" ] ||
  kubectl wait --for="jsonpath={.status.nodeInfo.kubeletVersion}=$version" "node/$name" --timeout 120s --request-timeout 130s \
    >/dev/null || {
  found=$(kubectl get node "$name" --output 'jsonpath={.status.nodeInfo.kubeletVersion}')
  echo "$name runs kubelet ${found:-of an unknown version} after 120 s, the plan has $version: see 'journalctl -u kubelet.service' on it," \
    "then run pulumi up again" >&2
  exit 1
}
printf '%s' "$version"
