"""What would harm the host or another sandbox is refused with a reason, and nothing of it stays."""

import os

import pytest


def test_the_hosts_own_namespace_cannot_be_adopted(host):
    before = host.ns.run("ip", "route").stdout, host.ns.link_names()
    for path in (f"/proc/{host.daemon.pid}/ns/net", "/proc/self/ns/net", host.ns.path):
        assert "the host's own network namespace" in host.refused("sandbox", "create", "--netns", path, "harm")
    assert (host.ns.run("ip", "route").stdout, host.ns.link_names()) == before
    assert host.sandbox_names() == set()


def test_a_namespace_has_one_owner(lab, host):
    theirs = lab.ground.namespace("theirs")
    host.cli("sandbox", "create", "--netns", theirs.path, "first")
    host.run_idle("web")
    assert "belongs to sandbox 'first'" in host.refused("sandbox", "create", "--netns", theirs.path, "second")
    key = host.inspect("web")["NetworkSettings"]["SandboxKey"]
    assert "belongs to sandbox 'web'" in host.refused("sandbox", "create", "--netns", key, "second")
    assert host.sandbox_names() == {"first", "web"}
    host.cli("rm", "-f", "first")
    assert theirs.link_names() == {"lo"} and os.path.exists(theirs.path)
    host.cli("sandbox", "create", "--netns", theirs.path, "second")


def test_a_sandbox_cannot_both_restart_and_go_away(host):
    for policy in ("always", "on-failure:3"):
        told = host.refused("run", "-d", "--rm", "--restart", policy, "--", "true")
        assert "cannot specify both --restart and --rm" in told
    host.run("one", "true", flags=["--rm", "--restart", "no"])


def test_ports_are_published_on_addresses_of_the_host_only(host):
    for address in ("203.0.113.9", "[2001:db8::9]"):
        assert "this host does not have the address" in host.refused("run", "-d", "-p", f"{address}:80:80", "--", "true")
    host.run_idle("web", flags=["-p", f"{host.address}:80:80", "-p", "127.0.0.5:80:80"])
    assert "does not have" in host.refused("publish", "web", "203.0.113.9:81:81")
    assert len(host.cli("port", "web").stdout.splitlines()) == 2


def test_more_ports_than_can_be_chosen_are_refused_at_once(host):
    assert "30000 host ports cannot be chosen" in host.refused("run", "-d", "-p", "1-30000", "--", "true", timeout=10)
    host.run_idle("web", flags=["-p", "80-89"])
    assert len(host.inspect("web")["NetworkSettings"]["Ports"]) == 10


def test_a_network_cannot_have_the_addresses_by_which_the_host_tells_equal_subnets_apart(host):
    for subnet in ("198.18.0.0/24", "198.18.0.0/15", "198.18.63.0/24"):
        assert "198.18.0.0/18" in host.refused("network", "create", "--subnet", subnet, "net")
    host.create_network("net", "--subnet", "198.19.0.0/24")


@pytest.mark.parametrize("flags", [["-a"], []])
def test_an_unknown_filter_is_refused_also_without_sandboxes(host, flags):
    assert "invalid filter 'colour'" in host.refused("ps", *flags, "-f", "colour=red")
