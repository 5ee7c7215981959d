# Prints the node's current state: a line for each fact, tabbed. status/read.py sets the variables.
tab=$(printf '\t')
# The folder of programs is another on some systems: the unit knows it.
kubelet=$(systemctl show --property ExecStart kubelet.service | sed -n 's/.*path=\([^ ;]*\).*/\1/p')
printf 'version\t%s\n' "$("$kubelet" --version 2>/dev/null)"
systemctl show --property ActiveState,ActiveEnterTimestamp kubelet.service | tr = '\t'

# The kubelet's own identity may read its own node.
server=$(sed -n 's/.*server: //p' "$kubeconfig" 2>/dev/null)
if [ -n "$server" ]; then
  said=$(curl --silent --connect-timeout 4 --max-time 15 --cacert "$ca" --cert "$client_certificate" --key "$client_key" \
    "$server/api/v1/nodes/$name")
  printf 'ready\t%s\n' "$(printf '%s' "$said" | tr -d ' \n' | sed -n 's/.*"type":"Ready","status":"\([A-Za-z]*\)".*/\1/p')"
fi

if [ -e "$manifests/kube-apiserver.yaml" ]; then
  for probe in $probes; do
    curl --silent --insecure --fail --max-time 5 --output /dev/null "${probe#*=}" && said=serves || said=silent
    printf '%s\t%s\n' "$said" "${probe%%=*}"
  done
fi

if [ -e "$etcd_unit" ]; then
  curl --silent --max-time 5 "$etcd_metrics/metrics" | sed -n \
    "s/^etcd_server_is_leader /leads$tab/p; s/^etcd_debugging_mvcc_current_revision /revision$tab/p"
fi

for certificate in "$client_certificate" "$serving_certificate"; do
  [ ! -r "$certificate" ] || printf 'certificate\t%s\n' "$(base64 -w0 <"$certificate")"
done
