#!/usr/bin/env bash
# Installs the Debian 12 packages that ebpfnet needs; asks apt for nothing when all are there.
# None of them starts or enables a service.
# usage: install-deps.sh [build|test|demo|bench|all]...     (default: all, which is build, test and demo)
set -euo pipefail

build=(g++ cmake ninja-build pkg-config clang-19 llvm-19 bpftool libbpf-dev linux-libc-dev libelf-dev zlib1g-dev
  libnl-3-dev libnl-route-3-dev libboost1.81-dev nlohmann-json3-dev libcli11-dev libspdlog-dev libfmt-dev
  libsqlite3-dev libldns-dev libtomlplusplus-dev libsystemd-dev libcap-dev prometheus-cpp-dev libgtest-dev
  libgmock-dev git ca-certificates)
# redis-tools carries the program redis-server without its service.
demo=(iproute2 iputils-ping util-linux procps curl python3 python3-flask python3-redis redis-tools)
check=(clang-tidy-19 clang-format-19 libclang-rt-19-dev shellcheck python3-pytest iperf3 bind9-dnsutils tcpdump
  ethtool musl-tools libc6-dev sqlite3 iputils-arping
  qemu-system-x86 kmod busybox-static cpio xz-utils lz4 zstd socat jq)
# The peers that benchmarks compare with. docker.io is not among them, since its package starts a service.
bench=(iptables containernetworking-plugins)

# Installing Debian's package prometheus would start a server: its two programs are taken out of it, into a cache, where
# the tests look for them.
cache=${EBPFNET_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ebpfnet}/prometheus
fetch_prometheus() {
  if [ -x "$cache/prometheus" ] && [ -x "$cache/promtool" ]; then
    echo "packages: prometheus unpacked in $cache"
    return
  fi
  local work
  work=$(mktemp -d)
  # As root apt would download as a user of its own, who may not write here.
  local download=(apt-get -qq -o APT::Sandbox::User=root download prometheus)
  (cd "$work" && { "${download[@]}" 2>/dev/null || { apt-get -qq update && "${download[@]}"; }; })
  dpkg-deb --fsys-tarfile "$work"/prometheus_*.deb | tar -x -C "$work" ./usr/bin/prometheus ./usr/bin/promtool
  mkdir -p "$cache"
  mv -f "$work"/usr/bin/prometheus "$work"/usr/bin/promtool "$cache"/
  rm -rf "$work"
  echo "packages: prometheus unpacked into $cache"
}

wanted=()
tools=no
for group in "${@:-all}"; do
  case $group in
    build) wanted+=("${build[@]}") ;;
    demo) wanted+=("${demo[@]}") ;;
    test | all) wanted+=("${build[@]}" "${demo[@]}" "${check[@]}"); tools=yes ;;
    bench) wanted+=("${bench[@]}") ;;
    *) echo "install-deps.sh: unknown group '$group' (build, test, demo, bench, all)" >&2; exit 2 ;;
  esac
done

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
missing=()
for package in "${wanted[@]}"; do
  installed "$package" || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "packages: all ${#wanted[@]} installed"
  if [ $tools = yes ]; then fetch_prometheus; fi
  exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "install-deps.sh: not root, and these packages are missing: ${missing[*]}" >&2
  echo "hint: sudo scripts/install-deps.sh $*" >&2
  exit 1
fi

echo "packages: installing ${#missing[@]}: ${missing[*]}"
quiet=(-qq)
[ -t 1 ] && quiet=(-q -o Dpkg::Progress-Fancy=1)
export DEBIAN_FRONTEND=noninteractive
# --no-remove: on a machine with another Boost, apt must refuse rather than remove it.
install() { apt-get "${quiet[@]}" install -y --no-install-recommends --no-remove "${missing[@]}"; }
# A package list that is there may be good enough, and mirrors are not always reachable: update only when needed.
install 2>/dev/null || { apt-get "${quiet[@]}" update && install; }
if [ $tools = yes ]; then fetch_prometheus; fi
