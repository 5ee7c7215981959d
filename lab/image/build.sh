#!/bin/sh
# build.sh FOLDER: a Debian 13 system that Ignition configures on its first boot, as base.qcow2, vmlinuz and initrd.
#
# Debian's ignition package is the CoreOS one; what it takes from a CoreOS system is made up for here: a root file
# system labelled `root`, SELinux said to be off, an authorized_keys folder that sshd reads. No container runtime, no
# kubelet: those come from the mirror, pinned. No SSH host keys: those come from Ignition, so that they can be pinned.
set -eu
out=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "$out/work.XXXXXX")
trap 'rm -rf "$work"' EXIT

packages=systemd,systemd-sysv,systemd-resolved,dbus,udev,kmod,util-linux,procps,iproute2,iptables,nftables,conntrack,\
socat,ethtool,openssh-server,sudo,curl,openssl,ca-certificates,libseccomp2,zstd,linux-image-cloud-amd64,ignition,dracut,dracut-network

mmdebstrap --quiet --variant=minbase --include="$packages" \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  --setup-hook='mkdir -p "$1/etc/dracut.conf.d"' \
  --setup-hook="cp '$here/dracut.conf' \"\$1/etc/dracut.conf.d/plumbline.conf\"" \
  --customize-hook='mkdir -p "$1/etc/selinux" "$1/etc/ssh/sshd_config.d"' \
  --customize-hook='printf "SELINUX=disabled\nSELINUXTYPE=targeted\n" >"$1/etc/selinux/config"' \
  --customize-hook='ln -sf /bin/true "$1/usr/sbin/setfiles"' \
  --customize-hook='echo "AuthorizedKeysFile .ssh/authorized_keys .ssh/authorized_keys.d/ignition" >"$1/etc/ssh/sshd_config.d/10-ignition.conf"' \
  --customize-hook='chroot "$1" sh -c "dracut --force --no-hostonly /boot/initrd.img-\$(ls /lib/modules) \$(ls /lib/modules)"' \
  --customize-hook='chroot "$1" systemctl --quiet enable systemd-networkd systemd-resolved ssh' \
  --customize-hook='chroot "$1" systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer getty@tty1.service systemd-networkd-wait-online.service' \
  --customize-hook='rm -f "$1"/etc/ssh/ssh_host_* "$1/etc/hostname" "$1/etc/machine-id"; touch "$1/etc/machine-id"' \
  trixie "$work/root.tar"

mkdir "$work/root"
tar -xf "$work/root.tar" -C "$work/root"
rm "$work/root.tar"
cp "$work"/root/boot/vmlinuz-* "$out/vmlinuz"
cp "$work"/root/boot/initrd.img-* "$out/initrd"
chmod 0644 "$out/vmlinuz" "$out/initrd"
truncate -s 4G "$work/base.raw"
mkfs.ext4 -q -F -L root -d "$work/root" "$work/base.raw"
qemu-img convert -O qcow2 "$work/base.raw" "$out/base.qcow2"
