#!/usr/bin/env bash
# Style and static checks over the files that git knows.
# usage: lint.sh [format|shell|tidy|tidy-all]...     (default: format shell)
# tidy reads the product's code; tidy-all also the tests, and with the path-sensitive analyzer, which takes far longer.
# Both need a configured and built directory: BUILD=build (generated headers).
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-build}

files() {  # PATTERN...: tracked files that still exist, one per line
  git -c safe.directory="$PWD" ls-files -- "$@" | while IFS= read -r file; do
    if [ -f "$file" ]; then printf '%s\n' "$file"; fi
  done
}

format() {
  local list
  list=$(files '*.cpp' '*.hpp' '*.c' '*.h')
  [ -n "$list" ] || { echo "git lists no source files" >&2; return 1; }
  xargs clang-format-19 --dry-run -Werror <<<"$list"
}

shell() { files 'scripts/*.sh' 'vagrant/*.sh' '.ci/run' | xargs shellcheck --exclude=SC2317; }  # its 'unreachable' misses calls by name

run_tidy() { xargs -x /usr/bin/python3 scripts/tidy.py "$build" "$@"; }  # files on stdin

tidy() { files 'maps/*.cpp' 'loader/*.cpp' 'daemon/*.cpp' 'cli/*.cpp' | run_tidy --checks='-clang-analyzer-*'; }

# The analyzer looks at the functions of the named file alone.
tidy-all() {
  files '*.cpp' | run_tidy --checks='-clang-analyzer-*' &&
    files '*.cpp' | run_tidy --one-by-one --checks='-*,clang-analyzer-*,-clang-analyzer-optin.core.EnumCastOutOfRange,-clang-analyzer-optin.performance.Padding'
}

failed=0
[ $# -gt 0 ] || set -- format shell
for check in "$@"; do
  case $check in
    format | shell | tidy | tidy-all) ;;
    *) echo "lint.sh: unknown check '$check' (format, shell, tidy, tidy-all)" >&2; exit 2 ;;
  esac
  if "$check"; then
    echo "$check: clean"
  else
    echo "$check: FAILED"
    failed=1
  fi
done
exit $failed
