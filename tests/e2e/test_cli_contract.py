"""The words, columns, keys and exit codes of docs/cli.md, as other programs rely on them."""

import re
import subprocess

import pytest
from conftest import make_lab
from lab.host import binary

ID = re.compile(r"[0-9a-f]{64}")


@pytest.fixture(scope="module")
def net(request):
    """One host for all tests that only look, or put back what they change."""
    with make_lab(request) as lab:
        fill(lab.host)
        yield lab.host


def fill(host):
    host.create_network("net", "--subnet", "10.9.0.0/24", "--label", "tier=front", "-o", "com.docker.network.driver.mtu=1400")
    host.run_idle("web", network="net", flags=["-p", "8000:80", "--label", "app=shop", "-e", "A=b"])


def test_creating_prints_the_full_id_and_rm_what_it_removed(host):
    assert ID.fullmatch(host.create_network("net"))
    assert ID.fullmatch(host.run_idle("web", network="net"))
    assert host.cli("rm", "-f", "web").stdout == "web\n"
    assert host.cli("network", "rm", "net").stdout == "net\n"


def test_any_unique_prefix_is_accepted(net):
    ident = net.inspect("web")["Id"]
    for reference in (ident, ident[:12], ident[:6]):
        assert net.inspect(reference)["Name"] == "web"
    assert net.network(net.network("net")["Id"][:8])["Name"] == "net"


def test_network_ls(net):
    lines = net.cli("network", "ls").stdout.splitlines()
    assert lines[0].split("  ")[0] == "NETWORK ID" and re.split(r"\s{2,}", lines[0].strip()) == ["NETWORK ID", "NAME", "DRIVER", "SCOPE"]
    rows = {line.split()[1]: line.split() for line in lines[1:]}
    assert set(rows) == {"bridge", "host", "none", "net"}
    assert len(rows["net"][0]) == 12 and rows["net"][2:] == ["bridge", "local"]
    assert rows["none"][2] == "null" and rows["host"][2] == "host"
    assert {"ID", "Name", "Driver", "Scope"} <= set(net.json("network", "ls", "--format", "json")[0])
    assert all(ID.fullmatch(line) for line in net.cli("network", "ls", "-q", "--no-trunc").stdout.split())


@pytest.mark.parametrize(
    "filters, names",
    [(["name=net"], {"net"}), (["driver=bridge"], {"bridge", "net"}), (["label=tier"], {"net"}), (["label=tier=back"], set()),
     (["type=custom"], {"net"}), (["type=builtin"], {"bridge", "host", "none"}), (["driver=bridge", "label=tier=front"], {"net"})],
)  # fmt: skip
def test_network_filters(net, filters, names):
    words = [word for each in filters for word in ("-f", each)]
    assert {entry["Name"] for entry in net.json("network", "ls", "--format", "json", *words)} == names


def test_unknown_filters_and_templates_are_refused_with_a_hint(net):
    assert "mystery" in net.cli("network", "ls", "-f", "mystery=1", check=False).stderr
    done = net.cli("ps", "--format", "{{.Names}}", check=False)
    assert done.returncode in (1, 2) and "json" in done.stderr


def test_network_inspect_is_dockers(net):
    found = net.network("net")
    assert set(found) >= {"Name", "Id", "Created", "Scope", "Driver", "EnableIPv6", "IPAM", "Internal", "Attachable", "Ingress",
                          "Containers", "Options", "Labels"}  # fmt: skip
    assert found["IPAM"]["Driver"] == "default"
    assert found["IPAM"]["Config"] == [{"Subnet": "10.9.0.0/24", "Gateway": "10.9.0.1"}]
    assert found["Labels"] == {"tier": "front"} and found["Options"] == {"com.docker.network.driver.mtu": "1400"}
    (endpoint,) = found["Containers"].values()
    assert endpoint["Name"] == "web" and endpoint["IPv4Address"] == "10.9.0.2/24" and ID.fullmatch(endpoint["EndpointID"])
    assert list(found["Containers"]) == [net.inspect("web")["Id"]]
    assert len(net.json("network", "inspect", "net", "bridge")) == 2


