"""Two networks with the same subnet on one host: both work whole, and they stay apart."""

import pytest

SUBNET = "10.55.0.0/24"
GATEWAY = "10.55.0.1"
SERVER = "192.0.2.200"
CLIENT = "192.0.2.100"
TCP_AND_UDP = ("tcp", "udp")


@pytest.fixture
def twins(host, lab):
    """Networks first and second with one subnet; in each a server and a client, with the same addresses."""
    lab.server.python("whoami.py", "server", "80")
    for network, port in (("first", 8001), ("second", 8002)):
        host.create_network(network, "--subnet", SUBNET)
        host.run_whoami(f"{network}-web", network=network, flags=["-p", f"{port}:80", "-p", f"{port}:80/udp", "--ip", "10.55.0.10"])
        host.run_idle(f"{network}-idle", network=network, flags=["--ip", "10.55.0.20"])
    return host


@pytest.mark.parametrize("protocol", TCP_AND_UDP)
def test_the_same_address_is_somebody_else_in_each_network(twins, protocol):
    for network in ("first", "second"):
        assert twins.ask(f"{network}-idle", protocol, "10.55.0.10")["name"] == f"{network}-web"


def test_each_reaches_its_gateway_its_names_and_the_lan(twins):
    for network in ("first", "second"):
        assert twins.pings(f"{network}-idle", GATEWAY), network
        assert twins.ask(f"{network}-idle", "tcp", f"{network}-web")["name"] == f"{network}-web"
        for protocol in TCP_AND_UDP:
            assert twins.ask(f"{network}-idle", protocol, SERVER)["client"] == twins.address
        assert twins.pings(f"{network}-idle", SERVER), network


def test_each_answers_the_lan_by_its_published_port_with_the_clients_address(twins, lab):
    for protocol in TCP_AND_UDP:
        for name, port in (("first-web", 8001), ("second-web", 8002)):
            answer = lab.client.ask(protocol, twins.address, port)
            assert (answer["name"], answer["client"]) == (name, CLIENT)


def test_each_reaches_the_others_published_port(twins):
    for protocol in TCP_AND_UDP:
        assert twins.ask("first-idle", protocol, twins.address, 8002)["name"] == "second-web"
        assert twins.ask("second-idle", protocol, twins.address, 8001)["name"] == "first-web"
        assert twins.ask("first-idle", protocol, twins.address, 8001)["name"] == "first-web"


def test_both_work_on_after_a_restart(twins):
    twins.kill_daemon()
    twins.start_daemon()
    for network in ("first", "second"):
        assert twins.pings(f"{network}-idle", GATEWAY), network
        assert twins.ask(f"{network}-idle", "tcp", "10.55.0.10")["name"] == f"{network}-web"


def test_the_subnet_of_the_one_that_stays_is_still_not_the_outside(twins):
    twins.expect_drops("isolated")
    twins.create_network("third")
    twins.run_idle("stranger", network="third")
    twins.cli("rm", "-f", "second-web", "second-idle")
    twins.cli("network", "rm", "second")
    assert twins.ask("stranger", "tcp", "10.55.0.10", timeout=1.5) is None
    assert not twins.pings("stranger", "10.55.0.10")
    assert twins.drops()["isolated"] >= 2
    assert twins.ask("first-idle", "tcp", "10.55.0.10")["name"] == "first-web"
