"""The machine that a run was made on, and whether it was quiet enough for its figures to mean something."""

import os
import platform
import subprocess
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
NOISY_LOAD = 0.3  # processes running or waiting, per CPU, before the run begins


def _first(path, key):
    for line in Path(path).read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key:
            return value.strip()
    return ""


def _git(*args):
    done = subprocess.run(["git", "-c", f"safe.directory={SOURCE}", *args], cwd=SOURCE, capture_output=True, text=True)
    return done.stdout.strip()


def cpu_times():
    """(all, stolen by the hypervisor) in clock ticks since boot."""
    fields = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return sum(fields[:8]), fields[7]


def facts():
    return {
        "cpu": _first("/proc/cpuinfo", "model name"),
        "cpus": os.cpu_count(),
        "memory_mib": int(_first("/proc/meminfo", "MemTotal").split()[0]) // 1024,
        "virtual": "hypervisor" in _first("/proc/cpuinfo", "flags").split(),
        "kernel": platform.release(),
        "system": _first_value("/etc/os-release", "PRETTY_NAME"),
        "load": os.getloadavg(),
        "git": _git("describe", "--always", "--dirty", "--exclude=*"),
    }


def _first_value(path, key):
    for line in Path(path).read_text().splitlines():
        name, _, value = line.partition("=")
        if name == key:
            return value.strip('"')
    return ""


def warnings(before, ticks_before):
    """What speaks against the figures of a run; empty on a quiet machine."""
    out = []
    if before["load"][0] > NOISY_LOAD * before["cpus"]:
        out.append(f"the machine was busy before the run: load {before['load'][0]:.2f} on {before['cpus']} CPUs")
    total, stolen = (now - then for now, then in zip(cpu_times(), ticks_before))
    if total and stolen / total > 0.01:
        out.append(f"the hypervisor took {100 * stolen / total:.1f} % of the CPU time")
    if before["git"].endswith("-dirty"):
        out.append(f"built from a changed tree ({before['git']})")
    return out
