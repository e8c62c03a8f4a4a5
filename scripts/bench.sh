#!/usr/bin/env bash
# Builds, and measures ebpfnet against its peers on this machine, in namespaces that are removed afterwards, also when
# interrupted. What each figure means and what bounds it: docs/performance.md
# usage: sudo scripts/bench.sh [packet|path|control]... [--quick] [--with-docker] [--json FILE]
#        scripts/bench.sh --readme FILE      puts the figures of a JSON file into README.md
set -euo pipefail
scripts=$(dirname "$(readlink -f "$0")")
measures=yes
for word in "$@"; do
  case $word in
    --readme | --readme=* | -h | --help) measures=no ;;
  esac
done
if [ $measures = yes ]; then
  if [ "$(id -u)" -ne 0 ]; then
    echo "bench.sh: needs root for network namespaces and BPF (hint: sudo scripts/bench.sh $*)" >&2
    exit 1
  fi
  "$scripts/install-deps.sh" build demo bench
  "$scripts/build.sh" --bench
fi
# Debian's python3: another one may come earlier in PATH. File names are relative to where the caller is.
exec env PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$scripts/../tests/bench/bench.py" "$@"
