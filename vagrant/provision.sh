#!/bin/bash
# Gives a Debian 12 machine of the Vagrantfile its kernel and what guest/run.sh calls; Vagrant runs it as root and then
# restarts the machine.
# usage: provision.sh 6.1|6.12
set -euo pipefail
case ${1:-} in
  6.1) kernel=linux-image-amd64 ;;
  6.12) kernel=linux-image-6.12-amd64 ;;
  *) echo "usage: provision.sh 6.1|6.12" >&2; exit 2 ;;
esac
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq install -y --no-install-recommends "$kernel" bpftool iproute2 jq socat libbpf1 libcap2 libelf1 libfmt9 \
  libldns3 libnl-3-200 libnl-route-3-200 libspdlog1.10 libsqlite3-0 libsystemd0 libtomlplusplus3
missing=$(ldd /test/bin/{ebpfnetd,ebpfnet,ebpfnet-shim,packet_tests} | grep 'not found' | sort -u || true)
if [ -n "$missing" ]; then
  printf 'provision.sh: libraries are missing: %s\nhint: build on Debian 12\n' "$missing" >&2
  exit 1
fi
