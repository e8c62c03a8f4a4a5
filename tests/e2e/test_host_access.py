"""Published ports for processes of the host itself: through loopback and the host's own addresses, TCP and UDP, both families."""

import pytest

from lab import CLIENT, PYTHON, SUPPORT, Namespace, wait_until

PROTOCOLS = pytest.mark.parametrize("protocol", ["tcp", "udp"])
# Prints what getpeername or recvfrom tells, as ADDRESS PORT.
PEER = """
import socket, sys
kind, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
s = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
s.settimeout(5)
if kind == "unconnected":
    s.sendto(b"?", (address, port))
    print(*s.recvfrom(65536)[1][:2])
else:
    s.connect((address, port))
    print(*s.getpeername()[:2])
"""


def serve(host, name, network, flags=(), address="::"):
    host.run(name, PYTHON, SUPPORT / "whoami.py", name, "5000", address, network=network, flags=flags)
    wait_until(lambda: "ready" in host.cli("logs", name).stdout, f"{name} is ready")


def both(published):
    return ["-p", published, "-p", f"{published}/udp"]


@pytest.fixture
def local(host, lab):
    """A namespace object whose processes are the host's own: in its namespace and below --cgroup-root."""
    lab.add_ipv6()
    host.create_network("six", "--ipv6")
    host.create_network("four")
    serve(host, "web", "six", both("8000:5000"))
    serve(host, "old", "four", both("8001:5000"), address="0.0.0.0")
    cgroup = host.cgroup_root / "host-process"
    cgroup.mkdir()
    yield Namespace(host.ns.path, cgroup)
    cgroup.rmdir()
    lab.remove_ipv6()


@PROTOCOLS
@pytest.mark.parametrize("to", ["127.0.0.1", "127.5.5.5", "own", "::1", "own6"])
def test_a_published_port_is_reached_and_the_server_sees_its_gateway(local, host, protocol, to):
    address = {"own": host.address, "own6": host.address6}.get(to, to)
    answer = local.ask(protocol, address, 8000)
    endpoint = host.endpoint("web", "six")
    gateway = endpoint["IPv6Gateway"] if ":" in address else f"::ffff:{endpoint['Gateway']}"
    assert (answer["name"], answer["client"]) == ("web", gateway)


@PROTOCOLS
def test_a_sandbox_of_ipv4_alone_serves_ipv6_addresses_of_the_host(local, host, protocol):
    assert local.ask(protocol, "127.0.0.1", 8001)["client"] == host.endpoint("old", "four")["Gateway"]
    for address in ("::1", host.address6):
        assert local.ask(protocol, address, 8001)["name"] == "old"


@pytest.mark.parametrize("kind", ["tcp", "udp", "unconnected"])
@pytest.mark.parametrize("to", ["127.0.0.1", "::1", "own"])
def test_the_socket_goes_on_seeing_what_it_asked_for(local, host, kind, to):
    address = host.address if to == "own" else to
    assert local.run(PYTHON, "-c", PEER, kind, address, "8000").stdout.split() == [address, "8000"]


@PROTOCOLS
def test_a_port_of_loopback_is_the_hosts_alone(local, host, lab, protocol):
    serve(host, "private", "four", both("127.0.0.1:9000:5000"), address="0.0.0.0")
    assert local.ask(protocol, "127.0.0.1", 9000)["name"] == "private"
    assert local.ask(protocol, host.address, 9000, timeout=1) is None
    assert lab.client.ask(protocol, host.address, 9000, timeout=1) is None
    host.expect_drops("martian")


@PROTOCOLS
def test_nobody_else_is_led_anywhere(local, host, lab, protocol):
    assert local.ask(protocol, "127.0.0.1", 8002, timeout=1) is None
    # Another namespace, below the same cgroup.
    stranger = Namespace(lab.client.path, local.cgroup)
    assert stranger.ask(protocol, "127.0.0.1", 8000, timeout=1) is None
    assert stranger.ask(protocol, host.address, 8000)["client"] == f"::ffff:{CLIENT}"
    assert host.ask("old", protocol, "127.0.0.1", 8000, timeout=1) is None


@PROTOCOLS
def test_sandboxes_of_equal_subnets_are_told_apart(local, host, protocol):
    for number, name in enumerate(("one", "two")):
        host.create_network(name, "--subnet", "10.9.0.0/24")
        serve(host, name, name, both(f"910{number}:5000"), address="0.0.0.0")
    for number, name in enumerate(("one", "two")):
        assert local.ask(protocol, "127.0.0.1", 9100 + number)["name"] == name


def test_it_goes_on_without_the_daemon_and_ends_with_the_port(local, host):
    host.kill_daemon()
    assert local.ask("tcp", "127.0.0.1", 8000)["name"] == "web"
    host.start_daemon()
    assert local.ask("tcp", "::1", 8000)["name"] == "web"
    host.cli("unpublish", "web", "8000:5000")
    assert local.ask("tcp", "127.0.0.1", 8000, timeout=1) is None
