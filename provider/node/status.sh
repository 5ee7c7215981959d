# Prints what a node is now: a line for each fact, tabbed. `name` is the node's.
tab=$(printf '\t')
kubernetes=/etc/kubernetes
printf 'version\t%s\n' "$(/opt/bin/kubelet --version 2>/dev/null)"
systemctl show --property ActiveState,ActiveEnterTimestamp kubelet.service | tr = '\t'

# The kubelet's own identity may read its own node.
server=$(sed -n 's/.*server: //p' $kubernetes/kubelet.conf 2>/dev/null)
if [ -n "$server" ]; then
  said=$(curl --silent --connect-timeout 4 --max-time 15 --cacert $kubernetes/pki/ca.crt \
    --cert $kubernetes/pki/kubelet-client.crt --key $kubernetes/pki/kubelet-client.key "$server/api/v1/nodes/$name")
  printf 'ready\t%s\n' "$(printf '%s' "$said" | tr -d ' \n' | sed -n 's/.*"type":"Ready","status":"\([A-Za-z]*\)".*/\1/p')"
fi

if [ -e $kubernetes/manifests/kube-apiserver.yaml ]; then
  for one in kube-apiserver:6443/readyz kube-controller-manager:10257/healthz kube-scheduler:10259/readyz; do
    url=https://127.0.0.1:${one#*:}
    curl --silent --insecure --fail --max-time 5 --output /dev/null "$url" && said=serves || said=silent
    printf '%s\t%s\n' "$said" "${one%%:*}"
  done
fi

if [ -e /etc/systemd/system/etcd.service ]; then
  curl --silent --max-time 5 http://127.0.0.1:2381/metrics | sed -n \
    "s/^etcd_server_is_leader /leads$tab/p; s/^etcd_debugging_mvcc_current_revision /revision$tab/p"
fi

for certificate in $kubernetes/pki/kubelet-client.crt $kubernetes/pki/kubelet.crt; do
  [ ! -r "$certificate" ] || printf 'certificate\t%s\n' "$(base64 -w0 <"$certificate")"
done
