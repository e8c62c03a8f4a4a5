"""A build with another layout of the maps takes over what an older one left, with the connections that live in it.

ebn-as-v1 turns the tables into those of layout 1, with what is in them.
"""

import random
import signal
import time

import pytest
from lab.host import binary
from lab.namespace import PYTHON, SUPPORT

PORT = 7000
SERVER = "192.0.2.200"


class Talk:
    """One connection or UDP flow that goes on and on."""

    def __init__(self, namespace, protocol, address):
        self.name = f"{protocol} to {address}"
        line = [PYTHON, SUPPORT / "echo.py", "talk", protocol, address, PORT]
        self.process = namespace.popen(*map(str, line), stdin=-1, stdout=-1, text=True)

    def goes_on(self):
        self.process.stdin.write("hello\n")
        self.process.stdin.flush()
        return self.process.stdout.readline() == "answered\n"


def serve(namespace):
    server = namespace.popen(PYTHON, str(SUPPORT / "echo.py"), "serve", str(PORT), stdout=-1, text=True)
    assert server.stdout.readline() == "ready\n"


@pytest.fixture
def talks(lab, host):
    """Through masquerade, through a published port, and from a neighbour through a published port; each TCP and UDP."""
    host.create_network("net")
    host.create_network("other")
    host.run_idle("web", network="net", flags=["-p", f"{PORT}:{PORT}", "-p", f"{PORT}:{PORT}/udp"])
    host.run_idle("near", network="other")
    for namespace in (lab.server, host.inside("web")):
        serve(namespace)
    ways = ((host.inside("web"), SERVER), (lab.client, host.address), (host.inside("near"), host.address))
    made = [Talk(namespace, protocol, address) for namespace, address in ways for protocol in ("tcp", "udp")]
    assert all(talk.goes_on() for talk in made)
    return made


def flow_counts(host):
    return {row["Name"]: row["Entries"] for row in host.status()["Maps"] if row["Name"] in ("flows", "masq_ports")}


def become_v1(host):
    host.ns.run(binary("ebn-as-v1"), host.bpffs)
    assert [path.name for path in host.bpffs.glob("v*")] == ["v1"]


def check_taken_over(host, lab, talks, before):
    assert "event=layout_taken_over from=v1" in host.log()
    assert [path.name for path in host.bpffs.glob("v*")] == ["v2"]
    assert flow_counts(host) == before
    assert [talk.name for talk in talks if not talk.goes_on()] == []
    host.cli("status", "--verify")
    late = Talk(host.inside("web"), "tcp", SERVER)
    assert late.goes_on()


def test_live_flows_are_taken_over(host, lab, talks):
    before = flow_counts(host)
    assert before == {"flows": 6, "masq_ports": 2}
    host.kill_daemon()
    become_v1(host)
    host.start_daemon()
    check_taken_over(host, lab, talks, before)


def test_a_death_in_the_middle_is_repaired_by_the_next_start(host, lab, talks):
    before = flow_counts(host)
    host.kill_daemon()
    become_v1(host)
    random.seed(1)
    for _ in range(6):
        host.start_daemon(wait=False)
        time.sleep(random.uniform(0, 0.3))
        assert host.kill_daemon() == -signal.SIGKILL
        assert [talk.name for talk in talks if not talk.goes_on()] == []
    host.start_daemon()
    check_taken_over(host, lab, talks, before)


def test_a_layout_that_nobody_knows_is_refused_and_left_alone(host, talks):
    host.stop_daemon()
    (path,) = host.bpffs.glob("v*")
    path.rename(host.bpffs / "v0")
    done = host.run_daemon_to_end(check=False)
    assert done.returncode == 1 and "schema version 0" in done.stderr and "ebpfnetd --purge" in done.stderr
    assert [talk.name for talk in talks if not talk.goes_on()] == []
    (host.bpffs / "v0").rename(path)
    host.start_daemon()
