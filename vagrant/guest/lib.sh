# What the suites share: sourced by each, with `set -euo pipefail`. A suite ends at the first expectation that does not
# hold, with the line that says which, and with the daemon's log.
# shellcheck shell=bash
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
export PATH=$here/../bin:$PATH
scratch=$(mktemp -d)
daemon=''  # process id
starts=0   # of the daemon

fail() { printf 'FAILED: %s\n' "$1"; exit 1; }
equal() {  # WHAT GOT WANTED
  [ "$2" = "$3" ] || fail "$1: got '$2', wanted '$3'"
  echo "ok: $1"
}
holds() {  # WHAT COMMAND...
  local what=$1
  shift
  "$@" || fail "$what ($*)"
  echo "ok: $what"
}
fails() {  # WHAT COMMAND...
  local what=$1
  shift
  if "$@"; then fail "$what ($*)"; fi
  echo "ok: $what"
}
# Polls until a command succeeds. The limit is for the slowest of emulations.
wait_until() {  # WHAT COMMAND...
  local what=$1 limit=$((SECONDS + 60))
  shift
  until "$@" >"$scratch/last" 2>&1; do
    [ $SECONDS -lt $limit ] || { cat "$scratch/last"; fail "not within 60 s: $what ($*)"; }
    sleep 0.02
  done
}

# What this kernel is known to have: lines of the file in kernels/ that begin with WORD, without it.
known() {  # WORD
  local table
  table=$here/kernels/$(uname -r | cut -d. -f1,2)
  [ -e "$table" ] || fail "nothing is written down about kernel $(uname -r) (in ${table%/*}/)"
  sed -n "s/^$1  *//p" "$table"
}

start_daemon() {
  starts=$((starts + 1))
  ebpfnetd >"$scratch/daemon.$starts.log" 2>&1 &
  daemon=$!
  wait_until "the daemon is ready" is_ready
}
# Asks the log and not the daemon: under emulation a command would cost more than the start.
is_ready() { kill -0 "$daemon" || fail "the daemon ended"; grep -q event=ready "$scratch/daemon.$starts.log"; }
end_daemon() {  # SIGNAL
  kill -"$1" "$daemon"
  { wait "$daemon" || true; } 2>/dev/null # bash would tell of a SIGKILL
  daemon=''
}
status() { ebpfnet status --format json "$@"; }

leave() {
  local code=$?
  trap - EXIT
  if [ $code -ne 0 ] && [ $starts -gt 0 ]; then
    echo "--- log of ebpfnetd"
    cat "$scratch"/daemon.*.log | tail -n 60
  fi
  [ -z "$daemon" ] || end_daemon TERM
  if [ -e /var/lib/ebpfnet ]; then ebpfnetd --purge >/dev/null 2>&1 || true; fi
  if declare -F take_down >/dev/null; then take_down; fi
  rm -rf "$scratch"
  exit $code
}
trap leave EXIT
