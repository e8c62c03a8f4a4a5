#!/bin/bash
# Every shipped program passes this kernel's verifier, and does with packets what the packet tests say.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

# Built in, or missing: then the tests that need it are skipped, which is told below.
modprobe -q tun || true
# Most of the flows' end is waiting, in which the others run.
packet_tests --gtest_filter='FlowEnd.*' >"$scratch/waiting" 2>&1 &
waiting=$!
verdict=0
packet_tests --gtest_filter='-FlowEnd.*' >"$scratch/others" 2>&1 || verdict=$?
wait $waiting || verdict=$?
cat "$scratch/waiting" "$scratch/others" >"$scratch/out"
[ $verdict -eq 0 ] || { grep -v '^\[ *\(RUN\|OK\) ' "$scratch/out"; fail "packet tests ended with code $verdict"; }

grep 'instructions verified' "$scratch/out"
holds "packet tests ran" test "$(sed -n 's/^\[  PASSED  \] \([1-9].*\)/\1/p' "$scratch/out" | wc -l)" -eq 2
equal "packet tests skipped on this kernel" \
  "$(sed -n 's/^\[  SKIPPED \] \([^ ]*\)$/\1/p' "$scratch/out" | sort -u)" "$(known skipped | sort)"
