"""IPv6 of bridge networks as the daemon sets it up: addresses, routes, settings, names, and that nothing of it stays."""

import ipaddress

import pytest
from conftest import make_lab
from lab import wait_until

SUBNET6, GATEWAY6 = "fd00:55::/64", "fd00:55::1"


@pytest.fixture(scope="module")
def refusing(request):
    """One host for all refusals: they leave nothing behind."""
    with make_lab(request) as lab:
        lab.host.create_network("net", "--subnet", "10.9.0.0/24", "--ipv6", "--subnet", SUBNET6)
        lab.host.create_network("four", "--subnet", "10.10.0.0/24")
        lab.host.run_idle("web", network="net", flags=["--ip6", "fd00:55::77"])
        yield lab.host


def bridge_of(host, network):
    return "ebn" + host.network(network)["Id"][:12]


def addresses(namespace, device):
    """{address/length: scope} of IPv6."""
    found = namespace.ip("-6", "addr", "show", "dev", device)
    return {f"{a['local']}/{a['prefixlen']}": a["scope"] for link in found for a in link["addr_info"]}


def default_routes(namespace):
    return [(route["gateway"], route["dev"]) for route in namespace.ip("-6", "route", "show", "default")]


def setting(namespace, device, key):
    return namespace.run("cat", f"/proc/sys/net/ipv6/conf/{device}/{key}").stdout.strip()


def link_local(mac):
    octets = [int(part, 16) for part in mac.split(":")]
    octets[0] ^= 2
    identifier = bytes(octets[:3]) + b"\xff\xfe" + bytes(octets[3:])
    return str(ipaddress.IPv6Address(bytes.fromhex("fe80" + "00" * 6) + identifier))


def verify(host):
    return host.cli("status", "--verify", check=False)


def assert_whole(host):
    done = verify(host)
    assert done.returncode == 0, done.stdout[-2000:]


def dual(host, name="net", subnet="10.9.0.0/24", subnet6=SUBNET6):
    host.create_network(name, "--subnet", subnet, "--ipv6", "--subnet", subnet6)


def test_a_dual_stack_network_is_shown_in_dockers_words(host):
    dual(host)
    host.run_idle("web", network="net", flags=["--ip6", "fd00:55::77"])
    shown = host.network("net")
    assert (shown["EnableIPv4"], shown["EnableIPv6"]) == (True, True)
    assert shown["IPAM"]["Config"] == [
        {"Subnet": "10.9.0.0/24", "Gateway": "10.9.0.1"},
        {"Subnet": SUBNET6, "Gateway": GATEWAY6},
    ]
    member = next(iter(shown["Containers"].values()))
    assert (member["IPv4Address"], member["IPv6Address"]) == ("10.9.0.2/24", "fd00:55::77/64")
    end = host.endpoint("web", "net")
    assert (end["IPv6Gateway"], end["GlobalIPv6Address"], end["GlobalIPv6PrefixLen"]) == (GATEWAY6, "fd00:55::77", 64)
    assert (end["Gateway"], end["IPAddress"], end["IPPrefixLen"]) == ("10.9.0.1", "10.9.0.2", 24)
    four = host.network("bridge")
    assert (four["EnableIPv4"], four["EnableIPv6"]) == (True, False)


def test_without_a_subnet_a_unique_local_one_is_chosen_and_kept(host):
    for name in ("one", "two"):
        host.create_network(name, "--ipv6")
        host.run_idle(f"in-{name}", network=name)
    found = [ipaddress.ip_network(host.network(name)["IPAM"]["Config"][1]["Subnet"]) for name in ("one", "two")]
    assert found[0] != found[1]
    for subnet in found:
        assert subnet.prefixlen == 64 and subnet.subnet_of(ipaddress.ip_network("fd00::/8"))
    assert found[0].supernet(new_prefix=48) == found[1].supernet(new_prefix=48)
    assert host.endpoint("in-one", "one")["GlobalIPv6Address"] == str(found[0][2])
    host.cli("rm", "-f", "in-one", "in-two")
    host.cli("network", "rm", "one", "two")
    host.restart_daemon()
    host.create_network("again", "-o", "com.docker.network.enable_ipv6=true")
    assert host.network("again")["IPAM"]["Config"][1]["Subnet"] == str(found[0])


