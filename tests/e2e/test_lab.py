"""The lab itself: its machines reach each other, and nothing of it survives, whatever happened in it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from lab import Lab, destroy, list_grounds, wait_until


def test_machines_on_the_lan_reach_each_other_and_leave_nothing():
    lab = Lab("ebn-lab", start=False)
    try:
        lab.server.python("whoami.py", "server", "80")
        for protocol in ("tcp", "udp"):
            answer = lab.client.ask(protocol, "192.0.2.200", 80)
            assert (answer["name"], answer["client"]) == ("server", "192.0.2.100")
        assert lab.host.ns.link_names() == {"lo", "lan0"}
        assert lab.client.ask("tcp", "192.0.2.1", 80, timeout=1) is None
    finally:
        lab.destroy()
    assert lab.ground.leftovers() == []


def test_two_labs_do_not_see_each_other():
    with Lab("ebn-lab", start=False) as one, Lab("ebn-lab", start=False) as other:
        one.server.python("whoami.py", "one", "80")
        other.server.python("whoami.py", "other", "80")
        assert one.client.ask("tcp", "192.0.2.200", 80)["name"] == "one"
        assert other.client.ask("tcp", "192.0.2.200", 80)["name"] == "other"


def test_a_lab_whose_maker_was_killed_can_be_removed_by_its_id():
    code = "from lab import Lab; l = Lab('ebn-lab', start=False); l.server.python('whoami.py', 's', '80')"
    maker = subprocess.Popen(
        [sys.executable, "-c", code + "; print(l.ground.id, flush=True); input()"],
        cwd=Path(__file__).resolve().parents[1] / "support",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    ground = maker.stdout.readline().strip()
    os.kill(maker.pid, signal.SIGKILL)
    maker.communicate()
    assert (ground, maker.pid) in list_grounds("ebn-lab")
    assert Path(f"/run/netns/{ground}-server").exists()
    destroy(ground)
    assert (ground, maker.pid) not in list_grounds("ebn-lab")
    assert not list(Path("/run/netns").glob(f"{ground}-*"))


def test_processes_that_ignore_sigterm_end_with_the_lab():
    lab = Lab("ebn-lab", start=False)
    stubborn = lab.client.popen("sh", "-c", "trap '' TERM HUP INT; echo up; while :; do sleep 60; done", stdout=subprocess.PIPE)
    try:
        assert stubborn.stdout.readline() == b"up\n"
    finally:
        lab.destroy()
    wait_until(lambda: stubborn.poll() is not None, "the stubborn process ends")
    assert lab.ground.leftovers() == []
