#!/usr/bin/env bash
# Installs what the tests need, builds with warnings as errors, checks style and runs all tests.
# Without root only the unit tests and those in VMs run (the others make network namespaces and load BPF).
# Ends with the stages, their seconds and ctest's summary; the exit code is 1 when any stage failed.
# usage: test.sh [--all] [--fuzz-minutes N]
#   --all             also: g++ 12, clang's analyzer, unit and end-to-end tests under ThreadSanitizer, end-to-end tests
#                     under AddressSanitizer, the tests that take long, and fuzzing. Takes hours.
#   --fuzz-minutes N  for each fuzz target with --all (default 5)
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
all=no
fuzz_minutes=5
while [ $# -gt 0 ]; do
  case $1 in
    --all) all=yes ;;
    --fuzz-minutes) fuzz_minutes=${2:?--fuzz-minutes takes a number}; shift ;;
    *) echo "usage: scripts/test.sh [--all] [--fuzz-minutes N]" >&2; exit 2 ;;
  esac
  shift
done
export NINJA_STATUS='[%p, %f of %t, %e s] '
failed=()
stages=()
started=$SECONDS

step() {  # NAME COMMAND...: runs one stage, remembers how it went and goes on
  local name=$1 begun=$SECONDS outcome=passed
  shift
  printf '\n=== %s\n' "$name"
  "$@" || outcome=FAILED
  stages+=("$(printf '%5d s  %s: %s' $((SECONDS - begun)) "$name" "$outcome")")
  printf '=== %s: %s (%d s)\n' "$name" "$outcome" $((SECONDS - begun))
  if [ $outcome = FAILED ]; then failed+=("$name"); return 1; fi
}

# asan-e2e and tsan-e2e are other targets in the build directories of asan and tsan.
build() { cmake --preset "${1%-e2e}" --log-level=WARNING && cmake --build --preset "$1"; }

build_and_test() { build "$1" && ctest --preset "$1" -j "$(nproc)" --no-tests=error; }

# By hand, since ctest would end them after the time that is right for the short ones.
long_tests() {
  EBPFNET_LONG=10 build/bin/fuzz_packet_tests --gtest_brief=1 &&
    EBPFNET_LONG=1 EBPFNET_BIN=$PWD/build/bin PYTHONDONTWRITEBYTECODE=1 \
      /usr/bin/python3 -m pytest -p no:cacheprovider -q -rsf --tb=short tests/e2e/test_scale.py tests/e2e/test_under_load.py tests/e2e/test_crash_walk.py
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
selection=()
all_tests() {
  rm -f build/Testing/Temporary/LastTest.log
  ctest --preset ci -j "$(nproc)" --no-tests=error "${selection[@]}" 2>&1 | tee "$log"
  return "${PIPESTATUS[0]}"
}

if [ "$(id -u)" -ne 0 ]; then
  echo "not root: only the unit tests and those in VMs will run (hint: sudo scripts/test.sh runs them all)"
  selection=(-L '^(unit|vm)$')
fi
step "packages" scripts/install-deps.sh test || exit 1
step "build, warnings are errors" build ci || exit 1
step "format and shell scripts" scripts/lint.sh format shell
if [ $all = yes ]; then
  step "clang-tidy and analyzer" scripts/lint.sh tidy-all
  step "build and unit tests with g++ 12" build_and_test gcc
else
  step "clang-tidy" scripts/lint.sh tidy
fi
step "unit tests and fuzz targets with sanitizers" build_and_test asan
if [ $all = yes ]; then
  step "unit tests with ThreadSanitizer" build_and_test tsan
  if [ "$(id -u)" -eq 0 ]; then
    step "end-to-end tests with ThreadSanitizer" build_and_test tsan-e2e
    step "end-to-end tests with AddressSanitizer" build_and_test asan-e2e
    step "long tests" long_tests
  fi
  step "fuzzing" scripts/fuzz.sh --minutes "$fuzz_minutes"
fi
step "tests" all_tests

printf '\n=== summary after %d minutes\n' $(((SECONDS - started + 30) / 60))
printf '%s\n' "${stages[@]}"
# pytest's reports and GoogleTest's: one ctest test may hold many of theirs.
skipped=$(sed -n 's/^\(SKIPPED \[.*\)/  \1/p; s/^\[  SKIPPED \] \([^ ]*\.[^ ]*\)$/  \1/p' build/Testing/Temporary/LastTest.log 2>/dev/null | sort -u)
if [ -n "$skipped" ]; then printf 'skipped:\n%s\n' "$skipped"; else echo "skipped: none"; fi
if [ ${#selection[@]} -gt 0 ]; then echo "not run without root: tests with the labels netns, packet, process and e2e"; fi
grep -E '^[[:space:]]*[0-9]+ - .*\((Failed|Timeout|Not Run|.*[Ee]xception.*)\)' "$log"
for name in "${failed[@]}"; do echo "FAILED stage: $name"; done
grep -E '^[0-9]+% tests passed' "$log"
[ ${#failed[@]} -eq 0 ]
