#!/bin/sh
# Runs inside the new system: settles what its machines have in common.
set -eu

# What Ignition expects of a CoreOS: SELinux that says of itself that it is off, nothing to label.
mkdir -p /etc/selinux
printf 'SELINUX=disabled\nSELINUXTYPE=targeted\n' >/etc/selinux/config
ln -sf /bin/true /usr/sbin/setfiles

# Ignition writes a user's keys to a file of its own. All connections come from the one machine that the VMs run on:
# it is not to be shut out because an emulated sshd was too slow for its first tries.
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
# Nobody sits at these machines, nothing updates them: another image replaces them.
systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
  e2scrub_reap.service fstrim.timer getty@tty1.service serial-getty@ttyS0.service systemd-pstore.service \
  modprobe@drm.service modprobe@efi_pstore.service systemd-networkd-wait-online.service
mkdir -p /etc/systemd/system-generators
ln -s /dev/null /etc/systemd/system-generators/systemd-ssh-generator
# udev at boot: the devices of a virtual machine, not every driver that its processor and chip set could have.
mkdir -p /etc/systemd/system/systemd-udev-trigger.service.d
cat >/etc/systemd/system/systemd-udev-trigger.service.d/virtual.conf <<'CONF'
[Service]
ExecStart=
ExecStart=-udevadm trigger --action=add --subsystem-match=virtio --subsystem-match=net --subsystem-match=block --subsystem-match=input --subsystem-match=mem --subsystem-match=misc
CONF
# So that `virsh shutdown` is heard.
printf 'button\nevdev\n' >/etc/modules-load.d/power-button.conf
touch /etc/default/locale

# Every machine makes its own.
rm -f /etc/hostname
: >/etc/machine-id
# Says that what is usually updated after a change of /usr is up to date.
touch -d '1 hour' /etc/.updated /var/.updated