def test_a_network_of_ipv6_alone(host):
    host.create_network("six", "--ipv4=false", "--ipv6", "--subnet", SUBNET6)
    host.run_idle("web", network="six")
    shown = host.network("six")
    assert (shown["EnableIPv4"], shown["EnableIPv6"]) == (False, True)
    assert shown["IPAM"]["Config"] == [{"Subnet": SUBNET6, "Gateway": GATEWAY6}]
    end = host.endpoint("web", "six")
    assert (end["IPAddress"], end["IPPrefixLen"], end["Gateway"]) == ("", 0, "")
    assert end["GlobalIPv6Address"] == "fd00:55::2"
    inside = host.inside("web")
    assert inside.ip("-4", "addr", "show", "dev", "eth0") in ([], [{}])
    assert inside.ip("-4", "route", "show") == []
    assert default_routes(inside) == [(GATEWAY6, "eth0")]
    assert "fd00:55::2" in host.exec("web", "getent", "ahosts", "web").stdout
    host.cli("publish", "web", "8080:80")
    host.restart_daemon()
    assert_whole(host)


def test_the_devices_of_a_sandbox_speak_ipv6_where_their_network_does(host):
    dual(host)
    host.create_network("four", "--subnet", "10.10.0.0/24")
    host.run_idle("web", network=["net", "four"])
    inside = host.inside("web")
    mac = host.endpoint("web", "net")["MacAddress"]
    assert addresses(inside, "eth0") == {"fd00:55::2/64": "global", f"{link_local(mac)}/64": "link"}
    assert addresses(inside, "eth1") == {}
    assert addresses(inside, "lo") == {"::1/128": "host"}
    assert default_routes(inside) == [(GATEWAY6, "eth0")]
    expected = {
        "disable_ipv6": "0", "addr_gen_mode": "0", "accept_ra": "0", "accept_redirects": "0", "autoconf": "0", "dad_transmits": "0",
    }  # fmt: skip
    assert {key: setting(inside, "eth0", key) for key in expected} == expected
    assert setting(inside, "eth1", "disable_ipv6") == "1"


def test_the_hosts_side_forwards_on_the_bridge_alone(host):
    before = {key: setting(host.ns, device, key) for device in ("all", "default", "lan0") for key in ("forwarding", "accept_ra")}
    dual(host)
    host.create_network("four")
    host.run_idle("web", network="net")
    bridge = bridge_of(host, "net")
    mac = host.ns.ip("link", "show", "dev", bridge)[0]["address"]
    assert addresses(host.ns, bridge) == {f"{GATEWAY6}/64": "global", f"{link_local(mac)}/64": "link"}
    expected = {"disable_ipv6": "0", "accept_ra": "0", "forwarding": "1"}
    assert {key: setting(host.ns, bridge, key) for key in expected} == expected
    port = host.ns.ip("link", "show", "master", bridge)[0]["ifname"]
    assert addresses(host.ns, port) == {}
    assert addresses(host.ns, bridge_of(host, "four")) == {}
    assert setting(host.ns, bridge_of(host, "four"), "disable_ipv6") == "1"
    now = {key: setting(host.ns, device, key) for device in ("all", "default", "lan0") for key in ("forwarding", "accept_ra")}
    assert now == before


def test_each_family_has_its_own_gateway(host):
    host.create_network("four", "--subnet", "10.10.0.0/24")
    host.create_network("six", "--ipv4=false", "--ipv6", "--subnet", SUBNET6)
    host.create_network("inner", "--internal", "--ipv6", "--subnet", "10.11.0.0/24", "--subnet", "fd00:66::/64")
    dual(host, "zboth", "10.12.0.0/24", "fd00:77::/64")
    host.run_idle("web", network=["inner", "four", "six"])
    inside = host.inside("web")

    def default4():
        return [route["gateway"] for route in inside.ip("-4", "route", "show", "default")]

    assert default4() == ["10.10.0.1"] and default_routes(inside) == [(GATEWAY6, "eth2")]
    host.cli("network", "connect", "zboth", "web")
    assert default4() == ["10.12.0.1"], "one that leads outside by both families goes before one of one"
    assert default_routes(inside) == [("fd00:77::1", "eth3")]
    host.cli("network", "disconnect", "zboth", "web")
    assert default4() == ["10.10.0.1"] and default_routes(inside) == [(GATEWAY6, "eth2")]
    host.cli("network", "disconnect", "six", "web")
    assert default_routes(inside) == []
    assert "fd00:55::" not in host.exec("web", "cat", "/etc/hosts").stdout
    assert_whole(host)


def test_names_lead_to_both_families_and_back(host):
    dual(host)
    host.run_idle("web", network="net", flags=["--network-alias", "www"])
    host.run_idle("asker", network="net")
    found = host.exec("asker", "getent", "ahosts", "www").stdout
    assert "fd00:55::2" in found and "10.9.0.2" in found
    assert host.exec("asker", "dig", "+short", "AAAA", "web").stdout.split() == ["fd00:55::2"]
    assert host.exec("asker", "dig", "+short", "-x", "fd00:55::2").stdout.split() == ["web.net."]
    hosts = host.exec("web", "cat", "/etc/hosts").stdout
    assert "::1\tlocalhost" in hosts and "10.9.0.2\t" in hosts and "fd00:55::2\t" in hosts
    host.cli("stop", "web")
    assert host.exec("asker", "dig", "+short", "-x", "fd00:55::2").stdout.split() == []


