"""The control plane: joining and leaving a network, many starts at once, a published range, memory, growth to 1000 sandboxes and their
removal.

Latencies are those of one request on the daemon's socket (and of the command line, which is a process per request). CNI is
the bridge and host-local plugins of Debian, one process chain per request, in the same lab and in turn with ebpfnet.
"""

import json
import multiprocessing
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import path
import topology
from api import Api, milliseconds
from cni_worker import PLUGINS
from docker_peer import Docker
from lab import Lab
from lab.host import SOURCE, binary
from lab.namespace import PYTHON
from report import Row, Target

HERE = Path(__file__).resolve().parent
RANGE = {"HostPort": 20000, "HostPortEnd": 29999, "Port": 20000, "PortEnd": 29999, "Protocol": "tcp"}
PARALLEL = 64  # removals


class Size:
    """How much is done: whole, or only to show that it works."""

    def __init__(self, quick):
        self.joins, self.starts, self.parallel_rounds, self.ranges = (3, 4, 1, 2) if quick else (100, 64, 3, 20)
        self.sandboxes, self.memory_at, self.window = (20, 10, 3) if quick else (1000, 500, 50)
        self.networks, self.per_network = (4, 2) if quick else (200, 5)
        self.seconds, self.rounds = (0.1, 1) if quick else (1.0, 5)


def run(options, progress):
    size = Size(options.quick)
    rows = []
    with Lab(options.prefix) as lab:
        api = Api(lab.host.socket)
        rows += joins(lab, api, size, progress, options)
        rows.append(parallel_starts(lab, api, size, progress))
        rows.append(published_range(api, size, progress))
    with Lab(options.prefix) as lab:
        api = Api(lab.host.socket)
        rows += growth(lab, api, size, progress)
        rows += removals(lab, api, size, progress)
    with Lab(options.prefix) as lab:
        rows.append(many_networks(lab, Api(lab.host.socket), size, progress))
    return rows


# --- joining and leaving


def joins(lab, api, size, progress, options):
    """network connect and disconnect of a running sandbox."""
    bounds = (Target(5), Target(5, percentile=99))
    rows = Row("connect to a network", "ms", targets=bounds), Row("disconnect", "ms", targets=bounds)
    for name in ("home", "bench"):
        api.call("POST", "/v1/networks", {"Name": name})
    lab.host.run_idle("box", network="home")
    peers = {"ebpfnet": ebpfnet_join(api), "ebpfnet, command line": command_line_join(lab)}
    with Cni(lab) as cni, Docker(lab, options.with_docker) as docker:
        peers |= {"CNI bridge": cni.join} if cni.missing is None else {}
        peers |= {"docker": docker.join} if docker.missing is None else {}
        for row in rows:
            row.note = "; ".join(peer.missing for peer in (cni, docker) if peer.missing)
        progress.begin(size.joins * len(peers))
        for _ in range(size.joins):
            for name, join in peers.items():
                progress.step(f"connect and disconnect, {name}")
                for row, took in zip(rows, join()):
                    row.add(name, took)
    return rows


def ebpfnet_join(api):
    def join():
        connect = milliseconds(api.call, "POST", "/v1/networks/bench/connect", {"Sandbox": "box"})
        return connect, milliseconds(api.call, "POST", "/v1/networks/bench/disconnect", {"Sandbox": "box"})

    return join


def command_line_join(lab):
    def command(verb):
        line = [binary("ebpfnet"), "network", verb, "bench", "box"]
        subprocess.run(line, check=True, env=lab.host.environment, stdout=subprocess.DEVNULL, timeout=60)

    return lambda: (milliseconds(command, "connect"), milliseconds(command, "disconnect"))


class Cni:
    """The plugins bridge and host-local on a namespace of their own. `missing` tells why not, else it is None."""

    def __init__(self, lab):
        self.lab = lab
        found = Path(PLUGINS, "bridge").exists() and Path(PLUGINS, "host-local").exists()
        self.missing = None if found else "CNI not measured: containernetworking-plugins is not installed"

    def __enter__(self):
        if self.missing is None:
            host, box = self.lab.ground.namespace("cni-host"), self.lab.ground.namespace("cni-box")
            line = [PYTHON, HERE / "cni_worker.py", box.path, self.lab.ground.dir / "cni"]
            self.worker = host.popen(*line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            assert self.worker.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_):
        if self.missing is None:
            self.worker.stdin.close()
            self.worker.wait(10)

    def join(self):
        return self._ask("ADD"), self._ask("DEL")

    def _ask(self, command):
        self.worker.stdin.write(f"{command}\n")
        self.worker.stdin.flush()
        answer = self.worker.stdout.readline()
        if answer.startswith("failed"):
            raise AssertionError(f"CNI {command}: {answer}")
        return float(answer)


# --- many at once, and ranges


def sandbox(name, network, process=True):
    command = {"Process": {"Cmd": ["/bin/sleep", "86400"]}, "Start": True} if process else {}
    return {"Name": name, "Networks": [{"Network": network}], **command}


def parallel_starts(lab, api, size, progress):
    """That many `run -d` at the same moment, until the last one is answered."""
    row = Row(f"{size.starts} starts at once", "ms")
    names = [f"many-{number}" for number in range(size.starts)]

    def start(name):
        Api(lab.host.socket).call("POST", "/v1/sandboxes", sandbox(name, "bench"))

    progress.begin(size.parallel_rounds)
    with ThreadPoolExecutor(size.starts) as pool:
        for number in range(size.parallel_rounds):
            progress.step(f"{row.scenario}, round {number + 1}")
            row.add("ebpfnet", milliseconds(lambda: list(pool.map(start, names))))
            for name in names:
                api.call("DELETE", f"/v1/sandboxes/{name}?force=1")
    return row


