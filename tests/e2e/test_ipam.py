"""Addresses: Docker's pools and options, never one twice, and refusals that say what to do."""

import concurrent.futures
import ipaddress

import pytest
from conftest import make_lab


@pytest.fixture(scope="module")
def refusing(request):
    """One host for all refusals: they leave nothing behind."""
    with make_lab(request) as lab:
        lab.host.create_network("net", "--subnet", "10.9.0.0/24")
        yield lab.host


def config(host, network):
    return host.network(network)["IPAM"]["Config"][0]


def test_pools_are_dockers_in_order(host):
    assert config(host, "bridge")["Subnet"] == "172.17.0.0/16"
    for n in (18, 19, 20):
        host.create_network(f"net{n}")
        assert config(host, f"net{n}")["Subnet"] == f"172.{n}.0.0/16"
        assert config(host, f"net{n}")["Gateway"] == f"172.{n}.0.1"


def test_pools_are_skipped_where_the_host_has_a_route(host):
    host.ns.run("ip", "route", "add", "172.18.5.0/24", "via", "192.0.2.200")
    host.ns.run("ip", "route", "add", "172.19.0.0/16", "dev", "lan0")
    try:
        host.create_network("net")
        assert config(host, "net")["Subnet"] == "172.20.0.0/16"
    finally:
        host.ns.run("ip", "route", "del", "172.18.5.0/24")
        host.ns.run("ip", "route", "del", "172.19.0.0/16")


def test_a_removed_networks_pool_is_used_again(host):
    host.create_network("one")
    subnet = config(host, "one")["Subnet"]
    host.cli("network", "rm", "one")
    host.create_network("two")
    assert config(host, "two")["Subnet"] == subnet


def test_pools_run_out_with_a_story(host):
    for n in range(30):
        host.create_network(f"net{n}")
    assert config(host, "net29")["Subnet"] == "192.168.240.0/20"
    assert "all predefined address pools have been fully subnetted" in host.refused("network", "create", "more")
    host.create_network("own", "--subnet", "10.9.0.0/24")


def test_the_next_address_is_after_the_last_used(host):
    host.create_network("net", "--subnet", "10.9.0.0/24")
    for name, address in (("a", "10.9.0.2"), ("b", "10.9.0.3")):
        host.run_idle(name, network="net")
        assert host.ip_of(name, "net") == address
    host.cli("rm", "-f", "a")
    host.run_idle("c", network="net")
    assert host.ip_of("c", "net") == "10.9.0.4"


def test_ranges_gateways_and_auxiliary_addresses_are_kept(host):
    flags = ["--subnet", "10.9.0.0/24", "--ip-range", "10.9.0.16/30", "--gateway", "10.9.0.254", "--aux-address", "nas=10.9.0.17"]
    host.create_network("net", *flags)
    found = set()
    for n in range(3):
        host.run_idle(f"s{n}", network="net")
        found.add(host.ip_of(f"s{n}", "net"))
    assert found == {"10.9.0.16", "10.9.0.18", "10.9.0.19"}
    assert "default via 10.9.0.254" in host.exec("s0", "ip", "route").stdout
    story = host.refused("run", "-d", "--name", "s3", "--network", "net", "--", "sleep", "9")
    assert "no available addresses" in story and "10.9.0.16/30" in story
    assert "s3" not in host.sandbox_names()
    host.run_idle("static", network="net", flags=["--ip", "10.9.0.100"])
    assert "10.9.0.17" in host.refused("run", "-d", "--network", "net", "--ip", "10.9.0.17", "--", "sleep", "9")


def test_a_static_address_is_given_and_not_given_again(host):
    host.create_network("net", "--subnet", "10.9.0.0/29")
    host.run_idle("static", network="net", flags=["--ip", "10.9.0.3"])
    others = []
    for n in range(4):
        host.run_idle(f"s{n}", network="net")
        others.append(host.ip_of(f"s{n}", "net"))
    assert sorted(others) == ["10.9.0.2", "10.9.0.4", "10.9.0.5", "10.9.0.6"]
    story = host.refused("run", "-d", "--network", "net", "--ip", "10.9.0.3", "--", "sleep", "9")
    assert "Address already in use" in story and "static" in story


def test_macs_carry_the_address_unless_given(host):
    host.create_network("net", "--subnet", "10.9.0.0/24")
    host.run_idle("derived", network="net", flags=["--ip", "10.9.0.200"])
    assert host.endpoint("derived", "net")["MacAddress"] == "02:42:0a:09:00:c8"
    host.run_idle("given", network="net", flags=["--mac-address", "02:00:5e:00:53:01"])
    assert host.endpoint("given", "net")["MacAddress"] == "02:00:5e:00:53:01"
    assert host.inside("given").ip("link", "show", "eth0")[0]["address"] == "02:00:5e:00:53:01"
    assert host.pings("given", "10.9.0.200")


def test_point_to_point_subnets_use_both_addresses(host):
    host.create_network("pair", "--internal", "--subnet", "10.9.0.0/31")
    host.run_idle("one", network="pair")
    host.run_idle("two", network="pair")
    assert {host.ip_of("one", "pair"), host.ip_of("two", "pair")} == {"10.9.0.0", "10.9.0.1"}
    assert host.pings("one", host.ip_of("two", "pair"))


