# Checks the kubelet process as the series did, and that it calls itself healthy; prints version and state as JSON.
set -eu
fail() { echo "$node: $1" >&2; exit 1; }

state=$(systemctl is-active kubelet.service) || true
[ "$state" = active ] || fail "kubelet.service is '$state': see 'journalctl -u kubelet.service' there, then run pulumi up again"

pid=$(systemctl show --property MainPID --value kubelet.service)
arguments=$(tr '\0' '\n' <"/proc/$pid/cmdline")
kubelet=$(printf '%s\n' "$arguments" | head -n 1)
for wanted in --config= --kubeconfig= --node-ip=; do
  case "$arguments" in *"$wanted"*) ;; *) fail "process $pid of kubelet.service runs without $wanted" ;; esac
done

health=$(curl --silent --show-error --max-time 10 http://127.0.0.1:10248/healthz) || fail "the kubelet's /healthz does not answer"
[ "$health" = ok ] || fail "the kubelet's /healthz says '$health'"

version=$("$kubelet" --version)
printf '{"version": "%s", "state": "%s"}\n' "${version#Kubernetes }" "$state"
