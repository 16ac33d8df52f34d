# Makes of the tree in /mnt/amphora a disk with one partition and a boot loader, as a file: no device is needed for it.
apt-get -qq install --no-install-recommends grub-pc-bin grub-common fdisk qemu-utils e2fsprogs
cd /root
cat > grub.cfg <<X
set root=(hd0,msdos1)
linux /boot/vmlinuz root=/dev/vda1 ro console=ttyS0 quiet net.ifnames=0 tsc=reliable mitigations=off
initrd /boot/initrd.img
boot
X
grub-mkimage -O i386-pc -p /boot/grub -c grub.cfg -o core.img biosdisk part_msdos ext2 linux boot
truncate -s $SIZE amphora.raw
printf 'start=2048, type=83, bootable\n' | sfdisk --quiet amphora.raw
dd if=/usr/lib/grub/i386-pc/boot.img of=amphora.raw bs=440 count=1 conv=notrunc status=none
dd if=core.img of=amphora.raw bs=512 seek=1 conv=notrunc status=none
blocks=$((($(stat -c %s amphora.raw) - 1048576) / 4096))
mke2fs -q -t ext4 -b 4096 -O ^has_journal -m 0 -E offset=1048576 -d /mnt/amphora amphora.raw $blocks
qemu-img convert -O qcow2 -c -o compression_type=zstd amphora.raw amphora.qcow2
