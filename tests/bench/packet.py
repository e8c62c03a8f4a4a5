"""Nanoseconds per packet of the shipped programs by BPF_PROG_TEST_RUN: packet_bench, loaded several times.

The figures include the harness: BPF_PROG_TEST_RUN itself and the program that restores the packet before each run. What
those cost with an empty program is the row "empty program" of the same run. Where code and data of a program come to lie
differs from load to load, by up to 15 %, so the programs are loaded anew several times.
"""

import json
import os
import subprocess
from contextlib import closing

from lab import CommandFailed
from lab.host import binary
from report import Row, Target

# Scenario of packet_bench.cpp -> the most it may cost in ns, harness included; none: told only.
SCENARIOS = {
    "empty program": None,
    "forward tcp": 100, "forward udp": 100,
    "masquerade out tcp": 220, "masquerade reply tcp": 220, "masquerade out udp": 220, "masquerade reply udp": 220,
    "published in tcp": 220, "published reply tcp": 220,
    "new masquerade tcp": 900, "new masquerade udp": 900, "new published tcp": 900,
    "new masquerade tcp, flood": None,
    "host's own tcp": None,
}  # fmt: skip
LOADS, ROUNDS, PACKETS = 5, 5, 200_000
QUICK_LOADS, QUICK_ROUNDS, QUICK_PACKETS = 1, 1, 2_000


def run(options, progress):
    loads, rounds, packets = (QUICK_LOADS, QUICK_ROUNDS, QUICK_PACKETS) if options.quick else (LOADS, ROUNDS, PACKETS)
    rows = {}
    for name, bound in SCENARIOS.items():
        rows[name] = Row(name, "ns", targets=(Target(bound),) if bound else ())
    cpus = sorted(os.sched_getaffinity(0))
    progress.begin(loads * rounds * len(rows))
    for number in range(loads):
        cpu = cpus[number % len(cpus)]
        with closing(samples(rounds, packets, cpu)) as stream:
            for sample in stream:
                progress.step(f"load {number + 1}/{loads} on CPU {cpu}: {sample['scenario']}")
                rows[sample["scenario"]].add("ebpfnet", sample["ns"])
        progress.rows(rows.values())
    return list(rows.values())


def samples(rounds, packets, cpu):
    line = [str(binary("packet_bench")), str(rounds), str(packets), str(cpu)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            for text in process.stdout:
                yield json.loads(text)
        except BaseException:
            process.terminate()
            raise
        if process.wait() != 0:
            raise CommandFailed(line, process.returncode, "", process.stderr.read())
