"""Under load on all paths at once, neither the daemon's death nor another build of its programs loses a packet.

EBPFNET_LONG=1 kills and swaps ten times as often, and measures for five minutes without doing anything.
"""

import json
import os
import random
import signal
import time

import pytest
from lab import Load
from lab.ground import run

LONG = bool(os.environ.get("EBPFNET_LONG"))
KILLS, SWAPS = (1000, 100) if LONG else (100, 10)
BUILDS = ("ebpfnetd-rebuilt", "ebpfnetd")


@pytest.fixture
def load(idle_lab):
    """A function that starts the daemon with some flags, and traffic on all paths."""

    def start(*flags):
        idle_lab.host.flags = list(flags)
        idle_lab.host.start_daemon()
        made = Load(idle_lab)
        made.prepare()
        made.start()
        return made

    return start


def check(load):
    for path, report in load.finish().items():
        print(path, report)
        assert report["streams"]["messages"] and report["datagrams"]["sent"] and report["knocks"]["made"], path
    assert load.losses() == []


def test_nothing_is_lost_when_nothing_happens(load):
    """The measurement itself, measured."""
    load = load()
    time.sleep(300 if LONG else 5)
    check(load)


def test_kills_lose_nothing(load):
    """Every second kill comes while the daemon starts: there it replaces programs and writes its records again."""
    load = load()
    random.seed(1)
    seconds = 0.3
    for n in range(KILLS):
        assert load.host.kill_daemon() == -signal.SIGKILL, "it had ended by itself"
        begun = time.monotonic()
        load.host.start_daemon(wait=n % 2 == 0)
        if n % 2 == 0:
            seconds = time.monotonic() - begun
        else:
            time.sleep(random.uniform(0, seconds))
    load.host.wait_ready()
    check(load)


def programs(host):
    """The programs on the host's interfaces and its cgroup: {(program, pin or device): (id, tag)}."""
    found = {}
    for link in host.pins("links/*/*"):
        number = json.loads(run("bpftool", "-j", "link", "show", "pinned", link).stdout)["prog_id"]
        found[link.parent.name, link.name] = number
    for device in host.ns.link_names():
        for way in ("ingress", "egress"):
            for entry in json.loads(host.ns.run("tc", "-j", "filter", "show", "dev", device, way).stdout or "[]"):
                if "prog" in entry.get("options", {}):
                    program = entry["options"]["prog"]
                    found[program["name"], device] = program["id"]
    tags = {entry["id"]: entry["tag"] for entry in json.loads(run("bpftool", "-j", "prog", "show").stdout)}
    return {place: (number, tags[number]) for place, number in found.items()}


@pytest.mark.parametrize("way", ["auto", "clsact"])
def test_another_build_takes_over_without_a_loss(load, way):
    load = load("--attach", way)
    host = load.host
    seen = [programs(host)]
    assert host.status()["Attach"] == ("clsact" if way == "clsact" else "tcx")
    for n in range(SWAPS):
        host.stop_daemon()
        host.build = BUILDS[n % 2]
        host.start_daemon()
        seen.append(programs(host))
        assert seen[n].keys() == seen[n + 1].keys() and len(seen[n]) >= 8
        for place, (number, tag) in seen[n + 1].items():
            assert number != seen[n][place][0], f"{place} was not replaced"
            assert tag != seen[n][place][1], f"{place} has the same instructions as before"
            assert n == 0 or tag == seen[n - 1][place][1]
    check(load)
    remove_qdiscs(host)


def test_the_way_of_attaching_can_change(idle_lab):
    """No program hangs in both ways, and each place has one."""
    host = idle_lab.host
    host.start_daemon()
    host.create_network("net")
    host.run_whoami("web", network="net", flags=["-p", "8000:80"])
    for flags, kind in ((["--attach", "clsact"], "filters"), ([], "links"), (["--attach", "clsact"], "filters")):
        host.stop_daemon()
        host.flags = flags
        host.start_daemon()
        places = [place for place in programs(host) if place[0].startswith("tc_")]
        in_links = {str(pin.name) for pin in host.pins("links/tc_*/*")}
        assert len(places) == 4, f"{places} (lo of the sandbox is not looked at)"
        assert bool(in_links) == (kind == "links"), places
        assert idle_lab.client.ask("tcp", host.address, 8000)["name"] == "web"
    remove_qdiscs(host)


def remove_qdiscs(host):
    """Purges, and removes what stays of clsact filters: the empty qdisc, which others may use."""
    host.stop_daemon()
    host.run_daemon_to_end("--purge")
    filters = host.ns.run("tc", "filter", "show", "dev", "lan0", "ingress", check=False).stdout
    assert filters == ""
    host.ns.run("tc", "qdisc", "del", "dev", "lan0", "clsact", check=False)
