"""IPv6 end to end: neighbours, the way out, published ports, isolation, and what the host answers, with real processes."""

import pytest

from lab import CLIENT, PYTHON, SERVER, SUPPORT, address6, wait_until

CLIENT6, SERVER6 = address6(CLIENT), address6(SERVER)
PROTOCOLS = pytest.mark.parametrize("protocol", ["tcp", "udp"])


def serve(host, name, network, port=5000, flags=()):
    """A server on both families, which tells IPv4 clients in their mapped form."""
    host.run(name, PYTHON, SUPPORT / "whoami.py", name, port, "::", network=network, flags=flags)
    wait_until(lambda: "ready" in host.cli("logs", name).stdout, f"{name} is ready")


def ip6_of(host, sandbox, network):
    return host.endpoint(sandbox, network)["GlobalIPv6Address"]


@pytest.fixture
def six(host, lab):
    lab.add_ipv6()
    lab.server.python("whoami.py", "server", "80", "::")
    for name in ("cat", "dog"):
        host.create_network(name, "--ipv6")
    serve(host, "cat-web", "cat", flags=["-p", "8000:5000", "-p", "8000:5000/udp"])
    serve(host, "cat-db", "cat")
    serve(host, "dog-web", "dog")
    yield host
    lab.remove_ipv6()


@PROTOCOLS
def test_neighbours_reach_each_other_by_name_and_keep_off_the_bridge(six, protocol):
    six.exec("cat-web", "ping", "-6", "-n", "-c", "1", "-W", "2", "cat-db")
    bridge = six.network("cat")["Id"][:12]
    before = six.ns.ip("-s", "link", "show", f"ebn{bridge}")[0]["stats64"]["rx"]["packets"]
    for _ in range(20):
        assert six.ask("cat-web", protocol, ip6_of(six, "cat-db", "cat"), 5000)["client"] == ip6_of(six, "cat-web", "cat")
    after = six.ns.ip("-s", "link", "show", f"ebn{bridge}")[0]["stats64"]["rx"]["packets"]
    assert after - before <= 4  # neighbour discovery of multicast, at most
    assert not six.unexpected_drops()


@PROTOCOLS
def test_the_way_out_has_the_hosts_address(six, protocol):
    answer = six.ask("cat-web", protocol, SERVER6)
    assert answer["client"] == six.address6
    assert 61000 <= answer["client_port"] <= 65535


@pytest.mark.parametrize("size", [56, 1452, 4000])
def test_echo_requests_find_back(six, size):
    done = six.exec("cat-web", "ping", "-6", "-n", "-c", "2", "-i", "0.2", "-W", "2", "-s", size, SERVER6)
    assert " 0% packet loss" in done.stdout


@PROTOCOLS
def test_a_published_port_keeps_the_clients_address(six, lab, protocol):
    answer = lab.client.ask(protocol, six.address6, 8000)
    assert (answer["name"], answer["client"]) == ("cat-web", CLIENT6)
    assert lab.client.ask(protocol, six.address, 8000)["client"] == f"::ffff:{CLIENT}"


@PROTOCOLS
def test_sandboxes_reach_a_published_port_by_the_hosts_address(six, protocol):
    assert six.ask("cat-db", protocol, six.address6, 8000)["client"] == ip6_of(six, "cat-db", "cat")
    assert six.ask("dog-web", protocol, six.address6, 8000)["client"] == ip6_of(six, "dog-web", "dog")
    gateway = six.endpoint("cat-web", "cat")["IPv6Gateway"]
    assert six.ask("cat-web", protocol, six.address6, 8000)["client"] == gateway


