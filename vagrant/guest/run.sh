#!/bin/bash
# Runs test suites on the kernel of this machine, with the binaries in ../bin. For a machine that is there for these
# tests only, as root: the daemon takes its default directories and uplinks.
# usage: run.sh [SUITE...]     suites: the files of suites/ without .sh; none: all of them
set -u
here=$(dirname "$(realpath "$0")")
[ $# -gt 0 ] || set -- programs probes core

failed=()
for suite; do
  began=$EPOCHREALTIME
  echo "=== $suite"
  if bash "$here/suites/$suite.sh"; then verdict=passed; else verdict=FAILED failed+=("$suite"); fi
  printf '=== %s: %s (%d ms)\n' "$suite" "$verdict" $(((${EPOCHREALTIME/./} - ${began/./}) / 1000))
done
if [ ${#failed[@]} -gt 0 ]; then
  echo "FAILED on $(uname -r): ${failed[*]}"
  exit 1
fi
echo "passed on $(uname -r): $*"
