#!/usr/bin/env bash
# The Pets application of two tenants on one host, seen from a client on the LAN: installs what it needs, builds, makes the
# host, the LAN and the client as network namespaces, shows a line per step, and cleans up also when interrupted.
# usage: sudo scripts/demo.sh [--keep | --stop]     --keep leaves it running, --stop ends what --keep left
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1:-} in
  '' | --keep | --stop) ;;
  *) echo "usage: sudo scripts/demo.sh [--keep | --stop]" >&2; exit 2 ;;
esac
if [ "$(id -u)" -ne 0 ]; then
  echo "demo.sh: needs root for network namespaces and BPF (hint: sudo scripts/demo.sh $*)" >&2
  exit 1
fi
if [ "${1:-}" != --stop ]; then
  scripts/install-deps.sh build demo
  scripts/build.sh
fi
# Debian's python3, which has the packages: another one may come earlier in PATH.
exec env PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 tests/support/demo.py "$@"
