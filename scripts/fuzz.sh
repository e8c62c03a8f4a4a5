#!/usr/bin/env bash
# Builds the fuzz targets with sanitizers and lets them run for a time, one per processor, with a corpus that is kept
# in build-fuzz/corpus. Prints a line per target; a find is a failure, with the input and how to run it again.
# usage: fuzz.sh [--minutes N] [TARGET...]     (default: 10 minutes each for all of tests/fuzz/<target>_fuzz.cpp)
set -euo pipefail
cd "$(dirname "$0")/.."
minutes=10
wanted=()
usage() { sed -n 's/^# usage: /usage: /p' "$0"; }
while [ $# -gt 0 ]; do
  case $1 in
    --minutes) minutes=${2:?--minutes takes a number}; shift ;;
    -h | --help) usage; exit 0 ;;
    -*) usage >&2; exit 2 ;;
    *) wanted+=("$1") ;;
  esac
  shift
done
[[ $minutes =~ ^[0-9]+(\.[0-9]+)?$ ]] || { echo "fuzz.sh: --minutes takes a number, not '$minutes'" >&2; exit 2; }

known=()
for file in tests/fuzz/*_fuzz.cpp; do
  name=${file##*/}
  known+=("${name%_fuzz.cpp}")
done
[ ${#wanted[@]} -gt 0 ] || wanted=("${known[@]}")
for name in "${wanted[@]}"; do
  [[ " ${known[*]} " == *" $name "* ]] || { echo "fuzz.sh: no target '$name' (there are ${known[*]})" >&2; exit 2; }
done

scripts/install-deps.sh test
cmake --preset fuzz --log-level=WARNING
cmake --build --preset fuzz --target "${wanted[@]/#/fuzz_}"
cores=$(nproc)
echo "fuzzing ${#wanted[@]} targets, $minutes minutes each, $cores at a time"
# run.py ends with 1 on a find, xargs then with 123.
printf '%s\n' "${wanted[@]}" | xargs -P "$cores" -I{} \
  /usr/bin/python3 tests/fuzz/run.py build-fuzz/bin/fuzz_{} --minutes "$minutes" --corpus build-fuzz/corpus/{}
