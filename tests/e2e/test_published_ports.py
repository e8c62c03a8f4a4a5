"""Published ports: which address reaches which sandbox, what `port` says, and what is refused."""

import pytest
from lab import wait_until
from lab.namespace import PYTHON, Namespace

TCP_AND_UDP = ("tcp", "udp")


@pytest.fixture
def net(host):
    host.create_network("net")
    return host


def ports(host, sandbox, *which):
    return host.cli("port", sandbox, *which).stdout.splitlines()


def test_tcp_and_udp_reach_the_sandbox_and_the_client_is_seen(net, lab):
    net.run_whoami("web", network="net", flags=["-p", "8000:80", "-p", "8000:80/udp"])
    for protocol in TCP_AND_UDP:
        answer = lab.client.ask(protocol, net.address, 8000)
        assert (answer["name"], answer["client"]) == ("web", "192.0.2.100"), protocol


def test_a_port_of_one_protocol_is_not_open_for_the_other(net, lab):
    net.run_whoami("web", network="net", flags=["-p", "8000:80/tcp"])
    assert lab.client.ask("tcp", net.address, 8000)
    assert lab.client.ask("udp", net.address, 8000, timeout=1) is None


def test_a_range_maps_port_to_port(net, lab):
    net.run_whoami("web", network="net", port=7002, flags=["-p", "9000-9004:7000-7004"])
    assert lab.client.ask("tcp", net.address, 9002)["name"] == "web"
    assert lab.client.ask("tcp", net.address, 9001, timeout=1) is None
    assert "7002/tcp -> 0.0.0.0:9002" in ports(net, "web")


def test_a_port_on_one_host_address_is_not_open_on_the_others(net, lab):
    net.ns.run("ip", "addr", "add", "192.0.2.11/24", "dev", "lan0")
    try:
        net.run_whoami("web", network="net", flags=["-p", "192.0.2.11:8000:80"])
        assert lab.client.ask("tcp", "192.0.2.11", 8000)["name"] == "web"
        assert lab.client.ask("tcp", net.address, 8000, timeout=1) is None
        assert ports(net, "web") == ["80/tcp -> 192.0.2.11:8000"]
    finally:
        net.ns.run("ip", "addr", "del", "192.0.2.11/24", "dev", "lan0")


def test_a_port_published_on_loopback_is_not_open_to_the_lan(net, lab):
    net.expect_drops("martian", "no_flow")
    net.run_whoami("web", network="net", flags=["-p", "127.0.0.1:8000:80"])
    assert lab.client.ask("tcp", net.address, 8000, timeout=1) is None


def test_an_automatic_port_is_told_and_works(net, lab):
    net.run_whoami("web", network="net", flags=["-p", "80"])
    line = ports(net, "web", "80/tcp")[0]
    port = int(line.rsplit(":", 1)[1])
    assert 1024 < port < 61000
    assert lab.client.ask("tcp", net.address, port)["name"] == "web"


def test_port_prints_both_families_as_docker_does(net):
    net.run_idle("web", network="net", flags=["-p", "8000:80"])
    assert ports(net, "web") == ["80/tcp -> 0.0.0.0:8000", "80/tcp -> [::]:8000"]
    assert ports(net, "web", "80") == ["0.0.0.0:8000", "[::]:8000"]
    assert net.refused("port", "web", "81").count("81")


def test_inspect_shows_the_bindings(net):
    net.run_idle("web", network="net", flags=["-p", "8000:80"])
    bindings = net.inspect("web")["NetworkSettings"]["Ports"]["80/tcp"]
    assert {"HostIp": "0.0.0.0", "HostPort": "8000"} in bindings


def test_sandboxes_reach_published_ports_through_the_host(net):
    net.run_whoami("web", network="net", flags=["-p", "8000:80", "-p", "8000:80/udp"])
    net.run_idle("neighbour", network="net")
    for protocol in TCP_AND_UDP:
        assert net.ask("neighbour", protocol, net.address, 8000)["name"] == "web", f"neighbour, {protocol}"
        assert net.ask("web", protocol, net.address, 8000)["name"] == "web", f"itself, {protocol}"


def test_publish_and_unpublish_on_a_running_sandbox(net, lab):
    net.run_whoami("web", network="net")
    assert lab.client.ask("tcp", net.address, 8000, timeout=1) is None
    net.cli("publish", "web", "8000:80")
    assert lab.client.ask("tcp", net.address, 8000)["name"] == "web"
    net.cli("unpublish", "web", "8000:80")
    assert lab.client.ask("tcp", net.address, 8000, timeout=1) is None
    assert ports(net, "web") == []


