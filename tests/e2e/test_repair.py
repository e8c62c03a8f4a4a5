"""What somebody took away, what a machine lost, and what it has no room for: `status --verify` tells of it, the daemon's
next start repairs it, and what it cannot repair is refused with the cure."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from conftest import make_lab
from lab import wait_until
from lab.world import METRICS, difference, world

SUBNET = "10.66.0.0/24"
CLIENT_PORT = 8000


def furnish(host):
    """Two networks with one subnet, a server and a client in each, the server published."""
    for network, port in (("net", CLIENT_PORT), ("twin", CLIENT_PORT + 1)):
        host.create_network(network, "--subnet", SUBNET)
        host.run_whoami(f"{network}-web", network=network, flags=["-p", f"{port}:80"])
        host.run_idle(f"{network}-idle", network=network)


def check(lab, host):
    """Everything works, and the daemon finds nothing wrong."""
    verify = host.cli("status", "--verify", check=False)
    assert verify.returncode == 0, verify.stdout[-2000:]
    for network, port in (("net", CLIENT_PORT), ("twin", CLIENT_PORT + 1)):
        answer = lab.client.ask("tcp", host.address, port)
        assert answer and answer["name"] == f"{network}-web", f"published port {port}: {answer}"
        answer = host.ask(f"{network}-idle", "tcp", f"{network}-web")
        assert answer and answer["name"] == f"{network}-web", f"by name in {network}: {answer}"
        assert host.pings(f"{network}-idle", "10.66.0.1") and host.pings(f"{network}-idle", "192.0.2.200")


def problems(host):
    told = host.cli("status", "--verify", "--format", "json", check=False)
    assert told.returncode in (0, 1), told.stderr
    return "\n".join(json.loads(told.stdout)["Problems"])


@pytest.fixture(scope="module")
def standing_lab(request):
    """One for all kinds of damage: each is repaired in the end."""
    with make_lab(request, expected_drops=("no_flow", "unknown_endpoint", "isolated")) as made:
        furnish(made.host)
        check(made, made.host)
        yield made


def bridge_of(host, network):
    return "ebn" + host.network(network)["Id"][:12]


def veth_of(host, network):
    links = host.ns.ip("link", "show", "master", bridge_of(host, network))
    return links[0]["ifname"]


def unpin(pattern):
    def damage(host):
        found = host.pins(pattern)
        assert found, pattern
        for pin in found:
            pin.unlink()

    return damage


def outside(*words):
    """A command in the host's namespace; {bridge} and {veth} are those of the network twin."""

    def damage(host):
        names = {"bridge": bridge_of(host, "twin"), "veth": veth_of(host, "twin")}
        host.ns.run(*(word.format(**names) for word in words))

    return damage


def inside(*words):
    return lambda host: host.inside("twin-web").run(*words)


def forget_fdb(host):
    veth = veth_of(host, "twin")
    entries = host.ns.run("bridge", "fdb", "show", "dev", veth).stdout.splitlines()
    mac = next(line.split()[0] for line in entries if "static" in line)
    host.ns.run("bridge", "fdb", "del", mac, "dev", veth, "master")


def forget_host_route(host):
    route = host.ns.run("ip", "route", "show", "dev", bridge_of(host, "twin")).stdout.split()[0]
    assert route.startswith("198.18."), route
    host.ns.run("ip", "route", "del", route)


def update_map(host, name, key, value):
    """Both in the bytes of this machine."""
    [pin] = host.pins(f"maps/{name}")
    words = ["key", "hex", *(f"{byte:02x}" for byte in key), "value", "hex", *(f"{byte:02x}" for byte in value)]
    subprocess.run(["/usr/sbin/bpftool", "map", "update", "pinned", pin, *words], check=True)


def lookup_map(host, name, key):
    [pin] = host.pins(f"maps/{name}")
    words = ["/usr/sbin/bpftool", "-j", "map", "lookup", "pinned", pin, "key", "hex", *(f"{byte:02x}" for byte in key)]
    found = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    return bytes(int(byte, 16) for byte in json.loads(found)["value"])


