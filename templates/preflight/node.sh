# Looks at one host before anything is written to it; changes nothing. Run as root. Prints tabbed lines:
#   check STATUS NAME FOUND NEEDED REMEDY   STATUS is ok, warn or fail
#   fact NAME VALUE                         compared between the nodes
#   dial NODE PORT open|refused|silent      from this host to another
# Variables: architectures, cgroup (2, or empty: any), tools, units_tools, resolver, folders, programs, disk (`path=MiB` each), memory
# (MiB), ports, swap (off, or empty: any), sync (ms, or empty: no etcd), etcd_data, address, api, peers (`name=address:port,port`).
LC_ALL=C
export LC_ALL
check() { printf 'check\t%s\t%s\t%s\t%s\t%s\n' "$@"; }
have() { command -v "$1" >/dev/null 2>&1; }
existing() { # the nearest folder above that exists
  path=$1
  until [ -d "$path" ]; do path=${path%/*} path=${path:-/}; done
  printf %s "$path"
}

# Each dial takes up to 2 s: all at once, collected at the end. Open and refused both say that no firewall drops it.
dial() {
  said=$(curl --verbose --silent --noproxy '*' --connect-timeout 2 --max-time 2 --output /dev/null --write-out 'time=%{time_connect}' \
    "http://$2:$3/" 2>&1)
  case "$said" in
  *time=0.000000*) case "$said" in *[Rr]efused*) result=refused ;; *) result=silent ;; esac ;;
  *) result=open ;;
  esac
  printf 'dial\t%s\t%s\t%s\n' "$1" "$3" "$result"
}
if have curl; then
  for peer in $peers; do
    target=${peer#*=}
    for port in $(printf %s "${target#*:}" | tr , ' '); do dial "${peer%%=*}" "${target%%:*}" "$port" & done
  done
fi

# A host that already has units of the program has its ports and services in use.
fresh=yes
for unit in kubelet etcd containerd; do
  grep -qs "$programs/" "/etc/systemd/system/$unit.service" && fresh=no
done
printf 'fact\tfresh\t%s\n' "$fresh"
printf 'fact\tclock\t%s\n' "$(date +%s)"
printf 'fact\tmachine\t%s\n' "$(cat /etc/machine-id 2>/dev/null)"

machine=$(uname -m)
case " $architectures " in
*" $machine "*) check ok architecture "$machine" "$architectures" "" ;;
*) check fail architecture "$machine" "$architectures" "use a host of that architecture, or a mirror with binaries and images for $machine" ;;
esac

state=$(systemctl is-system-running 2>/dev/null) || true
case "$state" in
running | degraded) check ok systemd "$state" running "" ;;
"") check fail systemd none "systemd as PID 1" "use a host that boots with systemd" ;;
*) check fail systemd "$state" running "wait until the boot has finished: systemctl list-jobs" ;;
esac

mounted=$(stat -fc %T /sys/fs/cgroup 2>/dev/null) || mounted=none
[ "$mounted" = cgroup2fs ] && version=2 || version=1
if [ -n "$cgroup" ] && [ "$version" != "$cgroup" ]; then
  check fail cgroup "v$version" "v$cgroup" "boot with systemd.unified_cgroup_hierarchy=1, or set kubelet.failCgroupV1: false"
else
  check ok cgroup "v$version" "${cgroup:+v}${cgroup:-any}" ""
fi

missing=
for tool in $tools; do have "$tool" || missing="$missing $tool"; done
if [ -n "$missing" ]; then
  check fail tools "without$missing" "$(echo $tools | wc -w) commands" "install$missing"
else
  check ok tools "all" "$(echo $tools | wc -w) commands" ""
fi

if [ -n "$resolver" ] && [ ! -r "$resolver" ]; then
  check fail resolver "no $resolver" "$resolver" "enable systemd-resolved, or set kubelet.resolvConf to the host's resolver file"
else
  check ok resolver "${resolver:-not used}" "${resolver:-any}" ""
fi

for folder in $folders; do
  at=$(existing "$folder")
  options=$(awk -v at="$at" '
    index(at "/", $2 == "/" ? "/" : $2 "/") == 1 && length($2) >= length(best) { best = $2; options = $4 } END { print options }' /proc/mounts)
  if [ ! -w "$at" ]; then
    check fail writable "$at is read-only" "$folder" "mount $at read-write"
  elif [ "$folder" = "$programs" ] && case ",$options," in *,noexec,*) true ;; *) false ;; esac; then
    check fail writable "$at is noexec" "$folder" "mount $at without noexec: programs are installed there"
  else
    check ok writable "$at" "$folder" ""
  fi
done

for one in $disk; do
  at=$(existing "${one%%=*}") free=$(df -Pm "$(existing "${one%%=*}")" 2>/dev/null | awk 'NR == 2 { print $4 }')
  if [ "$fresh" = yes ] && [ "${free:-0}" -lt "${one#*=}" ]; then
    check fail disk "${free:-0} MiB free at $at" "${one#*=} MiB" "free space there, or mount a larger disk there"
  else
    check ok disk "${free:-?} MiB free at $at" "${one#*=} MiB" ""
  fi
done
total=$(awk '$1 == "MemTotal:" { print int($2 / 1024) }' /proc/meminfo)
[ "$total" -ge "$memory" ] && check ok memory "$total MiB" "$memory MiB" "" ||
  check fail memory "$total MiB" "$memory MiB" "use a host with more memory"

if [ -n "$swap" ] && [ "$(wc -l </proc/swaps)" -gt 1 ]; then
  check fail swap "on: $(awk 'NR > 1 { printf "%s%s", (NR > 2 ? ", " : ""), $1 }' /proc/swaps)" off \
    "swapoff -a and remove it from /etc/fstab, or set kubelet.failSwapOn: false"
else
  check ok swap "$([ "$(wc -l </proc/swaps)" -gt 1 ] && echo on || echo off)" "${swap:-any}" ""
fi

if [ "$fresh" = yes ]; then
  for port in $ports; do
    hex=$(printf '%04X' "$port")
    inode=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v hex=":$hex" '$4 == "0A" && index($2, hex) { print $10; exit }')
    [ -n "$inode" ] || continue
    owner=$(ls -l /proc/[0-9]*/fd 2>/dev/null | awk -v socket="socket:[$inode]" '
      /^\/proc/ { split($1, part, "/"); pid = part[3] } index($0, socket) { print pid; exit }')
    name=$(cat "/proc/${owner:-0}/comm" 2>/dev/null) || name="another network namespace's process"
    check fail port "$port is used by $name${owner:+ ($owner)}" "$port free" "stop $name, or move it to another port"
  done
  check ok ports "checked" "$(echo $ports | tr ' ' ,)" ""
  for service in docker crio k3s k3s-agent rke2-server rke2-agent snap.microk8s.daemon-kubelite k0scontroller k0sworker kubelet containerd etcd; do
    systemctl is-active --quiet "$service.service" 2>/dev/null || continue
    check fail services "$service.service runs" "not running" "systemctl disable --now $service.service: its ports, socket or unit are the program's"
  done
  for service in ufw firewalld; do
    systemctl is-active --quiet "$service.service" 2>/dev/null || continue
    check warn services "$service.service runs" "ports open, forwarding allowed" "allow the ports and the forwarding that the host requirements list, or systemctl disable --now $service.service"
  done
fi
if grep -rqsE '^[[:space:]]*manage_etc_hosts:[[:space:]]*(true|template|localhost)' /etc/cloud/cloud.cfg /etc/cloud/cloud.cfg.d; then
  check fail cloud-init "manage_etc_hosts is on" off "set manage_etc_hosts: false in /etc/cloud/cloud.cfg.d: it rewrites /etc/hosts at each boot"
else
  check ok cloud-init "manage_etc_hosts is off" off ""
fi

if [ -n "$sync" ]; then
  at=$(existing "$etcd_data")
  file=$(mktemp "$at/.plumbline-preflight.XXXXXX" 2>/dev/null) || file=
  begun=$(date +%s%N)
  # Twenty records, each synced as etcd does.
  if [ -n "$file" ] && dd if=/dev/zero of="$file" bs=2300 count=20 oflag=dsync 2>/dev/null; then
    took=$((($(date +%s%N) - begun) / 20000000))
    if [ "$took" -le "$sync" ]; then status=ok; elif [ "$fresh" = yes ]; then status=fail; else status=warn; fi
    check "$status" sync "$took ms per write at $at" "$sync ms" "give $etcd_data an SSD: etcd loses its leader on a slower disk"
  fi
  [ -z "$file" ] || rm -f "$file"
fi

interface=$(ip -o address show to "$address" 2>/dev/null | awk '{ print $2; exit }')
if [ -n "$interface" ]; then
  check ok address "$address on $interface" "$address" ""
  printf 'fact\tmtu\t%s\n' "$(cat "/sys/class/net/$interface/mtu" 2>/dev/null)"
elif have ip; then
  check fail address "none of its interfaces has $address" "$address" "set nodes.<name>.address to the host's own address, or give it that one"
fi

if [ "$(cat /sys/fs/selinux/enforce 2>/dev/null)" = 1 ]; then
  check warn selinux enforcing "permissive or disabled" "if a unit may not run its program, restorecon -R its folder; see the host requirements"
else
  check ok selinux "not enforcing" "permissive or disabled" ""
fi

# Lines of others for the API's name: the first one is dialled first.
foreign=$(awk -v api="$api" '
  /^# BEGIN plumbline/ { own = 1 } /^# END plumbline/ { own = 0 }
  own || /^[[:space:]]*#/ { next } { for (i = 2; i <= NF && $i !~ /^#/; i++) if ($i == api) { print $1; exit } }' /etc/hosts 2>/dev/null)
if [ -n "$foreign" ]; then
  check fail hosts "/etc/hosts has $api as $foreign" "no line of others for $api" "remove that line from /etc/hosts, or set kubernetes.internalEndpoint to another name"
else
  check ok hosts "no line of others for $api" "none" ""
fi
wait
