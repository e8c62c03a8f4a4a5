#!/usr/bin/env bash
# Makes a stock Debian kernel bootable by run.sh and prints the directory that then holds `vmlinux` and `modules.cpio`.
# The package comes through apt and is unpacked into a cache, not installed; needs no root. The cache,
# $EBPFNET_VM_CACHE or ~/.cache/ebpfnet, has one directory per package version and may be deleted at any time.
# usage: kernel.sh 6.1|6.12
set -euo pipefail
fail() { printf 'kernel.sh: %s\n' "$1" >&2; [ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2; exit 1; }

tag=${1:-}
case $tag in
  6.1) meta=linux-image-cloud-amd64 suite=bookworm ;;
  6.12) meta=linux-image-6.12-cloud-amd64 suite=bookworm-security ;;
  *) echo "usage: kernel.sh 6.1|6.12" >&2; exit 2 ;;
esac
PATH=$PATH:/usr/sbin:/sbin
[ "$(dpkg --print-architecture)" = amd64 ] || fail "only Debian's amd64 kernels are prepared here"
for tool in cpio depmod xz zstd lz4; do
  command -v "$tool" >/dev/null || fail "$tool is missing" "scripts/install-deps.sh test"
done

cache=${EBPFNET_VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ebpfnet}
mkdir -p "$cache"
cache=$(realpath "$cache")
exec 9>"$cache/lock"
flock 9

apt=()  # options for every call of apt
image='' version=''
# The kernel package that the metapackage stands for, and the version of both.
look_up() {
  local facts
  facts=$(apt-cache "${apt[@]}" show --no-all-versions "$meta" 2>/dev/null) || return 1
  image=$(sed -n 's/^Depends: \(linux-image-[^ ,]*\).*/\1/p' <<<"$facts")
  version=$(sed -n 's/^Version: //p' <<<"$facts")
  [[ $image == linux-image-"$tag".* ]] ||
    fail "$meta is '$image' here, and a $tag kernel is wanted" "the packages of Debian 12 ($suite) must be among apt's sources"
  made=$cache/$image-$version
}
prepared() { [ -e "$made/vmlinux" ]; }
download() { (cd "$work" && apt-get -qq -o APT::Sandbox::User=root "${apt[@]}" download "$image=$version" >&2); }
obtain() { look_up && { prepared || download; }; }
# The machine's own package lists may be old, or empty: fresh ones go into the cache, the machine's stay as they are.
use_fresh_lists() {
  local state=$cache/apt
  mkdir -p "$state/lists/partial" "$state/archives/partial"
  apt=(-o "Dir::State=$state" -o Dir::State::status=/var/lib/dpkg/status -o "Dir::Cache=$state" -o Debug::NoLocking=true)
  apt-get -qq "${apt[@]}" update >&2
}

# The ELF image inside a bzImage, which QEMU boots directly (PVH) without the decompressor's seconds under emulation.
# Fields of the setup header: Documentation/arch/x86/boot.rst of the kernel. The last four bytes of the payload are the
# size of what is in it.
extract_elf() {  # BZIMAGE
  local sectors offset length payload=$work/payload
  sectors=$(od -An -tu1 -j $((0x1f1)) -N1 "$1")
  read -r offset length < <(od -An -tu4 -j $((0x248)) -N8 "$1")
  dd if="$1" bs=1M iflag=skip_bytes,count_bytes skip=$(((sectors + 1) * 512 + offset)) count=$((length - 4)) \
    of="$payload" status=none
  case $(od -An -tx1 -N4 "$payload" | tr -d ' ') in
    fd377a58) xz -dc "$payload" ;;
    28b52ffd) zstd -dcq "$payload" ;;
    02214c18) lz4 -dcq "$payload" ;;
    *) fail "$1 is packed in an unknown way" ;;
  esac
}

# What a network stack on virtual devices may ask for; the whole tree would cost the guest memory and boot time.
kept_modules=(net lib crypto arch drivers/net drivers/virtio drivers/char fs/overlayfs)
pack_modules() {  # TREE of the unpacked package
  local release=${image#linux-image-} root=$work/root
  local from=$1/lib/modules/$release to=$root/usr/lib/modules/$release directory
  for directory in "${kept_modules[@]}"; do
    mkdir -p "$to/kernel/${directory%/*}"
    cp -r "$from/kernel/$directory" "$to/kernel/${directory%/*}/"
  done
  rm -rf "$to/kernel/drivers/net/"{ethernet,wireless,usb,can,hyperv}
  cp "$from"/modules.{order,builtin,builtin.modinfo} "$to"
  find "$to" -name '*.ko.xz' -exec xz -d {} +
  depmod -b "$root/usr" "$release"
  (cd "$root" && find usr/lib/modules | cpio -o -H newc --quiet -R 0:0)
}

work=$(mktemp -d "$cache/new.XXXXXX")
trap 'rm -rf "$work"' EXIT
if ! obtain; then
  echo "kernel.sh: apt's package lists do not lead to a $tag kernel; reading fresh ones" >&2
  use_fresh_lists || fail "apt cannot read its sources" "is the network there?"
  if ! obtain; then
    [ -z "$image" ] || fail "$image $version cannot be downloaded"
    fail "apt knows no package $meta; it is in Debian's $suite" \
      "apt's sources need 'deb http://deb.debian.org/debian-security bookworm-security main' (see sources.list(5))"
  fi
fi
if ! prepared; then
  mkdir "$work/tree" "$work/made"
  dpkg-deb -x "$work"/*.deb "$work/tree"
  pack_modules "$work/tree" >"$work/made/modules.cpio"
  extract_elf "$work/tree/boot/vmlinuz-${image#linux-image-}" >"$work/made/vmlinux"
  [ "$(head -c 4 "$work/made/vmlinux")" = $'\177ELF' ] || fail "the kernel in $image is no ELF file"
  rm -rf "$made"
  mv "$work/made" "$made"
fi
echo "$made"