def number(value, size=4):
    return value.to_bytes(size, sys.byteorder)


def record_of_port(host, port):
    return int.from_bytes(lookup_map(host, "port_index", number(port)), sys.byteorder)


def lead_port(port, record=lambda host: 0):
    """Makes a TCP port of the host lead to a record; 0: to none."""
    return lambda host: update_map(host, "port_index", number(port), number(record(host), 8))


def twins_record(host):
    return record_of_port(host, CLIENT_PORT + 1)


def wrong_slot(host):
    record = twins_record(host)
    value = bytearray(lookup_map(host, "published", number(record)))
    value[16] ^= 1
    update_map(host, "published", number(record), value)


def empty_record(host):
    update_map(host, "published", number(twins_record(host)), bytes(32))


def unreserve_ports(host):
    host.ns.run("sysctl", "-qw", "net.ipv4.ip_local_reserved_ports=")


TWINS_PORT = f"published port {CLIENT_PORT + 1}:80/tcp of sandbox 'twin-web'"


def lose_namespace(host):
    key = host.inspect("twin-web")["NetworkSettings"]["SandboxKey"]
    subprocess.run(["umount", "-l", key], check=True)
    os.unlink(key)


DAMAGES = {
    "bridge": (outside("ip", "link", "del", "{bridge}"), "bridge", "is missing"),
    "bridge-down": (outside("ip", "link", "set", "{bridge}", "down"), "bridge", "is down"),
    "bridge-address": (outside("ip", "addr", "flush", "dev", "{bridge}"), "lacks its address 10.66.0.1"),
    "veth": (outside("ip", "link", "del", "{veth}"), "device eth0 of sandbox 'twin-", "is missing"),
    "veth-out-of-its-bridge": (outside("ip", "link", "set", "{veth}", "nomaster"), "is not in its network's bridge"),
    "veth-filters": (outside("tc", "qdisc", "del", "dev", "{veth}", "clsact"), "has no program"),
    "bridge-table": (forget_fdb, "the bridge does not know its address"),
    "host-route": (forget_host_route, "the host's route to 198.18."),
    "address-inside": (inside("ip", "addr", "flush", "dev", "eth0"), "lacks its address 10.66.0."),
    "device-inside-down": (inside("ip", "link", "set", "eth0", "down"), "is down"),
    "device-inside": (inside("ip", "link", "del", "eth0"), "is missing"),
    "device-inside-renamed": (
        lambda host: host.inside("twin-web").run("sh", "-c", "ip link set eth0 down; ip link set eth0 name lost0"),
        "device eth0 in sandbox 'twin-web' is missing",
    ),
    "default-route-inside": (inside("ip", "route", "del", "default"), "lacks its default route"),
    "names-inside": (inside("tc", "qdisc", "del", "dev", "lo", "clsact"), "lo in sandbox 'twin-web' has no program"),
    "namespace-file": (lose_namespace, "the network namespace of sandbox 'twin-web' is missing"),
    "uplink-pins": (unpin("links/tc_*_uplink/*"), "uplink lan0 has no program"),
    "cgroup-pins": (unpin("links/cgroup_bind4/*"), "links/cgroup_bind4/bind' is missing"),
    "some-map-pins": (unpin("maps/[defnsu]*"), "maps/endpoints' is missing"),
    "all-map-pins": (unpin("maps/*"), "maps/port_index' is missing"),
    "published-slot": (wrong_slot, f"{TWINS_PORT} has a wrong record"),
    "published-record": (empty_record, f"{TWINS_PORT} has no record"),
    "published-port": (lead_port(CLIENT_PORT + 1), f"{TWINS_PORT}: tcp {CLIENT_PORT + 1} of the host does not lead to it"),
    "port-of-nobody": (lead_port(9999, lambda host: 777), "tcp 9999 of the host leads to a published record of no sandbox"),
    "port-of-another": (lead_port(9999, twins_record), "tcp 9999 of the host leads to a published record of another port"),
    "reserved-ports": (
        unreserve_ports,
        f"net.ipv4.ip_local_reserved_ports lacks {CLIENT_PORT}-{CLIENT_PORT + 1},61000-65535: published ports and 61000-65535",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_told_and_repaired_by_the_next_start(standing_lab, name):
    host = standing_lab.host
    damage, *told = DAMAGES[name]
    damage(host)
    found = problems(host)
    assert all(word in found for word in told), found
    host.restart_daemon()
    check(standing_lab, host)


def test_reserved_ports_that_somebody_cleared_are_reserved_again(standing_lab):
    host = standing_lab.host
    key = "net.ipv4.ip_local_reserved_ports"
    before = host.ns.run("sysctl", "-n", key).stdout
    host.ns.run("sysctl", "-qw", f"{key}=4711")
    host.restart_daemon()
    assert host.ns.run("sysctl", "-n", key).stdout == f"4711,{before}"
    host.ns.run("sysctl", "-qw", f"{key}={before.strip()}")


def test_a_sandbox_without_a_process_gets_a_new_namespace(standing_lab):
    """Nothing holds the old one."""
    host = standing_lab.host
    host.cli("sandbox", "create", "--network", "net", "empty")
    address = host.ip_of("empty", "net")
    key = host.inspect("empty")["NetworkSettings"]["SandboxKey"]
    host.kill_daemon()
    subprocess.run(["umount", "-l", key], check=True)
    os.unlink(key)
    host.start_daemon()
    assert host.ip_of("empty", "net") == address and host.pings("net-idle", address)
    check(standing_lab, host)
    host.cli("rm", "empty")


def test_a_lost_bpffs_is_told_refused_with_the_cure_and_filled_again(idle_lab):
    host = idle_lab.host
    # As on a machine, where what is unmounted goes from the sandboxes' mount namespaces too.
    mount = host.ground.mount("bpf", host.ground.mount("tmpfs", host.dir / "sys", shared=True) / "bpf")
    host.bpffs = mount / "ebpfnet"
    host.expect_drops("no_flow")  # last segments of connections that the lost maps knew
    host.start_daemon()
    furnish(host)
    subprocess.run(["umount", "-l", mount], check=True)
    assert "maps/endpoints' is missing" in problems(host) and "uplink lan0 has no program" in problems(host)
    assert host.ask("net-idle", "tcp", "net-web")["name"] == "net-web", "inside a network nothing is lost"
    host.kill_daemon()
    refused = host.run_daemon_to_end(check=False)
    assert refused.returncode == 1 and "is not on a bpf file system (hint: mount one: mount -t bpf" in refused.stderr
    shutil.rmtree(host.bpffs)
    host.ground.mount("bpf", mount)
    host.start_daemon()
    check(idle_lab, host)


def test_a_reboot_brings_back_everything_but_processes(lab, host):
    furnish(host)
    host.run("always", "/bin/sleep", "86400", network="net", flags=["--restart", "always"])
    names = ("net-web", "twin-web", "net-idle", "twin-idle", "always")
    before = {name: host.inspect(name)["NetworkSettings"] for name in names}
    host.expect_drops("no_flow")  # last segments of connections that the lost maps knew
    host.reboot()
    host.ns.run("sysctl", "-qw", "net.ipv4.ip_local_reserved_ports=")
    host.start_daemon()
    assert host.cli("status", "--verify").returncode == 0
    wait_until(lambda: host.inspect("always")["State"]["Running"], "its policy starts it again")
    for name, settings in before.items():
        assert host.inspect(name)["NetworkSettings"] == settings, name
    for name in names[:-1]:
        assert host.inspect(name)["State"]["Status"] == "exited"
        host.cli("start", name)
    wait_until(lambda: lab.client.ask("tcp", host.address, CLIENT_PORT + 1, timeout=1), "the servers are up")
    wait_until(lambda: lab.client.ask("tcp", host.address, CLIENT_PORT, timeout=1), "the servers are up")
    check(lab, host)


@pytest.fixture
def small_disk(idle_lab):
    """A host whose state is on a file system of its own, of 2 MB."""
    host = idle_lab.host
    host.ground.mount("tmpfs", host.state_dir, options=("-o", "size=2m"))
    host.flags = METRICS
    host.start_daemon()
    return host


def fill(host):
    with (host.state_dir / "filler").open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass


def test_a_full_disk_refuses_changes_and_nothing_else(small_disk, idle_lab):
    host = small_disk
    furnish(host)
    host.create_network("other")
    fill(host)
    for restart in (False, True):
        if restart:
            host.kill_daemon()
            host.start_daemon()
        check(idle_lab, host)
        for words in (
            ("network", "create", "new"),
            ("run", "-d", "--name", "new", "--", "/bin/sleep", "1"),
            ("network", "connect", "other", "twin-idle"),
            ("network", "disconnect", "net", "net-web"),
            ("publish", "net-web", "9000:80"),
            ("unpublish", "net-web", f"{CLIENT_PORT}:80"),
            ("stop", "net-web"),
            ("rm", "-f", "net-web"),
        ):
            assert "free space" in host.refused(*words)
        check(idle_lab, host)
    (host.state_dir / "filler").unlink()
    host.cli("network", "rm", "other")
    host.run_idle("late", network="net")
    host.cli("rm", "-f", "late")
    check(idle_lab, host)


def test_a_read_only_state_directory_is_refused_with_the_cure(small_disk, idle_lab):
    host = small_disk
    furnish(host)
    host.stop_daemon()
    subprocess.run(["mount", "--bind", host.state_dir, host.state_dir], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", host.state_dir], check=True)
    refused = host.run_daemon_to_end(check=False)
    assert refused.returncode == 1 and "read-only" in refused.stderr and "hint: " in refused.stderr, refused.stderr
    assert idle_lab.client.ask("tcp", host.address, CLIENT_PORT)["name"] == "net-web", "traffic goes on"
    subprocess.run(["umount", host.state_dir], check=True)
    host.start_daemon()
    check(idle_lab, host)


CHANGES = (
    ("network", "create", "new"),
    ("network", "rm", "other"),
    ("network", "prune", "-f"),
    ("run", "-d", "--name", "new", "-p", "9000:80", "--", "/bin/sleep", "1"),
    ("sandbox", "create", "new"),
    ("network", "connect", "other", "twin-idle"),
    ("network", "disconnect", "net", "net-web"),
    ("publish", "net-web", "9000:80"),
    ("unpublish", "net-web", f"{CLIENT_PORT}:80"),
    ("stop", "net-web"),
    ("restart", "net-web"),
    ("start", "ended"),
    ("rm", "ended"),
    ("rm", "-f", "net-web"),
)


def test_a_state_directory_that_turns_read_only_refuses_changes_and_nothing_else(small_disk, idle_lab):
    host = small_disk
    furnish(host)
    host.create_network("other")
    host.run_idle("ended")
    host.cli("stop", "-t", "0", "ended")
    subprocess.run(["mount", "--bind", host.state_dir, host.state_dir], check=True)
    before = world(host, inside=("net-web", "twin-idle"))
    subprocess.run(["mount", "-o", "remount,bind,ro", host.state_dir], check=True)
    for words in CHANGES:
        told = host.refused(*words)
        assert f"the state directory '{host.state_dir}' is read-only" in told and "remount,rw" in told, told
    for words in (("ps", "-a"), ("network", "ls"), ("inspect", "net-web"), ("logs", "net-web"), ("port", "net-web")):
        host.cli(*words)
    check(idle_lab, host)
    assert not (told := difference(before, world(host, inside=("net-web", "twin-idle")))), told
    subprocess.run(["mount", "-o", "remount,bind,rw", host.state_dir], check=True)
    host.cli("network", "connect", "other", "twin-idle")
    host.cli("network", "disconnect", "other", "twin-idle")
    host.cli("publish", "net-web", "9000:80")
    host.cli("unpublish", "net-web", "9000:80")
    host.cli("network", "rm", "other")
    host.cli("start", "ended")
    host.run_idle("late", network="net")
    host.cli("rm", "-f", "late", "ended")
    host.restart_daemon()
    check(idle_lab, host)
