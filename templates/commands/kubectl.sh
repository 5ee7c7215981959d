# Shared by the scripts that use the API: kubectl with the kubeconfig from standard input, which is kept in memory only and
# removed when the script ends.
set -eu
umask 077
identity=$(mktemp -d /dev/shm/plumbline.XXXXXX)
trap 'rm -rf "$identity"' EXIT
cat >"$identity/config"
kubectl() { "$kubectl" --kubeconfig "$identity/config" --request-timeout 30s "$@"; }

# again SECONDS COMMAND...: repeats the command until it succeeds; prints its last output if the time is over
again() {
  end=$(($(cut -d. -f1 /proc/uptime) + $1))
  shift
  until output=$("$@" 2>&1); do
    [ "$(cut -d. -f1 /proc/uptime)" -lt "$end" ] || {
      printf '%s\n' "$output" | tail -n 5 >&2
      return 1
    }
    sleep 2
  done
  [ -z "$output" ] || printf '%s\n' "$output"
}
