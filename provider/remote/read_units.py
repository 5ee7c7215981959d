"""Reads units: their state in systemd's words, the links that enable them, drop-ins, and what they were started with."""

from __future__ import annotations

READ = r"""
unit_properties=Id,LoadState,ActiveState,SubState,UnitFileState,FragmentPath,DropInPaths,NeedDaemonReload,NRestarts,InvocationID
unit_properties=$unit_properties,InactiveExitTimestampMonotonic,ExecMainStartTimestampMonotonic

# report_units NAME...: the properties of each in the words of systemd, an empty line between two units, in this order;
# then links and drop-ins below /etc and /run
report_units() {
  systemctl show --property "$unit_properties" "$@" | sed 's/^/unit\t/'
  find /etc/systemd/system /run/systemd/system /etc/systemd/system.control /run/systemd/system.control -maxdepth 2 \
    \( -type l -printf 'unitlink\t%p\t%l\n' \) , \( -path '*.d/*.conf' -printf 'dropin\t%p\n' \) 2>/dev/null || true
}

# report_notes: owner marks, the stacks of components, and the files that units were started with
report_notes() {
  set --
  for one in "$home"/owned/*; do [ ! -f "$one" ] || { set -- "$@" "$one"; printf 'marked\t%s\n' "${one##*/}"; }; done
  for one in "$home"/stacks/* "$home"/started/*; do [ ! -f "$one" ] || set -- "$@" "$one"; done
  [ $# = 0 ] || awk -v OFS='\t' '
    { parts = split(FILENAME, part, "/"); name = part[parts] }
    part[parts - 1] == "owned" { print "owned", name, $0; next }
    part[parts - 1] == "stacks" { print "stack", name, $0; next }
    FNR == 1 { print "started", name, $0; next }
    { print "startsum", name, substr($0, 1, 64), substr($0, 67) }' "$@"
}

# report_marked UNITS COMPONENT...: of what these components own, that which nobody asked about: UNITS, between blanks, and the
# paths so far are what was asked. Its paths are added to the report.
report_marked() {
  asked=" $1 "
  shift
  for component; do
    shift
    [ ! -s "$home/owned/$component" ] || set -- "$@" "$home/owned/$component"
  done
  [ $# != 0 ] || return 0
  awk -v OFS='\t' 'FILENAME == ARGV[1] { asked[$0]; next }
    !($0 in asked) { parts = split(FILENAME, part, "/"); print part[parts], $0 }' "$work/paths" "$@" >"$work/marked"
  while IFS="$tab" read -r component one; do
    case $one in
      /*)
        printf '%s\n' "$one" >>"$work/paths"
        ! grep -qxF -- "$one" "$home/whole/$component" 2>/dev/null || printf 'whole\t%s\t%s\n' "$component" "$one" ;;
      *) case $asked in *" $one "*) ;; *) report_left "$one" ;; esac ;;
    esac
  done <"$work/marked"
}

# report_left UNIT
report_left() {
  printf 'left\t%s\t%s\t%s\n' "$1" "$(systemctl is-active "$1" 2>/dev/null || true)" \
    "$(systemctl is-enabled "$1" 2>/dev/null || true)"
}

# report_node: identity, clock, seconds since boot, and the file that tells that a reboot is required: of Debian and bootc, SUSE,
# rpm-ostree, Flatcar
report_node() {
  machine=
  [ ! -r /etc/machine-id ] || IFS= read -r machine </etc/machine-id || true
  read -r up _ </proc/uptime
  reboot=
  for mark in /run/reboot-required /run/reboot-needed /run/ostree/staged-deployment /run/update_engine_autoupdate_completed; do
    [ ! -e "$mark" ] || reboot=$mark
  done
  printf 'node\t%s\t%s\t%s\t%s\n' "$machine" "$(date +%s)" "$up" "$reboot"
}

# run_probe NUMBER COMPONENT NAME SECONDS COMMAND EXPECTED [FACTOR]: FACTOR is by how much longer it may take
run_probe() {
  status=0
  timeout -k 1 "$(($4 * ${7:-1}))" sh -c "$5" >"$work/probe.$1" 2>"$work/errors.$1" </dev/null || status=$?
  [ "$status" = 0 ] || cat "$work/errors.$1" >>"$work/probe.$1"
  printf 'probe\t%s\t%s\t%s\t%s\n' "$2" "$3" "$status" "$(head -c 65536 "$work/probe.$1" | base64 -w0)" >"$work/probed.$1"
  [ "$status" = 0 ] && [ "$(cat "$work/probe.$1")" = "$6" ] || : >"$work/unexpected.$1"
}

# run_new_probe: of a component that the stack is about to create. If it owns nothing on this node, nobody answers: to ask, and to
# ask again, would take seconds for each probe.
run_new_probe() {
  if [ -s "$home/owned/$2" ]; then
    run_probe "$@"
  else
    printf 'probe\t%s\t%s\t0\t%s\n' "$2" "$3" "$(printf 'not ready: it is not on this node yet' | base64 -w0)" >"$work/probed.$1"
  fi
}

# start_probes NUMBER: the functions probe_1 to probe_NUMBER all run at the same time, beside the other reads
start_probes() {
  probes=$1 probe=0
  while [ "$probe" -lt "$probes" ]; do
    probe=$((probe + 1))
    "probe_$probe" &
  done
}

# report_probes: those with another answer than expected, or none, are asked again first, one after another. A node that is
# slow while everything is read at once is not one whose etcd must be restarted.
report_probes() {
  [ "$probes" -gt 0 ] || return 0
  wait
  read -r now _ </proc/uptime
  end=$((${now%.*} + 60)) probe=0
  while [ "$probe" -lt "$probes" ]; do
    probe=$((probe + 1))
    [ -e "$work/unexpected.$probe" ] || continue
    read -r now _ </proc/uptime
    [ "${now%.*}" -lt "$end" ] || break
    "probe_$probe" 2
  done
  cat "$work"/probed.*
}
"""