def test_dns_asks_a_name_server_by_ipv6(host, lab):
    lab.lan.run("ip", "-6", "addr", "add", "2001:db8::53/64", "dev", "br0", "nodad")
    dual(host)
    host.run_idle("web", network="net", flags=["--dns", "2001:db8::53"])
    assert "2001:db8::53" in host.exec("web", "cat", "/etc/resolv.conf").stdout


@pytest.mark.parametrize(
    "words, told",
    (
        (["run", "-d", "--network", "net", "--ip6", "fd00:55::77", "--", "sleep", "9"], "Address already in use by sandbox 'web'"),
        (["run", "-d", "--network", "net", "--ip6", GATEWAY6, "--", "sleep", "9"], "Address already in use"),
        (["run", "-d", "--network", "net", "--ip6", "fd00:56::2", "--", "sleep", "9"], "no configured subnet contains IP address"),
        (["run", "-d", "--network", "net", "--ip6", "10.9.0.9", "--", "sleep", "9"], "invalid IPv6 address: 10.9.0.9"),
        (["run", "-d", "--network", "net", "--ip", "fd00:55::9", "--", "sleep", "9"], "invalid IPv4 address: fd00:55::9"),
        (["run", "-d", "--network", "four", "--ip6", "fd00:55::9", "--", "sleep", "9"], "no configured subnet contains IP address"),
        (["run", "-d", "--network", "bridge", "--ip6", "fd00::9", "--", "sleep", "9"], "user-defined networks only"),
        (["network", "create", "--ipv4=false", "x"], "IPv4 or IPv6 must be enabled"),
        (["network", "create", "--subnet", "fd00:1::/64", "x"], "needs IPv6"),
        (["network", "create", "--ipv6", "--ipv4=false", "--subnet", "10.99.0.0/24", "x"], "needs IPv4"),
        (["network", "create", "--ipv6", "--subnet", "fe80::/64", "x"], "link-local"),
        (["network", "create", "--ipv6", "--subnet", "2001:2::/64", "x"], "by which the host knows"),
        (["network", "create", "--ipv6", "-o", "com.docker.network.driver.mtu=1279", "x"], "too small for IPv6"),
        (["network", "create", "--ipv6", "--subnet", "fd00:1::/64", "--subnet", "fd00:2::/64", "x"], "one subnet per address family"),
    ),
)  # fmt: skip
def test_refusals(refusing, words, told):
    names, sandboxes = refusing.network_names(), refusing.sandbox_names()
    assert told in refusing.refused(*words)
    assert refusing.network_names() == names and refusing.sandbox_names() == sandboxes


def test_a_refused_ipv6_address_gives_the_ipv4_one_back(host):
    host.create_network("net", "--subnet", "10.9.0.0/29", "--ipv6", "--subnet", SUBNET6)
    for _ in range(10):
        host.refused("run", "-d", "--network", "net", "--ip6", "fd00:56::2", "--", "sleep", "9")
    for n in range(5):
        host.run_idle(f"s{n}", network="net")


@pytest.mark.parametrize("end", ("stop", "kill"))
def test_a_restart_keeps_everything(host, end):
    dual(host)
    dual(host, "twin", "10.12.0.0/24", SUBNET6)
    for network in ("net", "twin"):
        host.run_idle(f"in-{network}", network=network, flags=["-p", f"{8080 if network == 'net' else 8081}:80"])
    names = ("in-net", "in-twin")
    before = [host.inspect(name)["NetworkSettings"] for name in names], [default_routes(host.inside(name)) for name in names]
    getattr(host, f"{end}_daemon")()
    host.start_daemon()
    now = [host.inspect(name)["NetworkSettings"] for name in names], [default_routes(host.inside(name)) for name in names]
    assert now == before
    assert_whole(host)
    host.run_idle("next", network="net")
    assert host.endpoint("next", "net")["GlobalIPv6Address"] == "fd00:55::3"


