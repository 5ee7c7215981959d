#!/bin/sh
# Runs in the new system: configures what all VMs have in common.
set -eu

# Ignition expects SELinux of a CoreOS system: disable it, and label nothing.
mkdir -p /etc/selinux
printf 'SELINUX=disabled\nSELINUXTYPE=targeted\n' >/etc/selinux/config
ln -sf /bin/true /usr/sbin/setfiles

# Ignition writes a user's keys to its own file. All connections come from one address: sshd must not block it because
# an emulated VM was too slow for the first connections.
cat >/etc/ssh/sshd_config.d/10-plumbline.conf <<'CONF'
AuthorizedKeysFile .ssh/authorized_keys .ssh/authorized_keys.d/ignition
PasswordAuthentication no
PerSourcePenalties no
MaxStartups 100
CONF
rm -f /etc/ssh/ssh_host_*

systemctl --quiet enable systemd-networkd systemd-resolved ssh
# The configured disk may be larger than the image.
systemctl --quiet add-wants local-fs.target systemd-growfs-root.service
# These VMs have no console users and get no updates: a new image replaces them.
systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
  e2scrub_reap.service fstrim.timer getty@tty1.service serial-getty@ttyS0.service systemd-pstore.service \
  modprobe@drm.service modprobe@efi_pstore.service systemd-networkd-wait-online.service
mkdir -p /etc/systemd/system-generators
ln -s /dev/null /etc/systemd/system-generators/systemd-ssh-generator
# At boot, udev handles the devices of a virtual machine only, to save time.
mkdir -p /etc/systemd/system/systemd-udev-trigger.service.d
cat >/etc/systemd/system/systemd-udev-trigger.service.d/virtual.conf <<'CONF'
[Service]
ExecStart=
ExecStart=-udevadm trigger --action=add --subsystem-match=virtio --subsystem-match=net --subsystem-match=block --subsystem-match=input --subsystem-match=mem --subsystem-match=misc
CONF
# `virsh shutdown` presses the power button.
printf 'button\nevdev\n' >/etc/modules-load.d/power-button.conf
touch /etc/default/locale

# Each VM creates its own.
rm -f /etc/hostname
: >/etc/machine-id
# Mark as updated, so that systemd does not run the services for a changed /usr.
touch -d '1 hour' /etc/.updated /var/.updated
