# How every script here speaks to the API: as the identity on standard input, which stays in memory and ends with the script.
set -eu
if [ "$(id -u)" != 0 ]; then as_root="sudo -n"; else as_root=; fi
umask 077
identity=$(mktemp -d /dev/shm/plumbline.XXXXXX)
trap 'rm -rf "$identity"' EXIT
cat >"$identity/config"
kubectl() { $as_root "$kubectl" --kubeconfig "$identity/config" --request-timeout 30s "$@"; }

# again SECONDS COMMAND...: until it succeeds; then says why not
again() {
  end=$(($(date +%s) + $1))
  shift
  until said=$("$@" 2>&1); do
    [ "$(date +%s)" -lt "$end" ] || {
      printf '%s\n' "$said" | tail -n 5 >&2
      return 1
    }
    sleep 2
  done
  [ -z "$said" ] || printf '%s\n' "$said"
}
