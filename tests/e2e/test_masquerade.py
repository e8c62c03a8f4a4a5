"""The way out: what sandboxes send to the LAN carries the host's address, and replies and errors find back."""

import concurrent.futures
import time

import pytest

SERVER = "192.0.2.200"
FIRST_PORT, LAST_PORT = 61000, 65535


@pytest.fixture
def outbound(host, lab):
    host.create_network("net")
    host.run_idle("one", network="net")
    host.run_idle("two", network="net")
    lab.server.python("whoami.py", "server", "80")
    return host


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_the_server_sees_the_host_and_a_port_of_the_masquerade_range(outbound, protocol):
    answer = outbound.ask("one", protocol, SERVER)
    assert answer["client"] == outbound.address
    assert FIRST_PORT <= answer["client_port"] <= LAST_PORT


def test_echo_requests_find_back(outbound):
    assert outbound.pings("one", SERVER, count=3)
    assert outbound.pings("two", SERVER, count=3)


@pytest.mark.parametrize("size", [1472, 4000])
def test_large_and_fragmented_echo_requests_find_back(outbound, size):
    done = outbound.exec("one", "ping", "-n", "-c", "2", "-i", "0.2", "-W", "2", "-s", str(size), SERVER)
    assert " 0% packet loss" in done.stdout


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_the_same_source_port_in_two_sandboxes_does_not_collide(outbound, protocol):
    answers = [outbound.ask(sandbox, protocol, SERVER, source_port=5555) for sandbox in ("one", "two", "one")]
    assert all(answer["client"] == outbound.address for answer in answers)
    assert answers[0]["client_port"] != answers[1]["client_port"]


def test_many_connections_at_once_all_get_their_own_answer(outbound):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(outbound.ask, ("one", "two")[n % 2], ("tcp", "udp")[n % 4 // 2], SERVER) for n in range(48)]
        answers = [each.result() for each in asked]
    assert all(answer and answer["client"] == outbound.address for answer in answers)


def test_a_closed_port_is_refused_at_once(outbound):
    for protocol in ("tcp", "udp"):
        done = outbound.exec("one", "/usr/bin/python3", "-c", refusal(protocol), check=False)
        assert done.returncode == 0, done.stderr


def refusal(protocol):
    kind = "SOCK_STREAM" if protocol == "tcp" else "SOCK_DGRAM"
    return f"""
import socket
s = socket.socket(socket.AF_INET, socket.{kind}); s.settimeout(3)
try:
    s.connect(("{SERVER}", 9)); s.send(b"x"); s.recv(1)
except ConnectionRefusedError:
    raise SystemExit(0)
raise SystemExit("not refused")
"""


def test_the_hosts_own_traffic_keeps_its_ports(outbound):
    answer = outbound.ns.ask("tcp", SERVER, 80, source_port=40404)
    assert (answer["client"], answer["client_port"]) == (outbound.address, 40404)


def test_the_host_never_chooses_a_port_of_the_masquerade_range(outbound):
    reserved = outbound.ns.run("sysctl", "-n", "net.ipv4.ip_local_reserved_ports").stdout.strip()
    ranges = [[int(n) for n in part.split("-")] for part in reserved.split(",")]
    assert any(part[0] <= FIRST_PORT and part[-1] >= LAST_PORT for part in ranges), reserved


def test_nobody_reaches_a_sandbox_through_a_port_that_masquerades_another_flow(outbound, lab):
    outbound.expect_drops("no_flow")
    port = outbound.ask("one", "udp", SERVER, source_port=5555)["client_port"]
    assert lab.client.ask("udp", outbound.address, port, timeout=1) is None
    assert lab.client.ask("tcp", outbound.address, port, timeout=1) is None


def test_the_default_bridge_masquerades_too(host, lab):
    lab.server.python("whoami.py", "server", "80")
    host.run_idle("plain")
    assert host.ask("plain", "tcp", SERVER)["client"] == host.address
    assert list(host.inspect("plain")["NetworkSettings"]["Networks"]) == ["bridge"]


def test_a_second_address_of_the_uplink_does_not_confuse(outbound):
    outbound.ns.run("ip", "addr", "add", "192.0.2.11/24", "dev", "lan0")
    try:
        assert outbound.ask("one", "tcp", SERVER)["client"] == outbound.address
    finally:
        outbound.ns.run("ip", "addr", "del", "192.0.2.11/24", "dev", "lan0")


def test_a_download_through_masquerade_arrives_whole(outbound, lab):
    code = "import socketserver,sys\nclass H(socketserver.BaseRequestHandler):\n def handle(s): s.request.sendall(b'z'*20000000)\n"
    code += "socketserver.TCPServer.allow_reuse_address=True\nt=socketserver.TCPServer(('0.0.0.0',9000),H)\nt.handle_request()"
    server = lab.server.popen("/usr/bin/python3", "-c", code)
    got = outbound.exec(
        "one", "/usr/bin/python3", "-c",
        f"import socket,time\nfor i in range(50):\n try:\n  s=socket.create_connection(('{SERVER}',9000),5); break\n"
        " except ConnectionRefusedError: time.sleep(.1)\nn=0\nwhile (d:=s.recv(1<<20)): n+=len(d)\nprint(n)",
    )  # fmt: skip
    assert got.stdout.strip() == "20000000"
    assert server.wait(10) == 0
