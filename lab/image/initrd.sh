#!/bin/sh
# initrd.sh INIT OUT: runs in the new system; packs the initial RAM disk from its programs.
#
# dracut's RAM disk would start systemd and udev twice, which is most of the boot time of an emulated VM. This one
# contains a few kernel modules, Ignition's programs, and INIT as the first process.
set -eu
PATH=$PATH:/usr/lib/dracut/modules.d/30ignition # where Debian installs the program
init=$1
out=$2
tree=$(mktemp -d)
chmod 0755 "$tree"
mkdir -p "$tree/bin" "$tree/dev" "$tree/proc" "$tree/sys" "$tree/run" "$tree/sysroot" "$tree/etc" "$tree/tmp"

add() {
  program=$(command -v "$1")
  cp -L "$program" "$tree/bin/"
  for file in $(ldd "$program" 2>/dev/null | grep -o '/[^ ]*'); do
    [ -e "$tree$file" ] || { mkdir -p "$tree${file%/*}" && cp -L "$file" "$tree$file"; }
  done
}
add busybox
for program in ignition useradd usermod userdel groupadd groupdel setfiles; do add "$program"; done
for name in sh mount umount insmod rmmod switch_root sleep grep poweroff; do
  ln -sf busybox "$tree/bin/$name"
done
# Ignition calls modprobe for a module that is already loaded.
printf '#!/bin/sh\n' >"$tree/bin/modprobe"
chmod 0755 "$tree/bin/modprobe"
cp /etc/os-release "$tree/etc/"
cp -r /etc/selinux "$tree/etc/"

# Uncompressed, and numbered in load order.
version=$(ls /lib/modules)
mkdir "$tree/modules"
number=100
for module in virtio_pci virtio_blk ext4 qemu_fw_cfg; do
  modprobe --set-version "$version" --show-depends "$module" | while read -r how file rest; do
    if [ "$how" = insmod ]; then echo "$file"; fi
  done
done | awk '!seen[$0]++' | while read -r file; do
  number=$((number + 1))
  name=$(basename "$file")
  case "$file" in
  *.xz) busybox unxz -c "$file" >"$tree/modules/$number-${name%.xz}" ;;
  *) cp "$file" "$tree/modules/$number-$name" ;;
  esac
done
[ -n "$(ls "$tree/modules")" ]

cp "$init" "$tree/init"
chmod 0755 "$tree/init"
# Not compressed: unpacking is slower on an emulated processor than reading from disk.
(cd "$tree" && find . | busybox cpio -o -H newc 2>/dev/null) >"$out"
rm -rf "$tree"