def test_a_single_address_subnet_holds_one_sandbox(host):
    host.create_network("single", "--internal", "--subnet", "10.9.0.7/32")
    host.run_idle("only", network="single")
    assert host.ip_of("only", "single") == "10.9.0.7"
    assert "no available addresses" in host.refused("run", "-d", "--network", "single", "--", "sleep", "9")


def test_two_networks_may_have_the_same_subnet(host, lab):
    host.expect_drops("isolated")
    lab.server.python("whoami.py", "server", "80")
    for side in ("left", "right"):
        host.create_network(side, "--subnet", "10.9.0.0/24")
        host.run_whoami(f"{side}-web", network=side, flags=["--ip", "10.9.0.10"])
        host.run_idle(f"{side}-me", network=side, flags=["--ip", "10.9.0.11"])
    for side in ("left", "right"):
        assert host.ask(f"{side}-me", "tcp", "10.9.0.10")["name"] == f"{side}-web"
        assert host.pings(f"{side}-me", "10.9.0.1"), "its gateway"
        for protocol in ("tcp", "udp"):
            assert host.ask(f"{side}-me", protocol, "192.0.2.200")["client"] == host.address
        assert host.pings(f"{side}-me", "192.0.2.200")
    host.cli("publish", "left-web", "8000:80")
    host.cli("publish", "right-web", "8001:80")
    assert lab.client.ask("tcp", host.address, 8000)["name"] == "left-web"
    assert lab.client.ask("tcp", host.address, 8001)["name"] == "right-web"


def test_one_sandbox_may_not_be_on_overlapping_networks(host):
    host.create_network("left", "--subnet", "10.9.0.0/24")
    host.create_network("right", "--subnet", "10.9.0.0/16")
    host.run_idle("one", network="left")
    story = host.refused("network", "connect", "right", "one")
    assert "left" in story and "10.9.0.0/24" in story
    story = host.refused("run", "-d", "--name", "two", "--network", "left", "--network", "right", "--", "sleep", "9")
    assert "10.9.0.0" in story and "two" not in host.sandbox_names()


def test_concurrent_requests_never_get_the_same_address(host):
    host.create_network("net", "--subnet", "10.9.0.0/26")
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda n: host.cli("sandbox", "create", "--network", "net", f"s{n}", timeout=120), range(61)))
    addresses = [entry["IPv4Address"] for entry in host.network("net")["Containers"].values()]
    assert len(addresses) == 61 and len(set(addresses)) == 61
    assert all(ipaddress.ip_interface(a) in ipaddress.ip_network("10.9.0.0/26") for a in addresses)
    host.cli("rm", "-f", *[f"s{n}" for n in range(61)], timeout=120)


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--subnet", "10.1.2.3/24"], "invalid subnet 10.1.2.3/24: it should be 10.1.2.0/24"),
        (["--subnet", "10.1.2.0/33"], "10.1.2.0/33"),
        (["--subnet", "ten.one/24"], "ten.one/24"),
        (["--subnet", "10.1.2.0/24", "--subnet", "10.1.2.128/25"], "overlap"),
        (["--subnet", "10.1.2.0/24", "--gateway", "10.1.3.1"], "10.1.3.1"),
        (["--subnet", "10.1.2.0/24", "--ip-range", "10.1.3.0/25"], "10.1.3.0/25"),
        (["--subnet", "10.1.2.0/24", "--aux-address", "a=10.1.3.9"], "10.1.3.9"),
        (["--subnet", "10.1.2.0/24", "--aux-address", "a=10.1.2.1", "--gateway", "10.1.2.1"], "10.1.2.1"),
        (["--gateway", "10.1.2.1"], "must have a corresponding subnet"),
        (["--ip-range", "10.1.2.0/25"], "must have a corresponding subnet"),
    ],
)
def test_impossible_pools_are_refused(refusing, flags, words):
    done = refusing.cli("network", "create", *flags, "bad", check=False)
    assert done.returncode in (1, 2) and words in done.stderr, done.stderr
    assert "bad" not in refusing.network_names()


@pytest.mark.parametrize(
    "network, address, words",
    [("net", "10.8.0.5", "10.8.0.5"), ("net", "10.9.0.0", "10.9.0.0"), ("net", "10.9.0.255", "10.9.0.255"),
     ("net", "10.9.0.1", "10.9.0.1"), ("net", "banana", "banana"), ("bridge", "172.17.0.9", "user-defined networks only")],
)  # fmt: skip
def test_impossible_addresses_are_refused(refusing, network, address, words):
    done = refusing.cli("run", "-d", "--name", "bad", "--network", network, "--ip", address, "--", "sleep", "9", check=False)
    assert done.returncode in (2, 125) and words in done.stderr, done.stderr
    assert "bad" not in refusing.sandbox_names()


def test_the_next_address_follows_the_last_one_also_after_a_restart(host):
    host.create_network("net", "--subnet", "10.9.0.0/24")
    for name in ("one", "two", "three"):
        host.run_idle(name, network="net")
    assert host.ip_of("three", "net") == "10.9.0.4"
    host.cli("rm", "-f", "two", "three")
    host.restart_daemon()
    host.run_idle("four", network="net")
    assert host.ip_of("four", "net") == "10.9.0.5"
