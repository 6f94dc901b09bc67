#!/bin/sh
# The guest's first process: / is the host's, read-only. It puts a layer of memory over it, enters
# that, and hands over to machine.py. The guest sees every file at the path it has on the host.
#
# boot.py copies this file into the folder that host and guest share, and writes the path of the
# interpreter and of machine.py beside it.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
share=$(dirname "$0")
layers=/mnt
root=/mnt/root

mount -t proc proc /proc
mount -t tmpfs layers "$layers"
mkdir "$layers/upper" "$layers/work" "$root"
mount -t overlay -o "lowerdir=/,upperdir=$layers/upper,workdir=$layers/work" overlay "$root" ||
    echo "init.sh: no overlay: nothing will work from here on"

mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t devtmpfs devtmpfs "$root/dev"
mkdir -p "$root/dev/shm" "$root/dev/pts"
mount -t devpts devpts "$root/dev/pts"
mount -t tmpfs shm "$root/dev/shm"
mount -t tmpfs run "$root/run"
# bluetoothd replaces folders here, which an overlay on the host's files cannot do; and what the
# host's own bluetoothd remembers is no business of a test.
mkdir -p "$root/var/lib/bluetooth"
mount -t tmpfs bluetooth "$root/var/lib/bluetooth"
# The one place where the guest's writing reaches the host.
mount -t hostfs -o "$share" share "$root$share"

python=$(cat "$share/python")
machine=$(cat "$share/machine")
exec chroot "$root" "$python" -I -S "$machine" "$share"