def test_sandbox_inspect(net):
    found = net.inspect("web")
    assert set(found) >= {"Id", "Name", "Created", "State", "Config", "NetworkSettings"}
    assert found["Config"]["Cmd"] == ["/bin/sleep", "86400"] and "A=b" in found["Config"]["Env"]
    assert found["Config"]["Labels"] == {"app": "shop"} and found["Config"]["Hostname"] == found["Id"][:12]
    endpoint = found["NetworkSettings"]["Networks"]["net"]
    assert (endpoint["IPAddress"], endpoint["IPPrefixLen"], endpoint["Gateway"]) == ("10.9.0.2", 24, "10.9.0.1")
    assert endpoint["NetworkID"] == net.network("net")["Id"] and ID.fullmatch(endpoint["EndpointID"])
    assert endpoint["MacAddress"] == "02:42:0a:09:00:02"


def test_ps(net):
    net.run("done", "sh", "-c", "exit 3")
    net.cli("wait", "done")
    header, *lines = net.cli("ps", "-a").stdout.splitlines()
    assert re.split(r"\s{2,}", header.strip()) == ["SANDBOX ID", "NAME", "STATUS", "PID", "NETWORKS", "PORTS"]
    by_name = {re.split(r"\s{2,}", line)[1]: line for line in lines}
    assert "Running" in by_name["web"] or "Up" in by_name["web"]
    assert "8000->80/tcp" in by_name["web"] and " net " in by_name["web"]
    assert "Exited (3)" in by_name["done"]
    assert net.sandbox_names(all=False) == {"web"}
    assert net.cli("ps", "-q").stdout.strip() == net.inspect("web")["Id"][:12]
    net.cli("rm", "done")


def test_network_prune_keeps_what_is_used(net):
    net.create_network("unused")
    assert "unused" in net.cli("network", "prune", "-f").stdout
    assert net.network_names() == {"bridge", "host", "none", "net"}


def test_status_and_version(net):
    status = net.status()
    assert isinstance(status["Drops"], list)
    assert "lan0" in net.cli("status").stdout, "the uplinks are named"
    assert net.cli("status", "--verify").returncode == 0
    assert re.search(r"\d+\.\d+\.\d+", net.cli("version").stdout)


@pytest.mark.parametrize(
    "words", [["nonesuch"], ["network", "nonesuch"], ["network", "create"], ["run"], ["network", "create", "--mystery", "x"], ["rm"], []]
)
def test_wrong_usage_is_2(net, words):
    done = net.cli(*words, check=False)
    assert done.returncode == 2 and done.stderr, (done.returncode, done.stderr)


@pytest.mark.parametrize("driver", ["overlay", "macvlan", "ipvlan"])
def test_drivers_that_are_not_built_are_refused_by_name(net, driver):
    assert driver in net.refused("network", "create", "-d", driver, "n")


def test_help_needs_no_daemon():
    for words in (["--help"], ["network", "--help"], ["run", "--help"]):
        done = subprocess.run([binary("ebpfnet"), *words], capture_output=True, text=True, timeout=10)
        assert done.returncode == 0 and "Usage" in done.stdout, words
    done = subprocess.run([binary("ebpfnetd"), "--help"], capture_output=True, text=True, timeout=10)
    assert done.returncode == 0 and "--uplink" in done.stdout


def test_the_daemon_reads_its_flags_from_a_file(idle_lab):
    host = idle_lab.host
    config = host.dir / "ebpfnet.toml"
    config.write_text(
        f'state-dir = "{host.state_dir}"\nrun-dir = "{host.run_dir}"\nbpffs = "{host.bpffs}"\n'
        f'uplink = ["lan0"]\ncgroup-root = "{host.cgroup_root}"\nlog-format = "json"\n'
    )
    host.daemon_command = lambda *extra: [binary("ebpfnetd"), "--config", config, *extra]
    host.start_daemon()
    assert host.network_names() == {"bridge", "host", "none"}
    assert host.log().startswith("{")
    config.write_text('uplinks = ["lan0"]\n')
    done = host.run_daemon_to_end(check=False, timeout=30)
    assert done.returncode != 0 and "uplinks" in done.stderr
    config.write_text(f'run-dir = "{host.run_dir}"\nstate-dir = "{host.state_dir}"\nbpffs = "{host.bpffs}"\ncgroup-root = "{host.cgroup_root}"\n')
