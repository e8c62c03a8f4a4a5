#!/bin/bash
# The daemon finds what this kernel is known to have, no less and no more.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "$0")/../lib.sh"

start_daemon
found=$(status --verify)
names() { jq -r ".Features[] | select(.Present == $1) | .Name" <<<"$found" | sort; }
equal "features found" "$(names true)" "$(known present | sort)"
equal "features missing" "$(names false)" "$(known absent | sort)"
equal "programs are attached by" "$(jq -r .Attach <<<"$found")" "$(known attach)"
equal "kernel in status" "$(jq -r .Kernel <<<"$found")" "$(uname -r)"
equal "the kernel has what was asked for" "$(jq -c .Problems <<<"$found")" '[]'
