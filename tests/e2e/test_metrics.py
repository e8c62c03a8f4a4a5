"""What /metrics tells is what was sent, what there is and what the maps hold; promtool and Prometheus take it."""

import json
import re
import subprocess

import pytest
from conftest import make_lab
from lab import prometheus_program, scrape, wait_until
from lab.host import SOURCE
from lab.namespace import PYTHON, SUPPORT
from lab.traces import traces

PORT = 9464
SERVER = "192.0.2.200"
PACKETS, BYTES, DROPS = (f"ebpfnet_network_{what}_total" for what in ("packets", "bytes", "drops"))
OPERATIONS = SOURCE / "docs" / "operations.md"
HEADERS = 14 + 20 + 8  # Ethernet, IPv4, UDP
SIZES = [0, 1, 17, 512, 1000, 1472]
REPLY = 33


def answerer(port):
    return [PYTHON, SUPPORT / "datagrams.py", "answer", str(port), str(REPLY)]


@pytest.fixture(scope="module")
def lab(request):
    """`one` and `two` on `net`, `three` on `other`; `two` answers datagrams and is published, and so does a server outside."""
    with make_lab(request, start=False) as lab:
        host = lab.host
        host.start_daemon("--metrics-listen", f"[::]:{PORT}")
        for network in ("net", "other"):
            host.create_network(network)
        host.run_idle("one", network="net")
        host.run("two", *answerer(80), network="net", flags=["-p", "8080:80/udp", "-p", "9000-9009:9000-9009"])
        host.run_idle("three", network="other")
        wait_until(lambda: "ready" in host.cli("logs", "two").stdout, "two answers")
        lab.server.python("datagrams.py", "answer", "7000", str(REPLY))
        yield lab


@pytest.fixture
def host(lab):
    return lab.host


def read(host):
    return scrape(host.ns, port=PORT)


def growth(before, after, name, without=()):
    """What grew and by how much: {(network, path or reason): growth}."""
    out = {}
    for sample, labels, value in after.samples:
        what = labels.get("path") or labels.get("reason")
        if sample == name and what not in without and value != (old := before(name, **labels)):
            out[labels["network"], what] = value - old
    return out


# --- traffic

ASKED = len(SIZES), sum(SIZES) + len(SIZES) * HEADERS
ANSWERED = len(SIZES), len(SIZES) * (REPLY + HEADERS)
WAYS = {
    "same network": {("net", "local"): [ASKED, ANSWERED]},
    "masquerade": {("net", "out"): [ASKED], ("net", "in"): [ANSWERED]},
    "published": {("net", "in"): [ASKED], ("net", "out"): [ANSWERED]},
    "published to a sandbox": {("net", "published"): [ASKED], ("other", "published"): [ANSWERED]},
}


def ask(client, address, port):
    """One datagram of each of SIZES, each answered with REPLY bytes."""
    client.run(PYTHON, SUPPORT / "datagrams.py", "ask", address, port, REPLY, *SIZES)


def way_of(way, host, lab):
    """Who asks whom."""
    return {
        "same network": (host.inside("one"), host.ip_of("two", "net"), 80),
        "masquerade": (host.inside("one"), SERVER, 7000),
        "published": (lab.client, host.address, 8080),
        "published to a sandbox": (host.inside("three"), host.address, 8080),
    }[way]


@pytest.mark.parametrize("way", WAYS)
def test_packets_and_bytes_are_those_that_were_sent(host, lab, way):
    own = ("host", "bridge")  # where the kernel's ARP and multicast may come in between
    who = way_of(way, host, lab)
    before = read(host)
    ask(*who)
    after = read(host)
    assert growth(before, after, PACKETS, own) == {key: sum(n for n, _ in parts) for key, parts in WAYS[way].items()}
    assert growth(before, after, BYTES, own) == {key: sum(n for _, n in parts) for key, parts in WAYS[way].items()}
    assert growth(before, after, DROPS) == {}


