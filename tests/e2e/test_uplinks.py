"""Which interfaces the programs go on when no --uplink names them: what has an address or a route, as it comes and goes."""

import pytest
from lab import wait_until


@pytest.fixture
def host(idle_lab):
    idle_lab.host.uplink_flags = []
    idle_lab.host.start_daemon()
    return idle_lab.host


def uplinks(host):
    return {row["Name"]: row["Address"] for row in host.status()["Uplinks"]}


def become(host, wanted):
    wait_until(lambda: uplinks(host) == wanted, f"the uplinks are {wanted}; they are {uplinks(host)}")


def test_interfaces_that_lead_outside_are_followed(host, idle_lab):
    lan = {"lan0": host.address}
    host.create_network("net")
    host.run_whoami("web", network="net", flags=["-p", "8000:80"])
    become(host, lan)
    assert idle_lab.client.ask("tcp", host.address, 8000)["name"] == "web"
    host.ns.run("ip", "link", "add", "wan0", "type", "veth", "peer", "name", "wan1")
    host.ns.run("ip", "link", "set", "wan0", "up")
    host.ns.run("ip", "link", "set", "wan1", "up")
    become(host, lan)
    host.ns.run("ip", "addr", "add", "198.51.100.1/24", "dev", "wan0")
    become(host, {**lan, "wan0": "198.51.100.1"})
    host.ns.run("ip", "addr", "del", "198.51.100.1/24", "dev", "wan0")
    become(host, lan)
    host.ns.run("ip", "route", "add", "203.0.113.0/24", "dev", "wan0")
    become(host, {**lan, "wan0": ""})
    host.ns.run("ip", "link", "del", "wan0")
    become(host, lan)
    host.cli("status", "--verify")
