"""Several daemons on one machine: each in its own namespace with its own directories, and none touches another's things."""

import os

import pytest
from lab.host import binary


@pytest.fixture
def hosts(lab, add_host):
    return lab.host, add_host("h2", "192.0.2.2")


def test_two_hosts_run_the_same_names_and_addresses(hosts, lab):
    for host in hosts:
        host.create_network("net", "--subnet", "10.9.0.0/24")
        host.run_whoami(f"web-{host.name}", network="net", flags=["--ip", "10.9.0.5", "-p", "8000:80"])
        host.run_idle("me", network="net")
    for host in hosts:
        assert host.ask("me", "tcp", "10.9.0.5")["name"] == f"web-{host.name}"
        assert lab.client.ask("tcp", host.address, 8000)["name"] == f"web-{host.name}"


def test_sandboxes_of_two_hosts_talk_through_published_ports(hosts):
    one, two = hosts
    two.run_whoami("web", flags=["-p", "8000:80"])
    one.run_idle("me")
    assert one.ask("me", "tcp", two.address, 8000)["client"] == one.address


def test_killing_restarting_and_purging_one_leaves_the_other(hosts, lab):
    one, two = hosts
    for host in hosts:
        host.run_whoami("web", flags=["-p", "8000:80"])
    one.kill_daemon()
    one.run_daemon_to_end("--purge")
    assert lab.client.ask("tcp", one.address, 8000, timeout=1) is None
    assert lab.client.ask("tcp", two.address, 8000)["name"] == "web"
    assert two.sandbox_names() == {"web"} and one.ns.link_names() == {"lo", "lan0"}
    two.restart_daemon()
    assert lab.client.ask("tcp", two.address, 8000)["name"] == "web"


def test_a_second_daemon_on_the_same_directories_is_refused(host):
    for extra in ((), ("--purge",)):
        done = host.run_daemon_to_end(*extra, check=False, timeout=30)
        assert done.returncode != 0 and str(host.state_dir) in done.stderr, done.stderr
    assert host.network_names() == {"bridge", "host", "none"}


@pytest.mark.parametrize("shared", ["--state-dir", "--run-dir", "--bpffs"])
def test_one_directory_in_common_is_refused(lab, add_host, shared):
    one, two = lab.host, add_host("h2", "192.0.2.2", start=False)
    value = {"--state-dir": one.state_dir, "--run-dir": one.run_dir, "--bpffs": one.bpffs}[shared]
    command = two.daemon_command()
    command[command.index(shared) + 1] = value
    done = two.ns.run(*command, check=False, timeout=30)
    assert done.returncode != 0 and str(value) in done.stderr, done.stderr
    assert one.network_names() == {"bridge", "host", "none"}


def test_the_command_without_a_daemon_says_where_it_looked(idle_lab):
    story = idle_lab.host.refused("ps", code=3)
    assert str(idle_lab.host.socket) in story and "hint" in story
    assert os.access(binary("ebpfnet"), os.X_OK)