def test_the_same_numbers_from_both_ends_of_a_kill(host, lab):
    who = way_of("same network", host, lab)
    before = read(host)
    host.kill_daemon()
    ask(*who)  # counted while there is no daemon
    host.start_daemon("--metrics-listen", f"[::]:{PORT}")
    after = read(host)
    assert growth(before, after, PACKETS, ("host", "bridge")) == {("net", "local"): 2 * len(SIZES)}
    assert after("ebpfnet_network_created_timestamp_seconds", network="net") == before(
        "ebpfnet_network_created_timestamp_seconds", network="net"
    )
    assert after("process_start_time_seconds") > before("process_start_time_seconds")
    assert after("ebpfnet_events_total", event="process_adopted") == 3


def frame(source_mac, kind, payload=""):
    return "ffffffffffff" + source_mac.replace(":", "") + kind + payload


def udp_from(address):
    """An IPv4 header and 8 bytes of UDP for 198.51.100.9, from `address`."""
    source = "".join(f"{int(part):02x}" for part in address.split("."))
    return f"4500001c0000000040110000{source}c6336409" + "1388138800080000"


def arp_claiming(address, mac):
    sender = "".join(f"{int(part):02x}" for part in address.split("."))
    return "0001080006040001" + mac.replace(":", "") + sender + "000000000000" + "c6336409"


def test_drops_are_those_that_were_provoked(host):
    host.expect_drops("spoofed_ip", "spoofed_mac", "spoofed_arp", "vlan_tagged", "malformed", "ipv6_disabled")
    host.create_network("quiet")
    host.run_idle("attacker", network="quiet")
    mac = host.endpoint("attacker", "quiet")["MacAddress"]
    wrong = "02:00:00:00:00:99"
    frames = {
        "spoofed_ip": (5, frame(mac, "0800", udp_from("10.99.99.99"))),
        "spoofed_mac": (4, frame(wrong, "0800", udp_from(host.ip_of("attacker", "quiet")))),
        "spoofed_arp": (3, frame(mac, "0806", arp_claiming("10.99.99.99", mac))),
        "vlan_tagged": (2, frame(mac, "8100", "00640800" + udp_from("10.99.99.99"))),
        "malformed": (6, frame(mac, "0800", "4f" + "00" * 40)),
        "ipv6_disabled": (7, frame(mac, "86dd", "60" + "00" * 47)),
    }
    strange = frame(mac, "88b5", "00" * 46)  # a local experiment (IEEE 802): for the bridge
    lines = "\n".join(line for count, line in [*frames.values(), (11, strange)] for _ in range(count))
    inside = host.inside("attacker")
    before = read(host)
    inside.run(PYTHON, SUPPORT / "datagrams.py", "frames", "eth0", input=lines)
    after = read(host)
    assert growth(before, after, DROPS) == {("quiet", reason): count for reason, (count, _) in frames.items()}
    assert growth(before, after, PACKETS, ("host",)) == {("quiet", "bridge"): 11}
    assert growth(before, after, BYTES, ("host",)) == {("quiet", "bridge"): 11 * 60}


def test_a_network_begins_with_zero_also_under_a_number_or_name_that_was_used(host, lab):
    def bridge_of(network):
        prefix = host.network(network)["Id"][:12]
        return next(link["ifindex"] for link in host.ns.ip("link", "show") if link["ifname"].endswith(prefix))

    host.create_network("first")
    host.run("server", *answerer(80), network="first")
    host.run_idle("client", network="first")
    wait_until(lambda: "ready" in host.cli("logs", "server").stdout, "server answers")
    ask(host.inside("client"), host.ip_of("server", "first"), 80)
    before, number = read(host), bridge_of("first")
    assert before(PACKETS, network="first", path="local") == 2 * len(SIZES)
    host.cli("rm", "-f", "server", "client")
    host.cli("network", "rm", "first")
    assert not [labels for _, labels, _ in read(host).samples if labels.get("network") == "first"]
    # A daemon that died in the middle of the removal, before it could take the counts back. The next one gives out the
    # number after the highest in use.
    host.stop_daemon()
    index = number - 0x00F00000
    (counters,) = host.pins("maps/counters")
    key = [f"0x{byte:02x}" for byte in index.to_bytes(4, "little")]
    value = ["0x05"] * (8 + 8 + 64) * 8
    subprocess.run(["/usr/sbin/bpftool", "map", "update", "pinned", counters, "key", *key, "value", *value], check=True)
    host.start_daemon("--metrics-listen", f"[::]:{PORT}")
    host.create_network("second")
    assert bridge_of("second") == number
    after = read(host)
    for name in (PACKETS, BYTES, DROPS):
        assert after(name, network="second") == 0
    host.cli("network", "rm", "second")
    host.create_network("first")
    again = read(host)
    created = "ebpfnet_network_created_timestamp_seconds"
    assert again(PACKETS, network="first") == 0 and again(created, network="first") > before(created, network="first")
    host.cli("network", "rm", "first")


