"""Names at 127.0.0.11: of the same network only, with Docker's answers, from glibc, musl and dig; the rest is forwarded."""

import re
import subprocess

import pytest
from conftest import make_lab
from lab import wait_until
from lab.namespace import PYTHON, SUPPORT

UPSTREAM = "192.0.2.200"


@pytest.fixture(scope="module")
def lab(request):
    """Networks net and other; the sandboxes web and db on net, stranger on other; a name server on the LAN."""
    with make_lab(request) as lab:
        host = lab.host
        lab.server.python("dns_server.py", UPSTREAM, "www.example=198.51.100.80")
        host.create_network("net")
        host.create_network("other")
        host.run_idle("web", network="net", flags=["--dns", UPSTREAM, "--dns-search", "example"])
        host.run_idle("db", network="net", flags=["--network-alias", "storage", "--hostname", "vault"])
        host.run_idle("stranger", network="other")
        yield lab


@pytest.fixture
def dig(host):
    def ask(*words, sandbox="web"):
        done = host.exec(sandbox, "dig", "+tries=1", "+time=3", "@127.0.0.11", *words)
        status = re.search(r"status: (\w+)", done.stdout).group(1)
        flags = re.search(r"flags: ([a-z ]+);", done.stdout).group(1).split()
        answers = [line.split() for line in done.stdout.splitlines() if line and not line.startswith(";")]
        return status, answers, flags

    return ask


@pytest.fixture(scope="module")
def musl_program(tmp_path_factory):
    path = tmp_path_factory.mktemp("musl") / "resolve"
    subprocess.run(["musl-gcc", "-static", "-Wall", "-Werror", "-o", path, SUPPORT / "resolve.c"], check=True)
    return path


def test_names_aliases_and_hostnames_resolve(host, dig):
    address = host.ip_of("db", "net")
    short_id = host.inspect("db")["Id"][:12]
    for name in ("db", "storage", "vault", short_id, "DB", "Storage"):
        status, answers, _ = dig(name, "A")
        assert (status, [a[4] for a in answers]) == ("NOERROR", [address]), name
        assert answers[0][1] == "600", "Docker's time to live"


@pytest.mark.parametrize("way", ["+notcp", "+tcp"])
def test_both_transports_answer(host, dig, way):
    assert dig(way, "db", "A")[1][0][4] == host.ip_of("db", "net")


def test_names_of_other_networks_do_not_exist(host, dig):
    for name in ("stranger", host.inspect("stranger")["Id"][:12]):
        assert dig(name, "A")[0] == "NXDOMAIN"
    assert dig("web", "A", sandbox="stranger")[0] != "NOERROR"


@pytest.mark.parametrize("kind", ["AAAA", "MX", "TXT"])
def test_other_types_of_a_known_name_are_empty_not_missing(dig, kind):
    status, answers, _ = dig("db", kind)
    assert (status, answers) == ("NOERROR", [])


def test_addresses_resolve_back_to_name_and_network(host, dig):
    status, answers, _ = dig("-x", host.ip_of("db", "net"))
    assert (status, answers[0][3], answers[0][4]) == ("NOERROR", "PTR", "db.net.")
    assert host.exec("web", "getent", "hosts", host.ip_of("db", "net")).stdout.split()[1] == "db.net"


def test_addresses_of_other_networks_do_not_resolve_back(host, dig):
    assert dig("-x", host.ip_of("stranger", "other"))[1] == []


def test_glibc_resolves(host):
    done = host.exec("web", "getent", "ahostsv4", "storage")
    assert done.stdout.split()[0] == host.ip_of("db", "net")
    assert host.exec("web", "getent", "hosts", "stranger", check=False).returncode == 2


def test_musl_resolves(host, musl_program):
    assert host.exec("web", musl_program, "storage").stdout.split() == [host.ip_of("db", "net")]
    assert host.exec("web", musl_program, "www.example").stdout.split() == ["198.51.100.80"]
    assert host.exec("web", musl_program, "stranger", check=False).returncode == 1


def test_other_names_are_forwarded(dig):
    status, answers, _ = dig("www.example", "A")
    assert (status, answers[0][4]) == ("NOERROR", "198.51.100.80")
    assert dig("missing.example", "A")[0] == "NXDOMAIN"


def test_the_search_list_is_used(host):
    assert host.exec("web", "getent", "ahostsv4", "www").stdout.split()[0] == "198.51.100.80"