def published_range(api, size, progress):
    """publish box 20000-29999:20000-29999 on a running sandbox."""
    row = Row("publish 10 000 ports", "ms", targets=(Target(10),), note="one record, one answer")
    progress.begin(size.ranges)
    for _ in range(size.ranges):
        progress.step(row.scenario)
        row.add("ebpfnet", milliseconds(api.call, "POST", "/v1/sandboxes/box/publish", RANGE))
        api.call("POST", "/v1/sandboxes/box/unpublish", RANGE)
    return row


# --- growth


def resident_mib(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"no VmRSS of process {pid}")


def growth(lab, api, size, progress):
    """Sandboxes on one network, one after the other: time of each, memory on the way, forwarding at both ends."""
    memory = Row("resident memory of the daemon", "MiB", subject=f"{size.memory_at} sandboxes", targets=(Target(30),))
    create = Row("create a sandbox", "ms", subject=f"the last of {size.sandboxes}", targets=(Target(1.25, "the first"),))
    forward = Row("request/response, share of a veth pair's", "1", subject=f"{size.sandboxes} sandboxes", more=True)
    forward.targets = (Target(0.97, "2 sandboxes"),)
    memory.add("idle", resident_mib(lab.host.daemon.pid))
    paths = {"ebpfnet": topology.ebpfnet(lab), "veth": topology.veth(lab)}
    cpus = sorted(os.sched_getaffinity(0))
    for each in paths.values():
        path.start_server(each, cpus[-1])
    measure_forwarding(paths, forward, "2 sandboxes", size, cpus)
    total = size.sandboxes - 2
    progress.begin(total)
    for number in range(total):
        progress.step(f"{create.scenario} {number + 3} of {size.sandboxes}")
        took = milliseconds(api.call, "POST", "/v1/sandboxes", sandbox(f"grow-{number}", "bench", process=False))
        if number < size.window:
            create.add("the first", took)
        if number >= total - size.window:
            create.add(create.subject, took)
        if number + 3 == size.memory_at:
            memory.add(memory.subject, resident_mib(lab.host.daemon.pid))
    measure_forwarding(paths, forward, forward.subject, size, cpus)
    return [memory, create, forward]


def removals(lab, api, size, progress):
    """The sandboxes of growth() go, by many requests at once, while one sandbox joins and leaves another network."""
    names = [f"grow-{number}" for number in range(size.sandboxes - 2)]
    whole = Row(f"{len(names)} removals at once", "ms")
    others = Row("connect or disconnect beside them", "ms", subject="during removals")
    others.targets = (Target(10), Target(100, percentile=99))
    for name in ("aside", "elsewhere"):
        api.call("POST", "/v1/networks", {"Name": name})
    api.call("POST", "/v1/sandboxes", sandbox("guest", "aside", process=False))

    def join_and_leave(variant):
        for verb in ("connect", "disconnect"):
            others.add(variant, milliseconds(api.call, "POST", f"/v1/networks/elsewhere/{verb}", {"Sandbox": "guest"}))

    progress.begin(size.joins + 1)
    for _ in range(size.joins):
        progress.step("connect and disconnect in quiet")
        join_and_leave("in quiet")
    progress.step(whole.scenario)
    # A process of their own: threads of this one would take turns with what is measured.
    remover = multiprocessing.get_context("fork").Process(target=remove_all, args=(lab.host.socket, names))
    whole.add("ebpfnet", milliseconds(remove_beside, remover, lambda: join_and_leave("during removals")))
    left = [each["Name"] for each in api.call("GET", "/v1/sandboxes?all=1") if each["Name"] in names]
    if remover.exitcode != 0 or left:
        raise AssertionError(f"removals ended with code {remover.exitcode}, and {len(left)} sandboxes are left")
    return [whole, others]


def remove_beside(remover, operation):
    remover.start()
    while remover.is_alive():
        operation()
    remover.join()


def remove_all(path, names):
    with ThreadPoolExecutor(PARALLEL) as pool:
        for _ in pool.map(lambda name: Api(path).call("DELETE", f"/v1/sandboxes/{name}?force=1"), names):
            pass


def measure_forwarding(paths, row, variant, size, cpus):
    for _ in range(size.rounds):
        rates = {name: path.load(each, "rr", 1, size.seconds, cpus[0]) for name, each in paths.items()}
        row.add(variant, rates["ebpfnet"] / rates["veth"])


def many_networks(lab, api, size, progress):
    """Networks with sandboxes: time per sandbox, its share of the network included."""
    row = Row(f"network of {size.per_network}, per sandbox", "ms", subject="the last ones", targets=(Target(1.25, "the first"),))
    tenth = max(size.networks // 10, 1)
    progress.begin(size.networks)
    for number in range(size.networks):
        progress.step(f"network {number + 1} of {size.networks}")
        took = milliseconds(make_network, api, f"net-{number}", number, size.per_network)
        if number < tenth:
            row.add("the first", took / size.per_network)
        if number >= size.networks - tenth:
            row.add(row.subject, took / size.per_network)
    return row


def make_network(api, name, number, sandboxes):
    subnet = {"IPAM": {"Config": [{"Subnet": f"10.{100 + number // 250}.{number % 250}.0/24"}]}}
    api.call("POST", "/v1/networks", {"Name": name, **subnet})
    for each in range(sandboxes):
        api.call("POST", "/v1/sandboxes", sandbox(f"{name}-{each}", name, process=False))
