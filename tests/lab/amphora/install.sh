# Run in the tree that becomes the amphora's disk; the packages are those of lab.json. What is switched off here costs
# seconds each where QEMU has no KVM.
mkdir -p /etc/initramfs-tools/conf.d
printf 'MODULES=list\nCOMPRESS=gzip\n' > /etc/initramfs-tools/conf.d/amphora
printf '%s\n' virtio_pci virtio_blk ext4 virtio_net ata_piix sr_mod isofs >> /etc/initramfs-tools/modules
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
apt-get -qq install --no-install-recommends $PACKAGES
rm /usr/sbin/policy-rc.d

install -m 755 /mnt/config-drive /usr/local/sbin/
install -m 644 /mnt/config-drive.service /etc/systemd/system/
systemctl enable config-drive.service ssh.socket
systemctl set-default multi-user.target
systemctl disable haproxy keepalived rsyslog cron anacron atd haveged dmeventd uuidd.socket anacron.timer
# The certificates' encrypted memory would take a gigabyte of it.
systemctl mask octavia-agent-certs-ramfs e2scrub_reap systemd-pstore apparmor pollinate systemd-rfkill \
    getty@tty1 getty-static systemd-logind systemd-update-utmp systemd-update-utmp-runlevel systemd-random-seed \
    systemd-journal-flush systemd-journal-catalog-update ldconfig systemd-hwdb-update keyboard-setup console-setup \
    anacron.timer e2scrub_all.timer fstrim.timer dpkg-db-backup.timer logrotate.timer man-db.timer \
    systemd-tmpfiles-clean.timer
touch /var/lib/octavia/plugged_interfaces
# One line that the kernel refuses, and the unit that makes the namespace of load balancers would fail: quotes are none
# of the kernel's, some settings are gone from it, others are not of a namespace.
sed -i -e '/nf_conntrack_buckets/d' -e 's/"//g' -e 's/^[a-z]/-&/' /etc/sysctl.d/octavia-agent-sysctl.conf

useradd --create-home --shell /bin/bash --groups sudo debian
printf 'debian ALL=(ALL) NOPASSWD: ALL\n' > /etc/sudoers.d/debian
ssh-keygen -A
echo amphora > /etc/hostname
echo '127.0.0.1 localhost amphora' > /etc/hosts
echo '/dev/vda1 / ext4 defaults,noatime 0 0' > /etc/fstab
mkdir -p /etc/systemd/system.conf.d
printf '[Manager]\nDefaultTimeoutStartSec=15min\n' > /etc/systemd/system.conf.d/slow.conf
printf 'auto lo\niface lo inet loopback\nsource /etc/network/interfaces.d/*\n' > /etc/network/interfaces
mkdir -p /etc/network/interfaces.d
# A machine that boots for the first time would enable what is disabled here.
systemd-machine-id-setup
ln -f /boot/vmlinuz-* /boot/vmlinuz
ln -f /boot/initrd.img-* /boot/initrd.img
apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/journal /usr/share/locale /usr/share/doc /usr/share/man
touch /etc/.updated /var/.updated
