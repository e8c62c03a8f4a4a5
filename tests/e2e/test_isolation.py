"""Networks are isolated from each other both ways, whatever a sandbox sends; what crosses is counted with its reason."""

import pytest
from lab.namespace import PYTHON, SUPPORT

TCP_AND_UDP = ("tcp", "udp")


@pytest.fixture
def tenants(host):
    """Networks left and right, a server in each, and admin on both."""
    host.create_network("left")
    host.create_network("right")
    for side in ("left", "right"):
        host.run_whoami(f"{side}-1", network=side)
        host.run_idle(f"{side}-2", network=side)
    host.run_idle("admin", network=["left", "right"])
    return host


def reached(host, sandbox, address, port=80):
    return [p for p in TCP_AND_UDP if host.ask(sandbox, p, address, port, timeout=1.5)]


def test_neighbours_reach_each_other_and_other_networks_do_not(tenants):
    host = tenants
    host.expect_drops("isolated")
    left, right = host.ip_of("left-1", "left"), host.ip_of("right-1", "right")
    assert reached(host, "left-2", left) == list(TCP_AND_UDP) and host.pings("left-2", left)
    assert reached(host, "right-2", right) == list(TCP_AND_UDP) and host.pings("right-2", right)
    assert host.drops() == {}
    assert reached(host, "left-2", right) == [] and not host.pings("left-2", right)
    assert reached(host, "right-2", left) == [] and not host.pings("right-2", left)
    assert host.drops()["isolated"] >= 6


def test_drops_are_counted_for_the_network_that_sent(tenants):
    host = tenants
    host.expect_drops("isolated")
    assert not host.pings("left-2", host.ip_of("right-1", "right"))
    rows = [row for row in host.status()["Drops"] if row["Packets"]]
    assert {(row["Network"], row["Reason"]) for row in rows} == {("left", "isolated")}


def test_unpublished_ports_are_not_reached_through_the_other_gateway(tenants):
    host = tenants
    host.expect_drops("isolated", "no_flow")
    gateway = host.network("right")["IPAM"]["Config"][0]["Gateway"]
    assert reached(host, "left-2", gateway) == []


def test_published_ports_answer_on_every_host_address(tenants):
    host = tenants
    host.run_whoami("open", network="right", flags=["-p", "8080:80", "-p", "8080:80/udp"])
    for network in ("left", "right"):
        gateway = host.network(network)["IPAM"]["Config"][0]["Gateway"]
        assert reached(host, "left-2", gateway, 8080) == list(TCP_AND_UDP), network
    assert reached(host, "left-2", host.address, 8080) == list(TCP_AND_UDP)


def test_a_sandbox_on_both_networks_reaches_both_but_does_not_forward(tenants):
    host = tenants
    host.expect_drops("isolated", "spoofed_ip", "spoofed_mac")
    left, right = host.ip_of("left-1", "left"), host.ip_of("right-1", "right")
    assert reached(host, "admin", left) == list(TCP_AND_UDP)
    assert reached(host, "admin", right) == list(TCP_AND_UDP)
    host.inside("left-2").run("ip", "route", "add", right, "via", host.ip_of("admin", "left"))
    assert reached(host, "left-2", right) == []


def test_a_foreign_source_address_is_dropped(tenants):
    host, victim = tenants, tenants.ip_of("left-1", "left")
    host.expect_drops("spoofed_ip", "spoofed_arp")
    attacker = host.inside("left-2")
    attacker.run("ip", "addr", "add", "10.99.99.99/32", "dev", "eth0")
    mac = host.endpoint("left-1", "left")["MacAddress"]
    attacker.run("ip", "neigh", "replace", victim, "lladdr", mac, "dev", "eth0")  # no ARP, which would be dropped first
    done = attacker.run("ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", "-I", "10.99.99.99", victim, check=False)
    assert done.returncode != 0
    assert host.drops()["spoofed_ip"] >= 2
    assert host.pings("left-2", victim), "its own address still works"


