"""Many sandboxes on one host: all of them work, the daemon finds them again, and all go at once while others go on working.

EBPFNET_LONG=1 takes 1,000 on one network and 200 networks of 5.
"""

import concurrent.futures
import http.client
import json
import os
import socket

LONG = bool(os.environ.get("EBPFNET_LONG"))
ON_ONE, NETWORKS, PER_NETWORK = (1000, 200, 5) if LONG else (100, 20, 5)
BRIDGE_PORTS = 1023
THREADS = 16


class Connection(http.client.HTTPConnection):
    """One request to the daemon's socket: a thousand processes of the command line would be the slower part of the test."""

    def __init__(self, host):
        super().__init__("ebpfnet", timeout=300)
        self.path = str(host.socket)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def ask(host, method, path, body=None):
    """The status and the answer."""
    connection = Connection(host)
    connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
    reply = connection.getresponse()
    answer = json.loads(reply.read() or b"null")
    connection.close()
    return reply.status, answer


def create(host, name, network):
    status, answer = ask(host, "POST", "/v1/sandboxes", {"Name": name, "Networks": [{"Network": network}]})
    assert status == 201, answer
    return name


def remove(host, name):
    status, answer = ask(host, "DELETE", f"/v1/sandboxes/{name}?force=1")
    assert status == 200, answer


def many(calls, threads=THREADS):
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        return [each.result() for each in [pool.submit(call) for call in calls]]


def test_a_full_network_works_comes_back_and_goes_at_once(host):
    before = host.ns.link_names()
    host.create_network("big", "--subnet", "10.77.0.0/16")
    host.create_network("side")
    names = many([lambda n=n: create(host, f"s{n}", "big") for n in range(ON_ONE)])
    containers = host.network("big")["Containers"].values()
    assert {c["Name"] for c in containers} == set(names)
    assert len({c["IPv4Address"] for c in containers}) == len({c["MacAddress"] for c in containers}) == ON_ONE
    host.restart_daemon()
    assert host.sandbox_names() == set(names)
    host.cli("status", "--verify")
    last = host.ip_of(names[-1], "big")
    for name in names[:-1][:: ON_ONE // 4]:
        assert host.pings(name, last)
        assert host.exec(name, "getent", "ahostsv4", names[-1]).stdout.split()[0] == last
    create(host, "other", "side")
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        removals = [pool.submit(remove, host, name) for name in names]
        for n in range(3):
            assert ask(host, "POST", "/v1/networks/big/connect", {"Sandbox": "other"})[0] == 200, n
            assert ask(host, "POST", "/v1/networks/big/disconnect", {"Sandbox": "other"})[0] == 200, n
        for removal in removals:
            removal.result()
    assert host.sandbox_names() == {"other"} and host.network("big")["Containers"] == {}
    remove(host, "other")
    host.cli("network", "rm", "big", "side")
    assert host.ns.link_names() == before, "what is answered is gone"
    host.cli("status", "--verify")


def test_many_small_networks(host):
    def fill(n):
        assert ask(host, "POST", "/v1/networks", {"Name": f"n{n}"})[0] == 201
        return [create(host, f"n{n}s{i}", f"n{n}") for i in range(PER_NETWORK)]

    names = many([lambda n=n: fill(n) for n in range(NETWORKS)])
    host.expect_drops("isolated")
    for row in names[:: max(1, NETWORKS // 5)]:
        network = row[0].split("s")[0]
        assert host.pings(row[0], host.ip_of(row[-1], network))
        stranger = names[0] if row is not names[0] else names[1]
        assert not host.pings(row[0], host.ip_of(stranger[0], stranger[0].split("s")[0]))
    host.cli("status", "--verify")
    many([lambda n=n: remove(host, n) for row in names for n in row])
    host.cli("network", "prune", "-f")
    assert host.network_names() == {"bridge", "host", "none"}


def test_a_bridge_without_a_free_port_says_so(host):
    host.create_network("big", "--subnet", "10.77.0.0/16")
    many([lambda n=n: create(host, f"s{n}", "big") for n in range(BRIDGE_PORTS)])
    refusal = host.refused("sandbox", "create", "--network", "big", "late")
    assert "network big has 1023 endpoints, as many as a Linux bridge has ports" in refusal
    assert "create another network" in refusal
    remove(host, "s7")
    create(host, "late", "big")
    assert host.pings("late", host.ip_of("s0", "big"))
    many([lambda n=n: remove(host, f"s{n}") for n in range(BRIDGE_PORTS) if n != 7], threads=64)