def test_networks_are_isolated(six, lab):
    six.expect_drops("isolated", "direct_access", "no_flow", "internal")
    assert not six.pings("dog-web", ip6_of(six, "cat-db", "cat"))
    assert six.ask("dog-web", "tcp", ip6_of(six, "cat-db", "cat"), 5000, timeout=1) is None
    lab.client.run("ip", "route", "add", six.network("cat")["IPAM"]["Config"][1]["Subnet"], "via", six.address6)
    assert lab.client.ask("tcp", ip6_of(six, "cat-db", "cat"), 5000, timeout=1) is None
    six.create_network("inner", "--ipv6", "--internal")
    serve(six, "inner-a", "inner")
    serve(six, "inner-b", "inner")
    assert six.pings("inner-a", ip6_of(six, "inner-b", "inner"))
    assert not six.pings("inner-a", SERVER6)


def test_the_host_and_its_sandboxes_reach_each_other(six):
    address, gateway = ip6_of(six, "cat-web", "cat"), six.endpoint("cat-web", "cat")["IPv6Gateway"]
    assert six.ns.run("ping", "-6", "-n", "-c", "1", "-W", "2", address, check=False).returncode == 0
    assert six.ns.ask("tcp", address, 5000)["client"] == gateway
    assert six.pings("cat-web", gateway)
    assert six.pings("cat-web", six.address6)


def test_the_last_hop_and_the_mtu_are_answered(six, lab):
    six.expect_drops("hop_limit", "too_big")
    gateway = six.endpoint("cat-web", "cat")["IPv6Gateway"]
    last = six.exec("cat-web", "ping", "-6", "-n", "-c", "1", "-W", "2", "-t", "1", SERVER6, check=False).stdout
    assert f"From {gateway}" in last and "Time exceeded" in last
    six.ns.run("ip", "-6", "route", "add", SERVER6, "dev", "lan0", "mtu", "lock", "1400")
    big = six.exec("cat-web", "ping", "-6", "-n", "-c", "3", "-i", "0.2", "-W", "2", "-M", "do", "-s", "1400", SERVER6, check=False)
    assert "mtu" in big.stdout.lower() + big.stderr.lower()
    assert " 0% packet loss" in six.exec("cat-web", "ping", "-6", "-n", "-c", "2", "-i", "0.2", "-W", "2", "-s", "1400", SERVER6).stdout


def test_a_router_among_the_tenants_is_not_believed(six):
    six.expect_drops("router_advertisement", "spoofed_ip", "spoofed_nd")
    tenant = six.inside("cat-db")
    forged = """
import socket, struct
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
index = socket.if_nametoindex("eth0")
s.sendto(struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0), ("ff02::1", 0, 0, index))
"""
    tenant.run(PYTHON, "-c", forged)
    wait_until(lambda: six.drops().get("router_advertisement"), "the advertisement is dropped")
    routes = six.inside("cat-web").ip("-6", "route", "show", "default")
    assert [route["gateway"] for route in routes] == [six.endpoint("cat-web", "cat")["IPv6Gateway"]]


def test_traffic_goes_on_without_the_daemon(six, lab):
    six.kill_daemon()
    try:
        assert lab.client.ask("tcp", six.address6, 8000)["client"] == CLIENT6
    finally:
        six.start_daemon()
    assert six.ask("cat-web", "tcp", SERVER6)["client"] == six.address6
    assert six.cli("status", "--verify").returncode == 0


def test_equal_subnets_are_told_apart(six, lab):
    for number, name in enumerate(("one", "two")):
        six.create_network(name, "--ipv6", "--subnet", "fd00:77::/64")
        serve(six, name, name, flags=["-p", f"910{number}:5000"])
    for number, name in enumerate(("one", "two")):
        assert lab.client.ask("tcp", six.address6, 9100 + number)["name"] == name
        assert six.ask(name, "tcp", SERVER6)["client"] == six.address6
        assert six.pings(name, six.endpoint(name, name)["IPv6Gateway"])
    # The host knows the sandbox of the second one by an address that no other has.
    (seen,) = [route["dst"] for route in six.ns.ip("-6", "route", "show") if route["dst"].startswith("2001:2::")]
    for protocol in ("tcp", "udp"):
        assert six.ns.ask(protocol, seen, 5000)["name"] == "two"
    assert six.ns.run("ping", "-6", "-n", "-c", "1", "-W", "2", seen, check=False).returncode == 0
