"""Runs the benchmarks that are rows of BENCHES, prints their tables and writes everything as JSON.

usage: bench.py [NAME...] [--quick] [--with-docker] [--json FILE] | --readme FILE
"""

import argparse
import datetime
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import control  # noqa: E402
import machine  # noqa: E402
import packet  # noqa: E402
import path  # noqa: E402
import readme  # noqa: E402
from docker_peer import remove_cgroups  # noqa: E402
from lab import CommandFailed, destroy, list_grounds  # noqa: E402
from progress import Progress  # noqa: E402

PREFIX = "ebn-bench"
# Name -> module with run(options, progress), which returns the rows.
BENCHES = {"packet": packet, "path": path, "control": control}


def arguments():
    parser = argparse.ArgumentParser(prog="bench.sh", description="Measures ebpfnet against its peers on this machine.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to measure: {', '.join(BENCHES)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="every row once and short: shows that it works, not how fast")
    parser.add_argument("--with-docker", action="store_true", help="control: measure a real dockerd too (package docker.io)")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write machine, rows and all samples there")
    parser.add_argument("--readme", metavar="FILE", type=Path, help="measure nothing; put a JSON file's figures into README.md")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in BENCHES]
    if unknown:
        parser.error(f"unknown benchmark {', '.join(unknown)} (there are: {', '.join(BENCHES)})")
    options.names = options.names or list(BENCHES)
    options.prefix = PREFIX
    return options


def sweep():
    """Ends labs that a killed run left."""
    for ground, maker in list_grounds(PREFIX):
        if not Path(f"/proc/{maker}").exists():
            destroy(ground)
            remove_cgroups(ground)


def measure(options, result):
    for name in options.names:
        progress = Progress(name)
        bench = BENCHES[name]
        print(f"=== {name}: {bench.__doc__.splitlines()[0]}", flush=True)
        rows = bench.run(options, progress)
        progress.finish(rows)
        result["benchmarks"][name] = [row.as_json() for row in rows]
    return result


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupted(number, _):
    for each in SIGNALS:  # the clean-up runs to its end, whatever comes
        signal.signal(each, lambda *_: None)
    raise SystemExit(128 + number)


def main():
    options = arguments()
    if options.readme:
        try:
            readme.update(json.loads(options.readme.read_text()))
        except (OSError, ValueError, KeyError) as error:
            print(f"bench.sh: {error}", file=sys.stderr)
            return 1
        return 0
    if os.geteuid() != 0:
        print("bench.sh: needs root for network namespaces and BPF", file=sys.stderr)
        return 1
    for number in SIGNALS:
        signal.signal(number, interrupted)
    sweep()
    facts, ticks = machine.facts(), machine.cpu_times()
    result = {"started": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "quick": options.quick}
    result |= {"machine": facts, "benchmarks": {}}
    print(f"{facts['cpu']}, {facts['cpus']} CPUs, Linux {facts['kernel']}, {facts['git']}, load {facts['load'][0]:.2f}\n")
    try:
        measure(options, result)
    except (CommandFailed, AssertionError, OSError, subprocess.TimeoutExpired) as error:
        print(f"\nbench.sh: {error}", file=sys.stderr)
        return 1
    result["warnings"] = machine.warnings(facts, ticks)
    for warning in result["warnings"]:
        print(f"warning: {warning}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
        print(f"written: {options.json}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