def test_a_foreign_mac_address_is_dropped(tenants):
    host, victim = tenants, tenants.ip_of("left-1", "left")
    host.expect_drops("spoofed_mac")
    attacker = host.inside("left-2")
    own = host.endpoint("left-2", "left")["MacAddress"]
    attacker.run("ip", "link", "set", "eth0", "address", "02:00:00:00:00:99")
    assert not host.pings("left-2", victim)
    assert host.drops()["spoofed_mac"] >= 1
    attacker.run("ip", "link", "set", "eth0", "address", own)
    assert host.pings("left-2", victim)


def test_arp_for_a_neighbours_address_is_dropped(tenants):
    host, victim = tenants, tenants.ip_of("left-1", "left")
    host.expect_drops("spoofed_arp")
    attacker = host.inside("left-2")
    attacker.run("ip", "addr", "add", f"{victim}/32", "dev", "eth0")
    attacker.run("arping", "-A", "-c", "2", "-I", "eth0", victim, check=False)
    assert host.drops()["spoofed_arp"] >= 1
    attacker.run("ip", "addr", "del", f"{victim}/32", "dev", "eth0")
    assert host.ask("admin", "tcp", victim)["name"] == "left-1"


def test_an_internal_network_has_no_way_out(host, lab):
    host.expect_drops("internal", "isolated")
    lab.server.python("whoami.py", "server", "80")
    host.create_network("closed", "--internal")
    host.create_network("open")
    host.run_whoami("closed-1", network="closed")
    host.run_idle("closed-2", network="closed")
    host.run_idle("open-1", network="open")
    address = host.ip_of("closed-1", "closed")
    assert reached(host, "closed-2", address) == list(TCP_AND_UDP)
    assert host.ns.ask("tcp", address, 80), "the host itself reaches it"
    assert "default" not in host.exec("closed-2", "ip", "route").stdout
    assert "unreachable" in host.exec("closed-2", "ping", "-c", "1", "192.0.2.200", check=False).stderr
    assert reached(host, "open-1", address) == []
    host.inside("closed-2").run("ip", "route", "add", "192.0.2.0/24", "dev", "eth0", "via", address, check=False)
    assert reached(host, "closed-2", "192.0.2.200") == []


def test_a_sandbox_on_an_internal_and_an_open_network_uses_the_open_gateway(host, lab):
    lab.server.python("whoami.py", "server", "80")
    host.create_network("closed", "--internal")
    host.create_network("open")
    host.run_idle("both", network=["closed", "open"])
    assert host.ask("both", "tcp", "192.0.2.200")["client"] == host.address


def test_icc_off_separates_neighbours_but_not_their_way_out(host, lab):
    host.expect_drops("no_icc")
    lab.server.python("whoami.py", "server", "80")
    host.create_network("apart", "-o", "com.docker.network.bridge.enable_icc=false")
    host.run_whoami("apart-1", network="apart")
    host.run_idle("apart-2", network="apart")
    assert reached(host, "apart-2", host.ip_of("apart-1", "apart")) == []
    assert host.ask("apart-2", "tcp", "192.0.2.200")["client"] == host.address
    assert host.drops()["no_icc"] >= 1


def test_a_client_on_the_lan_does_not_reach_sandboxes_directly(host, lab):
    host.expect_drops("direct_access")
    host.create_network("net")
    host.run_whoami("server", network="net", flags=["-p", "8080:80"])
    address = host.ip_of("server", "net")
    lab.client.run("ip", "route", "add", f"{address}/32", "via", host.address)
    assert lab.client.ask("tcp", address, 80, timeout=1.5) is None
    assert lab.client.ask("udp", address, 80, timeout=1.5) is None
    assert lab.client.run("ping", "-c", "1", "-W", "1", address, check=False).returncode != 0
    assert lab.client.ask("tcp", host.address, 8080)["client"] == "192.0.2.100"


def test_broadcast_stays_in_its_network(tenants):
    host = tenants
    prefix = host.network("left")["IPAM"]["Config"][0]["Subnet"]
    everyone = prefix.split("/")[0].rsplit(".", 2)[0] + ".255.255"
    answers = host.exec("left-2", PYTHON, SUPPORT / "broadcast.py", everyone, "80").stdout.split()
    assert answers == [host.ip_of("left-1", "left")]
