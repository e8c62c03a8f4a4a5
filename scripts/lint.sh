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

# One clang-tidy per file and processor. Only files that the build compiles: the others have no flags.
run_tidy() {  # CHECKS PATTERN...
  local checks=$1 compiled list
  shift
  compiled=$(sed -n "s|^ *\"file\": \"$PWD/\(.*\)\".*|\1|p" "$build/compile_commands.json") || return 1
  # Without precompiled headers: the checks read all of them for every file, needed there or not.
  mkdir -p "$build/lint"
  sed -E 's/ -Xclang -include-pch -Xclang [^ ]+ -Xclang -include -Xclang [^ ]+//' "$build/compile_commands.json" \
    >"$build/lint/compile_commands.json"
  list=$(files "$@" | grep -Fx -f <(printf '%s\n' "$compiled"))
  [ -n "$list" ] || { echo "$build/compile_commands.json names none of our files" >&2; return 1; }
  echo "clang-tidy: $(wc -l <<<"$list") files"
  xargs -P "$(nproc)" -n 1 clang-tidy-19 -p "$build/lint" --quiet --checks="$checks" --warnings-as-errors='*' <<<"$list" \
    2> >(grep -v 'warnings\? generated' >&2)
}

tidy() { run_tidy '-clang-analyzer-*' 'maps/*.cpp' 'loader/*.cpp' 'daemon/*.cpp' 'cli/*.cpp'; }
tidy-all() { run_tidy '' '*.cpp'; }

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
