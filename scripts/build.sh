#!/usr/bin/env bash
# Release build into build/, binaries in build/bin. Packages: scripts/install-deps.sh build
# usage: build.sh [--tests | --bench] [CMAKE_ARGUMENT...]
#        without --tests: only the three programs; --bench: and what the benchmarks need
set -euo pipefail
cd "$(dirname "$0")/.."
targets=(--target ebpfnetd ebpfnet ebpfnet-shim)
case ${1:-} in
  --tests) targets=(); shift ;;
  --bench) targets+=(bench_tools); shift ;;
esac
export NINJA_STATUS=${NINJA_STATUS:-'[%p, %f of %t, %e s] '}
cmake --preset release --log-level=WARNING "$@"
cmake --build --preset release "${targets[@]}"