def test_a_truncated_answer_is_fetched_again_over_tcp(dig):
    _, answers, flags = dig("+notcp", "+ignore", "+noedns", "big.example", "A")
    assert "tc" in flags
    _, answers, flags = dig("+noedns", "big.example", "A")
    assert len(answers) == 60


def test_an_upstream_that_does_not_answer_gives_servfail(host, dig):
    host.run_idle("lost", network="net", flags=["--dns", "192.0.2.99"])
    done = host.exec("lost", "dig", "+tries=1", "+time=15", "@127.0.0.11", "www.example", timeout=30)
    assert "SERVFAIL" in done.stdout
    assert dig("db", "A", sandbox="lost")[0] == "NOERROR"
    host.cli("rm", "-f", "lost")


def test_resolv_conf_and_hosts_are_the_sandboxes_own(host):
    resolv = host.exec("web", "cat", "/etc/resolv.conf").stdout
    assert "nameserver 127.0.0.11\n" in resolv and "search example\n" in resolv and "ndots:0" in resolv
    hosts = host.exec("db", "cat", "/etc/hosts").stdout
    assert re.search(rf"^{re.escape(host.ip_of('db', 'net'))}\s+vault", hosts, re.MULTILINE)
    assert host.exec("db", "hostname").stdout.strip() == "vault"


def test_extra_hosts_are_in_the_hosts_file(host):
    host.run_idle("extra", network="net", flags=["--add-host", "printer:192.0.2.77"])
    assert host.exec("extra", "getent", "hosts", "printer").stdout.split()[0] == "192.0.2.77"
    host.cli("rm", "-f", "extra")


def test_the_default_bridge_has_no_names(host):
    host.run_idle("plain", flags=["--dns", UPSTREAM])
    assert "127.0.0.11" not in host.exec("plain", "cat", "/etc/resolv.conf").stdout
    assert f"nameserver {UPSTREAM}" in host.exec("plain", "cat", "/etc/resolv.conf").stdout
    host.cli("rm", "-f", "plain")


def test_a_new_sandbox_is_known_at_once_and_a_removed_one_forgotten_at_once(host, dig):
    for _ in range(3):
        host.run_idle("brief", network="net")
        assert dig("brief", "A")[0] == "NOERROR"
        host.cli("rm", "-f", "brief")
        assert dig("brief", "A")[0] == "NXDOMAIN"


def test_an_alias_of_two_sandboxes_has_both_addresses(host, dig):
    for name in ("pool-1", "pool-2"):
        host.run_idle(name, network="net", flags=["--network-alias", "pool"])
    expected = {host.ip_of("pool-1", "net"), host.ip_of("pool-2", "net")}
    assert {answer[4] for answer in dig("pool", "A")[1]} == expected
    host.cli("rm", "-f", "pool-1", "pool-2")


def test_connecting_and_disconnecting_changes_what_is_known(host, dig):
    host.cli("network", "connect", "--alias", "guest", "net", "stranger")
    assert dig("guest", "A")[0] == "NOERROR"
    assert dig("web", "A", sandbox="stranger")[0] == "NOERROR"
    host.cli("network", "disconnect", "net", "stranger")
    assert dig("guest", "A")[0] == "NXDOMAIN"


def test_a_server_on_all_addresses_port_53_works_in_the_sandbox(host, dig):
    host.run("dns", PYTHON, SUPPORT / "dns_server.py", "0.0.0.0", "inner.example=198.51.100.1", network="net")
    wait_until(lambda: "ready" in host.cli("logs", "dns").stdout, "the server in the sandbox listens")
    for way in ("+notcp", "+tcp"):
        asked = host.exec("web", "dig", "+short", "+tries=1", "+time=3", way, f"@{host.ip_of('dns', 'net')}", "inner.example")
        assert asked.stdout.strip() == "198.51.100.1", way
    assert dig("db", "A", sandbox="dns")[0] == "NOERROR", "its own resolver still answers"
    host.cli("rm", "-f", "dns")


def test_garbage_does_not_stop_the_resolver(host, dig):
    send = "import socket\ns = socket.socket(type=socket.SOCK_DGRAM)\n"
    send += "for n in range(64): s.sendto(bytes((n * 7 + i) % 256 for i in range(n)), ('127.0.0.11', 53))"
    host.exec("web", PYTHON, "-c", send)
    assert dig("db", "A")[0] == "NOERROR"


def test_sockets_of_the_hosts_name_services_are_hidden(host):
    for path in ("/run/nscd/socket", "/run/systemd/resolve/io.systemd.Resolve"):
        assert host.exec("web", "test", "-S", path, check=False).returncode == 1, path
