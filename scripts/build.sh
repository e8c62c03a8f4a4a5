#!/usr/bin/env bash
# Release build into build/, binaries in build/bin. Packages: scripts/install-deps.sh build
# usage: build.sh [--tests] [CMAKE_ARGUMENT...]     without --tests: only the three programs
set -euo pipefail
cd "$(dirname "$0")/.."
targets=(--target ebpfnetd ebpfnet ebpfnet-shim)
if [ "${1:-}" = --tests ]; then
  targets=()
  shift
fi
export NINJA_STATUS=${NINJA_STATUS:-'[%p, %f of %t, %e s] '}
cmake --preset release --log-level=WARNING "$@"
cmake --build --preset release "${targets[@]}"