# --- what there is


def test_counts_are_those_of_the_lists(host):
    host.cli("sandbox", "create", "--network", "other", "empty")
    host.run("done", "/bin/true", network="other")
    wait_until(lambda: "Exited" in host.cli("ps", "-a").stdout, "done has ended")
    now = read(host)
    states = [row["Status"].split()[0].lower() for row in host.json("ps", "-a", "--format", "json")]
    for state in ("created", "running", "exited", "restarting"):
        assert now("ebpfnet_sandboxes", state=state) == states.count(state), state
    assert {"created", "running", "exited"} == set(states)
    drivers = [row["Driver"] for row in host.json("network", "ls", "--format", "json")]
    assert now.nonzero("ebpfnet_networks") == {(driver,): drivers.count(driver) for driver in drivers}
    assert now("ebpfnet_network_endpoints", network="net") == 2
    assert now("ebpfnet_network_endpoints", network="other") == 3
    assert now.nonzero("ebpfnet_published_ranges") == {("tcp",): 1, ("udp",): 1}
    assert now.nonzero("ebpfnet_published_ports") == {("tcp",): 10, ("udp",): 1}
    assert now.nonzero("ebpfnet_uplink_attached") == {("lan0",): 1}
    host.cli("rm", "-f", "empty", "done")


def test_names_and_requests_are_counted(host):
    before = read(host)
    for name in ("two", "two", "one"):
        host.exec("one", "getent", "ahostsv4", name)
    host.exec("one", "getent", "ahostsv4", "nonesuch.test", check=False)
    host.refused("inspect", "nonesuch", code=1)
    after = read(host)
    assert after("ebpfnet_dns_queries_total", result="answered") - before("ebpfnet_dns_queries_total", result="answered") == 3
    # The lab has no name server.
    assert after("ebpfnet_dns_queries_total", result="failed") > before("ebpfnet_dns_queries_total", result="failed")
    route = {"method": "POST", "route": "/v1/sandboxes/{ref}/exec"}
    for name, labels in (("ebpfnet_api_requests_total", {"code": "200"}), ("ebpfnet_api_request_duration_seconds_count", {})):
        assert after(name, **route, **labels) - (before(name, **route, **labels) if route["route"] in before.text else 0) == 4
    assert after("ebpfnet_api_requests_total", code="404", route="/v1/sandboxes/{ref}") >= 1


def bpftool(*words):
    return json.loads(subprocess.run(["/usr/sbin/bpftool", "-j", *words], check=True, capture_output=True).stdout)


def test_the_fill_of_every_map_is_what_the_map_holds(host, lab):
    for way in WAYS:
        ask(*way_of(way, host, lab))
    maps = {path.name: path for path in host.pins("maps/*") if not path.name.startswith("clock_")}
    about = {name: bpftool("map", "show", "pinned", path) for name, path in maps.items()}
    counts = host.status()["Counts"]
    bridges = len([row for row in host.json("network", "ls", "--format", "json") if row["Driver"] == "bridge"])
    # Rows of arrays that stand for something; `counters` has those of all networks and one for traffic of none.
    rows = {"endpoints": counts["Endpoints"], "networks": bridges, "counters": counts["Networks"] + 1, "published": 2, "port_index": 11}

    def held(name):
        if name in rows:
            return rows[name]
        elements = bpftool("map", "dump", "pinned", maps[name])
        if about[name]["type"] == "array":
            elements = [element for element in elements if any(int(byte, 16) for byte in element["value"])]
        return len(elements)

    def agrees():  # flows end by themselves, and a count may be some tenths of a second old
        now, truth = read(host), {name: held(name) for name in maps}
        assert now.nonzero("ebpfnet_map_entries") == {(name,): count for name, count in truth.items() if count}
        assert now("ebpfnet_flows", state="established") == truth["flows"]
        assert now("ebpfnet_flows", state="unreplied") == truth["new_flows"]
        return now

    now = wait_until(agrees, "metrics and maps agree")
    assert now.nonzero("ebpfnet_map_max_entries") == {(name,): each["max_entries"] for name, each in about.items()}
    for kind in ("masquerade", "published", "neighbour"):
        assert now("ebpfnet_flows", state="established", kind=kind) >= 1, kind