def test_networks_with_one_ipv6_subnet_are_known_to_the_host_by_other_addresses(host):
    dual(host)
    dual(host, "twin", "10.12.0.0/24", SUBNET6)
    host.run_idle("in-net", network="net")
    host.run_idle("in-twin", network="twin")
    assert host.endpoint("in-net", "net")["GlobalIPv6Address"] == host.endpoint("in-twin", "twin")["GlobalIPv6Address"]

    def host_routes(network):
        routes = host.ns.ip("-6", "route", "show", "dev", bridge_of(host, network))
        return [route["dst"] for route in routes if route["dst"].startswith("2001:2::")]

    assert host_routes("net") == [] and len(host_routes("twin")) == 1
    assert addresses(host.ns, bridge_of(host, "twin")).get(f"{GATEWAY6}/64") == "global"
    mac = host.endpoint("in-twin", "twin")["MacAddress"]
    neighbours = host.ns.ip("-6", "neigh", "show", "dev", bridge_of(host, "twin"), "nud", "permanent")
    assert [(n["dst"], n["lladdr"]) for n in neighbours] == [(host_routes("twin")[0], mac)]
    subnets = [route["dst"] for route in host.ns.ip("-6", "route", "show", SUBNET6)]
    assert len(subnets) == 1, "one of the two has the route to the subnet"
    host.ns.run("ip", "-6", "route", "del", host_routes("twin")[0], "dev", bridge_of(host, "twin"))
    assert "the host's route to 2001:2::" in verify(host).stdout
    host.restart_daemon()
    assert_whole(host)
    host.cli("rm", "-f", "in-twin")
    assert host_routes("twin") == []


@pytest.mark.parametrize(
    "where, words, told",
    (
        ("web", ["ip", "-6", "addr", "del", "fd00:55::2/64", "dev", "eth0"], "lacks its address fd00:55::2"),
        ("web", ["ip", "-6", "route", "del", "default"], f"lacks its default route by {GATEWAY6}"),
        ("host", ["ip", "-6", "addr", "del", f"{GATEWAY6}/64", "dev", "{bridge}"], f"lacks its address {GATEWAY6}"),
    ),
)  # fmt: skip
def test_what_somebody_removes_is_told_and_repaired(host, where, words, told):
    dual(host)
    host.run_idle("web", network="net")
    assert_whole(host)
    namespace = host.ns if where == "host" else host.inside("web")
    namespace.run(*(word.format(bridge=bridge_of(host, "net")) for word in words))
    assert told in verify(host).stdout
    host.restart_daemon()
    assert_whole(host)


def test_uplinks_tell_their_ipv6_address(host):
    """A lasting global one, rather than one that is unique local or given up, as soon as it is there."""

    def told():
        return host.status()["Uplinks"][0]["IPv6Address"]

    given = (
        (["fd00:99::1/64", "dev", "lan0"], "fd00:99::1"),
        (["2001:db8:1::1/64", "dev", "lan0", "preferred_lft", "0"], "fd00:99::1"),
        (["2001:db8::1/64", "dev", "lan0"], "2001:db8::1"),
    )
    assert told() == ""
    for words, expected in given:
        host.ns.run("ip", "-6", "addr", "add", *words, "nodad")
        wait_until(lambda expected=expected: told() == expected, f"{expected} after {words}")
    for words, _ in given:
        host.ns.run("ip", "-6", "addr", "del", *words[:3])
    wait_until(lambda: told() == "", "no address is left")


def test_a_removed_network_leaves_nothing(host):
    def left():
        rows = {row["Name"]: row["Entries"] for row in host.status()["Maps"] if row["Name"] in ("destinations", "subnets", "host_addrs")}
        routes = host.ns.run("ip", "-6", "route", "show", "table", "all").stdout.splitlines()
        return rows, sorted(routes), host.ns.link_names()

    before = left()
    dual(host)
    host.create_network("six", "--ipv4=false", "--ipv6", "--subnet", SUBNET6)
    host.run_idle("web", network=["six"], flags=["-p", "8080:80"])
    host.run_idle("other", network="net")
    assert left() != before
    host.cli("rm", "-f", "web", "other")
    host.cli("network", "rm", "net", "six")
    assert left() == before


def test_an_adopted_namespace_keeps_its_own_ipv6_route(host, lab):
    owner = lab.ground.namespace("adopted")
    owner.run("ip", "link", "add", "mine0", "type", "veth", "peer", "name", "mine1")
    owner.run("sh", "-c", "ip link set mine0 up; ip link set mine1 up")
    owner.run("ip", "-6", "route", "add", "default", "dev", "mine0")
    host.create_network("four", "--subnet", "10.10.0.0/24")
    dual(host)
    host.cli("sandbox", "create", "--netns", owner.path, "--network", "four", "pod")
    assert [route["dev"] for route in owner.ip("-6", "route", "show", "default")] == ["mine0"]
    host.cli("network", "connect", "net", "pod")
    assert default_routes(owner) == [(GATEWAY6, "eth1")]
    host.cli("rm", "-f", "pod")
