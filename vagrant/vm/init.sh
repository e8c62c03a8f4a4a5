#!/bin/bash
# /init of a guest that run.sh boots: makes of an initramfs what a started Debian has, runs /test/run, writes its exit
# code to the virtio port `rc` and powers off.
export PATH=/usr/bin HOME=/root LANG=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
ln -s /proc/self/fd /dev/fd
mount -t devpts pts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs run /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mount --make-rshared /
modprobe -a virtio_pci virtio_console
ip link set lo up

# The device of a virtio port by its name; the ports appear some time after the module.
port() {  # NAME
  local name
  until name=$(grep -lx "$1" /sys/class/virtio-ports/*/name 2>/dev/null); do sleep 0.01; done
  name=${name%/name}
  echo "/dev/${name##*/}"
}
read -r up _ </proc/uptime
rc=$(port rc)
if [ -e /test/interactive ]; then
  echo "kernel $(uname -r), up after $up s; /test/guest/run.sh SUITE runs a suite, exit powers off" >/dev/ttyS0
  cd /test && setsid -c bash -l </dev/ttyS0 >/dev/ttyS0 2>&1
else
  # Not the serial line: what is on its way there at power-off is lost.
  exec >"$(port out)" 2>&1
  echo "kernel $(uname -r), up after $up s"
  bash /test/run
fi
echo $? >"$rc"
sync
echo o >/proc/sysrq-trigger
while :; do sleep 60; done