# --- the text, and who reads it


def test_promtool_finds_nothing_to_complain_of(host):
    done = subprocess.run([prometheus_program("promtool"), "check", "metrics"], input=read(host).text, text=True, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_metric_is_documented_and_no_other(host):
    rows = re.findall(r"^\| `((?:ebpfnet|process)_[a-z_]+)` \| (\w+) \| ([^|]*) \|", OPERATIONS.read_text(), re.MULTILINE)
    now = read(host)
    assert {name: kind for name, kind, _ in rows} == now.families()
    for name, kind, labels in rows:
        sample = name + "_count" if kind == "histogram" else name
        used = {key for found, own, _ in now.samples if found == sample for key in own}
        assert used == set(re.findall(r"`(\w+)`", labels)), name


def alert_rules():
    blocks = re.findall(r"^```yaml\n(groups:.*?)^```", OPERATIONS.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1
    return blocks[0]


def test_a_prometheus_server_scrapes_and_takes_the_alerts_of_the_documentation(host, lab):
    directory = lab.ground.dir / "prometheus"
    directory.mkdir()
    (directory / "rules.yml").write_text(alert_rules())
    (directory / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [rules.yml]\n"
        f"scrape_configs: [{{job_name: ebpfnet, static_configs: [{{targets: ['127.0.0.1:{PORT}']}}]}}]\n"
    )
    checked = subprocess.run([prometheus_program("promtool"), "check", "rules", directory / "rules.yml"], text=True, capture_output=True)
    assert checked.returncode == 0 and not checked.stderr, checked
    with (directory / "log").open("w") as log:
        server = host.ns.popen(
            prometheus_program("prometheus"), f"--config.file={directory}/prometheus.yml", f"--storage.tsdb.path={directory}/data",
            "--web.listen-address=127.0.0.1:9090", "--log.level=warn", stdout=log, stderr=log,
        )  # fmt: skip

    def get(path, **query):
        words = [word for key, value in query.items() for word in ("--data-urlencode", f"{key}={value}")]
        done = host.ns.run("curl", "-sS", "--fail", "-G", f"http://127.0.0.1:9090/api/v1/{path}", *words, check=False)
        assert done.returncode == 0, done.stderr + (directory / "log").read_text()
        return json.loads(done.stdout)["data"]

    def value(query):
        return float(get("query", query=query)["result"][0]["value"][1])

    try:
        wait_until(lambda: value('up{job="ebpfnet"}') == 1, "Prometheus scrapes", timeout=60)
        now = read(host)
        query = PACKETS + '{network="net",path="local"}'
        assert value(query) == now(PACKETS, network="net", path="local") > 0
        groups = wait_until(
            lambda: (found := get("rules")["groups"]) and all(rule["health"] == "ok" for rule in found[0]["rules"]) and found,
            "all alerts were evaluated", timeout=60,
        )  # fmt: skip
        assert len(groups[0]["rules"]) == alert_rules().count("- alert:")
    finally:
        server.kill()
        server.wait()


def test_many_scrapes_at_once_under_load(host, lab):
    host.run("iperf", "iperf3", "-s", "--forceflush", network="net")
    wait_until(lambda: "listening" in host.cli("logs", "iperf").stdout, "iperf3 listens")
    load = host.cli_popen("exec", "one", "--", "iperf3", "-c", host.ip_of("iperf", "net"), "-t", "60")
    try:
        url = f"http://127.0.0.1:{PORT}/metrics"
        many = ["curl", "-sS", "--parallel", "--parallel-immediate", "--parallel-max", "64", "--max-time", "50"]
        many += ["-w", "%{http_code} %{content_type}\\n", "-o", "/dev/null", f"{url}?[1-64]"]
        curl = host.ns.popen(*many, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        host.create_network("meanwhile")
        host.cli("network", "rm", "meanwhile")
        out, err = curl.communicate(timeout=60)
        assert out.splitlines() == ["200 text/plain; version=0.0.4; charset=utf-8"] * 64, (out, err)
        assert load.poll() is None
    finally:
        load.kill()
        load.wait()
        host.cli("rm", "-f", "iperf")


def test_the_listener_is_on_the_host_for_both_families_and_answers_metrics_only(host, lab):
    def status_of(method, address, path):
        words = ["-I"] if method == "HEAD" else ["-X", method]
        return lab.client.run("curl", "-sS", *words, "-o", "/dev/null", "-w", "%{http_code}", f"http://{address}:{PORT}{path}").stdout

    assert status_of("GET", host.address, "/metrics") == "200"
    assert status_of("HEAD", host.address, "/metrics") == "200"
    assert status_of("GET", host.address, "/") == status_of("GET", host.address, "/v1/networks") == "404"
    assert status_of("POST", host.address, "/metrics") == status_of("DELETE", host.address, "/metrics") == "405"
    assert scrape(host.ns, "[::1]", PORT)("ebpfnet_build_info") == 1
    assert "address already in use" in host.refused("publish", "one", f"{PORT}:80")


# --- settings


def test_a_malformed_address_is_a_usage_error(idle_lab):
    host = idle_lab.host
    for text in ("9464", "127.0.0.1", "127.0.0.1:0", "::1:9464", "localhost:9464", "127.0.0.1:61000", "127.0.0.1:99999"):
        (host.dir / "settings.toml").write_text(f'metrics-listen = "{text}"\n')
        for arguments in (["--metrics-listen", text], ["--config", host.dir / "settings.toml"]):
            done = host.run_daemon_to_end(*arguments, check=False)
            assert done.returncode == 2, done.stderr
            assert done.stderr.startswith("Error: --metrics-listen: ") and done.stderr.count("\n") == 1


def test_an_address_that_cannot_be_had_fails_the_start_and_leaves_nothing(idle_lab):
    host = idle_lab.host
    other = host.ns.popen(PYTHON, "-c", f"import socket; s=socket.create_server(('127.0.0.1',{PORT})); print(1,flush=True); s.accept()", stdout=subprocess.PIPE)
    other.stdout.readline()
    for address, words in ((f"127.0.0.1:{PORT}", "Address already in use (hint: "), (f"203.0.113.9:{PORT}", "Cannot assign requested address (hint: ")):
        done = host.run_daemon_to_end("--metrics-listen", address, check=False)
        assert done.returncode == 1, done.stderr
        assert f"Error: --metrics-listen: listen on {address}: {words}" in done.stderr and done.stderr.count("\n") == 1
    now = traces(host)
    assert {key: now[key] for key in now if key != "pins"} == {key: host.traces_before[key] for key in now if key != "pins"}
    other.kill()
    other.wait()


def test_nothing_listens_unless_asked_and_a_flag_wins_over_the_file(idle_lab):
    host = idle_lab.host

    def listeners():
        return {line.split()[3] for line in host.ns.run("ss", "-Hltn").stdout.splitlines()}

    (host.dir / "settings.toml").write_text(f'metrics-listen = "127.0.0.1:{PORT}"\n')
    host.start_daemon()
    assert listeners() == set()
    host.stop_daemon()
    host.start_daemon("--config", host.dir / "settings.toml")
    assert listeners() == {f"127.0.0.1:{PORT}"}
    host.stop_daemon()
    host.start_daemon("--config", host.dir / "settings.toml", "--metrics-listen", "127.0.0.2:1234")
    assert listeners() == {"127.0.0.2:1234"}
