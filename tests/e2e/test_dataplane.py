"""How packets travel: known unicast by the short cut, ARP from the map, the rest through the bridge, and large packets."""

import json
import subprocess
import time

import pytest
from lab import wait_until


@pytest.fixture
def pair(host):
    host.create_network("net")
    host.run_whoami("one", network="net")
    host.run_idle("two", network="net")
    return host


def bridge_packets(host):
    links = host.ns.ip("-s", "link", "show", "type", "bridge")
    return sum(link["stats64"][way]["packets"] for link in links for way in ("rx", "tx"))


def test_the_bridge_sees_nothing_of_a_bulk_transfer(pair):
    host = pair
    host.run("iperf", "iperf3", "-s", "--forceflush", network="net")
    server = host.ip_of("iperf", "net")
    wait_until(lambda: "listening" in host.cli("logs", "iperf").stdout, "iperf3 listens")
    before = bridge_packets(host)
    result = json.loads(host.exec("two", "iperf3", "-c", server, "-t", "2", "-J").stdout)
    segments = result["end"]["sum_sent"]["bytes"] / 65536
    assert segments > 1000, "too slow to prove anything"
    assert bridge_packets(host) - before < 20


def test_arp_is_answered_without_asking_the_neighbour(pair):
    host = pair
    one, two = host.inside("one"), host.inside("two")
    asks = f"arp[6:2] = 1 and ether src {host.endpoint('two', 'net')['MacAddress']}"
    capture = one.popen("tcpdump", "-nli", "eth0", asks, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while "listening on" not in capture.stderr.readline():
        pass
    two.run("ip", "neigh", "flush", "dev", "eth0")
    assert host.pings("two", host.ip_of("one", "net"), count=2)
    assert two.ip("neigh", "show", "dev", "eth0")[0]["lladdr"] == host.endpoint("one", "net")["MacAddress"]
    time.sleep(0.3)
    capture.terminate()
    assert capture.communicate(timeout=10)[0].strip() == ""


def test_the_bridge_has_a_static_entry_for_every_endpoint(pair):
    host = pair
    entries = {row["mac"] for row in json.loads(host.ns.run("bridge", "-json", "fdb", "show").stdout) if row.get("state") in ("static", "permanent")}
    for sandbox in ("one", "two"):
        assert host.endpoint(sandbox, "net")["MacAddress"] in entries


def test_the_host_has_one_address_on_the_bridge_and_its_ports(pair):
    # What is sent to a port's address goes to the host's stack, past what the programs decide for the gateway's.
    links = pair.ns.ip("link", "show")
    address = {link["ifname"]: link["address"] for link in links}
    ports = [link for link in links if "master" in link]
    assert len(ports) == 2
    assert all(port["address"] == address[port["master"]] for port in ports)


def test_the_bridge_keeps_its_mac_when_sandboxes_come_and_go(pair):
    host = pair

    def mac():
        return [link["address"] for link in host.ns.ip("link", "show", "type", "bridge")]

    before = mac()
    host.run_idle("three", network="net")
    host.cli("rm", "-f", "one", "three")
    assert mac() == before


def test_host_and_gateway_and_sandbox_reach_each_other(pair):
    host = pair
    gateway = host.network("net")["IPAM"]["Config"][0]["Gateway"]
    assert host.pings("two", gateway)
    host.ns.run("ping", "-c", "1", "-W", "2", host.ip_of("two", "net"))
    answer = host.ns.ask("tcp", host.ip_of("one", "net"), 80)
    assert answer["client"] == gateway
    host.ns.python("whoami.py", "host", "8888")
    assert host.ask("two", "tcp", gateway, 8888)["client"] == host.ip_of("two", "net")


@pytest.mark.parametrize("size", [1472, 4000, 20000])
def test_large_and_fragmented_packets_arrive(pair, size):
    host = pair
    done = host.exec("two", "ping", "-n", "-c", "2", "-i", "0.2", "-W", "2", "-s", str(size), host.ip_of("one", "net"))
    assert " 0% packet loss" in done.stdout


def test_a_removed_sandbox_answers_no_more_and_its_address_is_free(pair):
    host = pair
    host.expect_drops("isolated", "unknown_endpoint")
    address = host.ip_of("one", "net")
    host.cli("rm", "-f", "one")
    assert host.ask("two", "tcp", address, timeout=1) is None
    host.run_whoami("again", network="net", flags=["--ip", address])
    assert host.ask("two", "tcp", address)["name"] == "again"


def test_the_mtu_option_reaches_every_interface(host):
    host.create_network("small", "-o", "com.docker.network.driver.mtu=1400")
    host.run_idle("one", network="small")
    host.run_idle("two", network="small")
    assert host.inside("one").ip("link", "show", "eth0")[0]["mtu"] == 1400
    done = host.exec("one", "ping", "-n", "-c", "1", "-W", "1", "-M", "do", "-s", "1400", host.ip_of("two", "small"), check=False)
    assert done.returncode != 0
    assert host.pings("one", host.ip_of("two", "small"))
