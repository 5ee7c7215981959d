#!/bin/sh
# build.sh FOLDER: build a Debian 13 system that Ignition configures on its first boot: base.qcow2, vmlinuz and initrd.
#
# Debian's ignition package is CoreOS's. The image adds what it expects of a CoreOS system: a root file system with the
# label `root`, disabled SELinux, an authorized_keys folder that sshd reads. The image has no container runtime and no
# kubelet: nodes download pinned ones from the mirror. It has no SSH host keys: Ignition writes pinned ones.
set -eu
out=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "$out/work.XXXXXX")
trap 'rm -rf "$work"' EXIT

packages=systemd,systemd-sysv,systemd-resolved,dbus,udev,kmod,util-linux,procps,iproute2,iptables,nftables,conntrack,\
socat,ethtool,openssh-server,sudo,curl,openssl,ca-certificates,libseccomp2,linux-image-cloud-amd64,ignition,busybox-static

mmdebstrap --quiet --variant=minbase --include="$packages" \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/bash-completion/*' \
  --setup-hook="cp '$here/init' '$here/initrd.sh' '$here/customize.sh' \"\$1/\"" \
  --customize-hook='chroot "$1" sh /customize.sh' \
  --customize-hook='chroot "$1" sh /initrd.sh /init /initrd' \
  --customize-hook="copy-out /initrd '$work'" \
  --customize-hook="cp \"\$1\"/boot/vmlinuz-* '$work/vmlinuz'" \
  --customize-hook='rm -rf "$1"/init "$1"/initrd* "$1"/customize.sh "$1"/boot/*' \
  trixie "$work/root.tar"

mkdir "$work/root"
tar -xf "$work/root.tar" -C "$work/root"
rm "$work/root.tar"
chmod 0644 "$work/vmlinuz" "$work/initrd"
truncate -s 4G "$work/base.raw"
# Initialise completely now: otherwise each VM spends its first minutes on it.
mkfs.ext4 -q -F -L root -m 1 -E lazy_itable_init=0,lazy_journal_init=0,nodiscard -d "$work/root" "$work/base.raw"
qemu-img convert -O qcow2 "$work/base.raw" "$out/base.qcow2"
mv "$work/vmlinuz" "$work/initrd" "$out/"