def test_a_removed_sandbox_frees_its_port(net, lab):
    net.run_whoami("old", network="net", flags=["-p", "8000:80"])
    assert lab.client.ask("tcp", net.address, 8000)["name"] == "old"
    net.cli("rm", "-f", "old")
    assert lab.client.ask("tcp", net.address, 8000, timeout=1) is None
    net.run_whoami("new", network="net", flags=["-p", "8000:80"])
    assert lab.client.ask("tcp", net.address, 8000)["name"] == "new"


def test_udp_does_not_stick_to_the_old_sandbox(net, lab):
    net.expect_drops("no_flow", "unknown_endpoint", "isolated")
    net.run_whoami("old", network="net", flags=["-p", "8000:80/udp"])
    assert lab.client.ask("udp", net.address, 8000, source_port=7777)["name"] == "old"
    net.cli("rm", "-f", "old")
    net.run_whoami("new", network="net", flags=["-p", "8000:80/udp"])
    assert lab.client.ask("udp", net.address, 8000, source_port=7777)["name"] == "new"


def test_the_port_moves_with_the_sandbox_over_a_stop_and_start(net, lab):
    net.run_whoami("web", network="net", flags=["-p", "8000:80"])
    net.cli("stop", "web", timeout=30)
    assert lab.client.ask("tcp", net.address, 8000, timeout=1) is None
    assert "8000" in net.refused("run", "-d", "--network", "net", "-p", "8000:80", "--", "sleep", "1")
    net.cli("start", "web")
    wait_until(lambda: lab.client.ask("tcp", net.address, 8000, timeout=1), "the port answers again")


def test_a_port_of_another_sandbox_is_refused_by_name(net):
    net.run_idle("owner", network="net", flags=["-p", "8000-8010:8000-8010"])
    story = net.refused("run", "-d", "--name", "late", "--network", "net", "-p", "8005:80", "--", "sleep", "9")
    assert "8005" in story and "owner" in story
    assert "late" not in net.sandbox_names()


def test_a_port_of_a_host_process_is_refused_naming_the_process(net):
    server = net.ns.python("whoami.py", "taken", "8000")
    story = net.refused("run", "-d", "--name", "late", "--network", "net", "-p", "8000:80", "--", "sleep", "9")
    assert "8000" in story and str(server.pid) in story and "python3" in story
    server.kill()
    server.wait()
    net.run_idle("late", network="net", flags=["-p", "8000:80"])


def test_ports_of_the_masquerade_range_are_refused(net):
    story = net.refused("run", "-d", "--name", "late", "--network", "net", "-p", "62000:80", "--", "sleep", "9")
    assert "61000-65535" in story


@pytest.mark.parametrize("spec", ["0:80x", "8000:0", "70000:80", "8000:80/icmp", "9000-9002:80-81", "1.2.3:80:80", "a:b:c:d"])
def test_malformed_ports_are_refused(net, spec):
    done = net.cli("run", "-d", "--name", "bad", "--network", "net", "-p", spec, "--", "sleep", "9", check=False)
    assert done.returncode in (2, 125) and spec in done.stderr and done.stderr.startswith("Error: ")
    assert "bad" not in net.sandbox_names()


def test_an_established_connection_survives_while_another_port_comes_and_goes(net, lab):
    net.run_whoami("web", network="net", flags=["-p", "8000:80"])
    net.run_idle("other", network="net")
    for _ in range(5):
        net.cli("publish", "other", "8001:80")
        assert lab.client.ask("tcp", net.address, 8000)["name"] == "web"
        net.cli("unpublish", "other", "8001:80")


def test_a_host_process_cannot_bind_a_published_port(host):
    """Processes below --cgroup-root are held off; a lab's own ones are outside of it."""
    host.run_whoami("web", flags=["-p", "8000:80", "-p", "192.0.2.1:8001:80/udp"])
    cgroup = host.cgroup_root / "host-process"
    cgroup.mkdir()

    def bind(kind, address, port):
        script = f"import socket; socket.socket(socket.AF_INET, socket.SOCK_{kind}).bind(({address!r}, {port}))"
        return Namespace(host.ns.path, cgroup).run(PYTHON, "-c", script, check=False).stderr

    assert "Address already in use" in bind("STREAM", "0.0.0.0", 8000)
    assert "Address already in use" in bind("STREAM", "127.0.0.1", 8000)
    assert "Address already in use" in bind("DGRAM", "0.0.0.0", 8001)
    assert bind("DGRAM", "127.0.0.1", 8001) == "" and bind("DGRAM", "0.0.0.0", 8000) == ""
    host.cli("rm", "-f", "web")
    assert bind("STREAM", "0.0.0.0", 8000) == ""
    cgroup.rmdir()
