#!/usr/bin/env bash
# Installs what the tests need, builds with warnings as errors, checks style and runs all tests.
# Without root only the unit tests and those in VMs run (the others make network namespaces and load BPF).
# usage: test.sh [--all]     --all: also builds with g++ 12 and reads everything with clang's analyzer
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
all=no
case ${1:-} in
  '') ;;
  --all) all=yes ;;
  *) echo "usage: scripts/test.sh [--all]" >&2; exit 2 ;;
esac
export NINJA_STATUS='[%p, %f of %t, %e s] '
failed=()
started=$SECONDS

step() {  # NAME COMMAND...: runs one stage, remembers a failure and goes on
  local name=$1 begun=$SECONDS
  shift
  printf '\n=== %s\n' "$name"
  if "$@"; then
    printf '=== %s: passed (%d s)\n' "$name" $((SECONDS - begun))
  else
    printf '=== %s: FAILED (%d s)\n' "$name" $((SECONDS - begun))
    failed+=("$name")
    return 1
  fi
}

build() { cmake --preset "$1" --log-level=WARNING && cmake --build --preset "$1"; }

# Unit tests under AddressSanitizer and UBSan; BPF and namespaces are not what they look at.
sanitized_unit_tests() {
  build asan && ctest --preset asan -j "$(nproc)" --no-tests=error
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
  step "build with g++ 12" build gcc
else
  step "clang-tidy" scripts/lint.sh tidy
fi
step "unit tests with sanitizers" sanitized_unit_tests
step "tests" all_tests

printf '\n=== summary after %d minutes\n' $(((SECONDS - started + 30) / 60))
# pytest's reports and GoogleTest's: one ctest test may hold many of theirs.
skipped=$(sed -n 's/^\(SKIPPED \[.*\)/  \1/p; s/^\[  SKIPPED \] \([^ ]*\.[^ ]*\)$/  \1/p' build/Testing/Temporary/LastTest.log 2>/dev/null | sort -u)
if [ -n "$skipped" ]; then printf 'skipped:\n%s\n' "$skipped"; else echo "skipped: none"; fi
if [ ${#selection[@]} -gt 0 ]; then echo "not run without root: tests with the labels netns, packet, process and e2e"; fi
grep -E '^[[:space:]]*[0-9]+ - .*\((Failed|Timeout|Not Run|.*[Ee]xception.*)\)' "$log"
for name in "${failed[@]}"; do echo "FAILED stage: $name"; done
grep -E '^[0-9]+% tests passed' "$log"
[ ${#failed[@]} -eq 0 ]
