"""Container to container on one network: ebpfnet against Docker's bridge, a bare bridge and a veth pair, in the same run.

A round measures every scenario over every path once, in random order. Client and server are each pinned to one CPU, the
same ones for every path; on a veth the CPU of the sender does the work of the whole way to the receiver's socket.
"""

import json
import os
import random
import subprocess

import topology
from lab import CommandFailed, Lab
from lab.host import binary
from report import Row, Target

PORT = 5201

RATE_TARGETS = (Target(1.8, "docker"), Target(0.97, "veth"))
STREAM_TARGETS = (Target(1.4, "docker"), Target(0.97, "veth"))

# Scenario, tcp_load mode, connections, targets.
SCENARIOS = (
    ("request/response, 1 connection", "rr", 1, RATE_TARGETS),
    ("request/response, 16 connections", "rr", 16, RATE_TARGETS),
    ("connect, 1 client", "connect", 1, RATE_TARGETS),
    ("connect, 16 clients", "connect", 16, RATE_TARGETS),
    ("throughput, 1 connection", "stream", 1, STREAM_TARGETS),
)
SECONDS, ROUNDS = 1.0, 9
QUICK_SECONDS, QUICK_ROUNDS = 0.1, 1


def load(path, mode, connections, seconds, cpu):
    """One sample: transactions or bytes per second."""
    line = ["taskset", "-c", str(cpu), binary("tcp_load"), mode, path.address, PORT, connections, seconds]
    return json.loads(path.client.run(*line, timeout=seconds + 30).stdout)["per_second"]


def start_server(path, cpu):
    line = ["taskset", "-c", str(cpu), binary("tcp_load"), "serve", path.address, PORT]
    server = path.server.popen(*line, stdout=subprocess.PIPE, text=True)
    if server.stdout.readline() != "ready\n":
        raise CommandFailed(line, server.wait(), "", "not ready")


def run(options, progress):
    cpus = sorted(os.sched_getaffinity(0))
    client_cpu, server_cpu = cpus[0], cpus[-1]
    rounds, seconds = (QUICK_ROUNDS, QUICK_SECONDS) if options.quick else (ROUNDS, SECONDS)
    rows = {}
    for scenario, mode, _, targets in SCENARIOS:
        unit = "Gbit/s" if mode == "stream" else "1/s"
        rows[scenario] = Row(scenario, unit, more=True, targets=targets, note=f"CPU {client_cpu} to CPU {server_cpu}")
    with Lab(options.prefix) as lab:
        missing = topology.missing()
        paths = {name: make(lab) for name, make in topology.PATHS.items() if name not in missing}
        for path in paths.values():
            start_server(path, server_cpu)
        progress.begin(rounds * len(SCENARIOS) * len(paths))
        for number in range(rounds):
            turns = [(scenario, name) for scenario in SCENARIOS for name in paths]
            random.shuffle(turns)
            for scenario, name in turns:
                title, mode, connections, _ = scenario
                progress.step(f"round {number + 1}/{rounds}: {title}, {name}")
                rate = load(paths[name], mode, connections, seconds, client_cpu)
                rows[title].add(name, rate * 8e-9 if mode == "stream" else rate)
            progress.rows(rows.values())
        drops = lab.host.drops()
        if drops:
            raise AssertionError(f"ebpfnet dropped packets: {drops}")
    for row in rows.values():
        row.samples = {name: row.samples[name] for name in paths}  # in the order of the table
        row.note = "; ".join([row.note, *missing.values()])
    return list(rows.values())
