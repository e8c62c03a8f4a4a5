#!/usr/bin/env bash
# Boots a stock Debian kernel in QEMU with the binaries of a build, runs test suites there and exits with their code;
# 99 when the guest gave none (panic, time-out). Needs no root, no KVM, no network device and no bridge.
# usage: run.sh [--bin DIR] [--shell] 6.1|6.12 [SUITE...]     suites: the files of vagrant/guest/suites; none: all of them
#   --bin DIR   where the binaries are (default: build/bin)
#   --shell     a shell in the guest instead of suites: `guest/run.sh SUITE` runs one; `exit` powers off
# EBPFNET_VM_CACHE     where kernels are kept (~/.cache/ebpfnet)
# EBPFNET_VM_TIMEOUT   seconds until a guest is ended (600)
# EBPFNET_VM_ACCEL     kvm: with hardware support. Not found out by trying: /dev/kvm may exist and not work
# shellcheck disable=SC2054 # the commas are QEMU's
set -euo pipefail
usage() { sed -n 's/^# usage: /usage: /p' "$0" >&2; exit 2; }

here=$(dirname "$(realpath "$0")")
bin=$here/../../build/bin
shell=no
while [[ ${1:-} == -* ]]; do
  case $1 in
    --bin) [ $# -ge 2 ] || usage; bin=$2; shift 2 ;;
    --shell) shell=yes; shift ;;
    *) usage ;;
  esac
done
[ $# -ge 1 ] || usage
tag=$1
shift
if ! command -v qemu-system-x86_64 >/dev/null; then
  printf 'run.sh: qemu-system-x86_64 is missing\nhint: scripts/install-deps.sh test\n' >&2
  exit 1
fi
kernel=$("$here/kernel.sh" "$tag")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The guest's file system: archives that follow one another are one.
"$here/image.sh" "$work/base.cpio" "$bin"/{ebpfnetd,ebpfnet,ebpfnet-shim,packet_tests}
mkdir "$work/test"
if [ $shell = yes ]; then
  touch "$work/test/interactive"
else
  printf 'exec /test/guest/run.sh%s\n' "${*:+ $*}" >"$work/test/run"
fi
(cd "$work" && find test | cpio -o -H newc --quiet -R 0:0) >"$work/test.cpio"
cat "$work/base.cpio" "$kernel/modules.cpio" "$work/test.cpio" >"$work/initrd"

qemu=(qemu-system-x86_64 -M pc -smp 2 -m 1024 -nodefaults -no-user-config -display none -no-reboot)
# Under emulation shells run several times faster on an old processor and without randomised addresses (norandmaps).
# -cx16: with it, 6.12 kernels crash under QEMU 7.2. +rdrand: without it the first reader of random numbers waits seconds.
case ${EBPFNET_VM_ACCEL:-tcg} in
  tcg) qemu+=(-accel tcg,thread=multi -cpu Nehalem,+aes,+pclmulqdq,+rdrand,-cx16) ;;
  *) qemu+=(-accel "$EBPFNET_VM_ACCEL" -cpu host) ;;
esac
# Clock: the rate of the TSC is measured at boot, and on a busy host wrongly: a guest's second was seen to pass in a fifth.
# A kernel in trouble ends at once (oops=panic panic=-1), and then nothing has been written to rc.
qemu+=(-kernel "$kernel/vmlinux" -initrd "$work/initrd" -append "console=ttyS0 quiet loglevel=3 oops=panic panic=-1
  mitigations=off tsc=unstable clocksource=hpet norandmaps net.ifnames=0"
  -device virtio-serial-pci -chardev "file,id=rc,path=$work/rc" -device virtserialport,chardev=rc,name=rc)
if [ $shell = yes ]; then
  limit=forever
  "${qemu[@]}" -serial mon:stdio || true
else
  limit=${EBPFNET_VM_TIMEOUT:-600}
  # QEMU ends with this script, whatever ends that. The pipe is there because QEMU opens /dev/stdout anew.
  qemu+=(-chardev file,path=/dev/stdout,mux=on,id=out -serial chardev:out -device virtserialport,chardev=out,name=out)
  setpriv --pdeathsig TERM timeout "$limit" "${qemu[@]}" </dev/null | cat || true
fi
if [ ! -s "$work/rc" ]; then
  echo "run.sh: the $tag guest ended without a result (a panic, or $limit seconds were over)" >&2
  exit 99
fi
exit "$(cat "$work/rc")"
