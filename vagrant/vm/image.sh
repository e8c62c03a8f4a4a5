#!/usr/bin/env bash
# Packs the file system of a guest: tools of this machine with the libraries that they are linked to, init.sh as /init,
# the test scripts in /test/guest, and programs in /test/bin. Takes about a second, so nothing of it is kept. No root.
# usage: image.sh OUT.cpio PROGRAM...
set -euo pipefail
fail() { printf 'image.sh: %s\n' "$1" >&2; printf 'hint: %s\n' "$2" >&2; exit 1; }

[ $# -ge 2 ] || { echo "usage: image.sh OUT.cpio PROGRAM..." >&2; exit 2; }
here=$(dirname "$(realpath "$0")")
out=$(realpath "$1")
shift
PATH=$PATH:/usr/sbin:/sbin
# Everything else that the scripts call is an applet of busybox.
tools=(bash ip tc bpftool nsenter mount umount kmod jq socat getent timeout stdbuf)

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{dev,proc,sys,run,tmp,root,mnt,var/lib,etc,test/bin,usr/bin,usr/lib,usr/lib64}
for link in bin sbin lib lib64; do ln -s "usr/${link/sbin/bin}" "$root/$link"; done
ln -s bin "$root/usr/sbin"

for tool in "${tools[@]}" busybox cpio; do
  command -v "$tool" >/dev/null || fail "$tool is missing" "scripts/install-deps.sh test"
done
for program; do
  [ -x "$program" ] || fail "$program is missing" "scripts/build.sh --tests"
done
paths=()
for tool in "${tools[@]}"; do paths+=("$(command -v "$tool")"); done
cp -L "${paths[@]}" "$(command -v busybox)" "$root/usr/bin"
ln -s kmod "$root/usr/bin/modprobe"
while read -r applet; do
  [ -e "$root/usr/bin/$applet" ] || ln -s busybox "$root/usr/bin/$applet"
done < <(busybox --list)
cp "$@" "$root/test/bin"
cp -r "$here/../guest" "$root/test/guest"
install -m 755 "$here/init.sh" "$root/init"

# Of the /lib/... and /usr/lib/... forms of a path the second is taken: /lib is a link in the image.
ldd "${paths[@]}" "$@" 2>/dev/null | grep -oE '/[^ :]+ \(0x' | sed -E 's/ \(0x$//; s,^/usr/,/,' | sort -u |
  while read -r library; do
    mkdir -p "$root/usr${library%/*}"
    cp -L "$library" "$root/usr$library"
  done
echo 'root:x:0:0:root:/root:/bin/bash' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
echo '127.0.0.1 localhost' >"$root/etc/hosts"
(cd "$root" && find . | cpio -o -H newc --quiet -R 0:0) >"$out"
