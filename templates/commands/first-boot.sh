# Waits until the machine has finished its first boot and has all that later steps need; prints its system as JSON.
set -eu
fail() { echo "$node: $1" >&2; exit 1; }

# "degraded" means that some unit failed: the machine has booted all the same.
state=$(timeout 300 systemctl is-system-running --wait) || true
case "$state" in
running | degraded) ;;
*) fail "the first boot has not finished within 300 s (systemd says '$state'): see the console and 'systemctl list-jobs', then run pulumi up again" ;;
esac

command -v curl >/dev/null || fail "curl is missing: install it, then run pulumi up again"

. /etc/os-release
printf '{"os": "%s", "kernel": "%s", "architecture": "%s"}\n' "$PRETTY_NAME" "$(uname -r)" "$(uname -m)"
