#!/bin/sh
# The guest's first process. Its / is the host's file system, read-only. This script mounts an overlay
# in memory, changes root into it, and runs machine.py. Every file has the same path as on the host.
#
# boot.py copies this file into the folder that host and guest share, and writes the paths of the
# interpreter and of machine.py into the same folder.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
share=$(dirname "$0")
layers=/mnt
root=/mnt/root

mount -t proc proc /proc
mount -t tmpfs layers "$layers"
mkdir "$layers/upper" "$layers/work" "$root"
mount -t overlay -o "lowerdir=/,upperdir=$layers/upper,workdir=$layers/work" overlay "$root" ||
    echo "init.sh: the overlay can't be mounted; the guest will not work"

mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t debugfs debugfs "$root/sys/kernel/debug"
mount -t devtmpfs devtmpfs "$root/dev"
mkdir -p "$root/dev/shm" "$root/dev/pts"
mount -t devpts devpts "$root/dev/pts"
mount -t tmpfs shm "$root/dev/shm"
mount -t tmpfs run "$root/run"
# bluetoothd replaces folders here, which an overlay on the host's files does not allow; and a test must
# not see the data of the host's bluetoothd.
mkdir -p "$root/var/lib/bluetooth"
mount -t tmpfs bluetooth "$root/var/lib/bluetooth"
# Only this folder passes the guest's writes to the host.
mount -t hostfs -o "$share" share "$root$share"

python=$(cat "$share/python")
machine=$(cat "$share/machine")
# Moved to /, because a process below another root can't create a user namespace.
cd "$root" && mount --no-mtab --move . /
exec chroot . "$python" -I -S "$machine" "$share"
