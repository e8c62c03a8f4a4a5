"""The daemon dies and comes back: traffic goes on, everything is managed again, the damage is repaired, orphans are swept."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time

import pytest
from lab import Pets, wait_until


@pytest.fixture
def busy(host):
    host.create_network("net")
    host.run_whoami("web", network="net", flags=["-p", "8000:80"])
    host.run_idle("idle", network="net")
    return host


def test_no_packet_is_lost_over_kill_and_restart(busy, lab):
    ping = ["ping", "-n", "-q", "-i", "0.02", "-c", "200", "-W", "1", busy.ip_of("web", "net")]
    inside = busy.inside("idle").popen(*ping, stdout=-1, text=True)
    time.sleep(1)
    busy.kill_daemon()
    assert lab.client.ask("tcp", busy.address, 8000)["name"] == "web"
    busy.start_daemon()
    assert " 0% packet loss" in inside.communicate(timeout=30)[0]
    assert lab.client.ask("tcp", busy.address, 8000)["name"] == "web"


def test_a_download_survives_three_kills(host, lab):
    pets = Pets(lab)
    pets.create_networks()
    pets.start_tenant("cat")
    wait_until(lambda: pets.get(8000, "/health") == "ok\n", "the page answers", timeout=30)
    download = pets.start_download(8000, size=8 << 20, seconds=8)
    for _ in range(3):
        time.sleep(1)
        host.kill_daemon()
        assert pets.get(8000, "/health") == "ok\n"
        host.start_daemon()
    assert pets.finish_download(download) == 8 << 20


def test_everything_can_be_managed_after_a_kill(busy, lab):
    before = {name: busy.inspect(name) for name in ("web", "idle")}
    busy.kill_daemon()
    busy.start_daemon()
    for name, old in before.items():
        new = busy.inspect(name)
        assert (new["Id"], new["State"]["Pid"]) == (old["Id"], old["State"]["Pid"])
        assert new["NetworkSettings"] == old["NetworkSettings"]
    busy.run_idle("late", network="net")
    assert busy.exec("late", "getent", "ahostsv4", "web").stdout.split()[0] == busy.ip_of("web", "net")
    assert busy.ask("late", "tcp", busy.ip_of("web", "net"))["name"] == "web"
    busy.cli("stop", "web", timeout=30)
    busy.cli("start", "web")
    wait_until(lambda: lab.client.ask("tcp", busy.address, 8000, timeout=1), "the port answers again")
    busy.cli("rm", "-f", "web", "idle", "late")
    busy.cli("network", "rm", "net")


def test_sigterm_stops_the_daemon_and_leaves_the_data_plane(busy, lab):
    assert busy.stop_daemon() == 0
    assert lab.client.ask("tcp", busy.address, 8000)["name"] == "web"
    assert str(busy.socket) in busy.refused("ps", code=3)
    busy.start_daemon()
    assert busy.sandbox_names() == {"web", "idle"}


def test_a_process_that_ended_meanwhile_has_its_exit_code(busy):
    busy.run("brief", "sh", "-c", "sleep 1; exit 17", network="net")
    busy.kill_daemon()
    time.sleep(2)
    busy.start_daemon()
    state = busy.inspect("brief")["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 17)


def test_attached_clients_live_through_a_kill(busy):
    client = busy.cli_popen("run", "--name", "attached", "--", "sh", "-c", "for i in 1 2 3 4 5 6; do echo $i; sleep 0.5; done; exit 4")
    assert client.stdout.readline() == "1\n"
    busy.kill_daemon()
    busy.start_daemon()
    assert (client.communicate(timeout=20)[0], client.returncode) == ("2\n3\n4\n5\n6\n", 4)


def test_missing_links_bridge_and_addresses_are_repaired(busy):
    gateway = busy.network("net")["IPAM"]["Config"][0]["Gateway"]
    bridge = next(i["ifname"] for i in busy.ns.ip("-4", "addr", "show") for a in i["addr_info"] if a["local"] == gateway)
    veth = next(link["ifname"] for link in busy.ns.ip("link", "show", "master", bridge))
    busy.kill_daemon()
    busy.ns.run("ip", "link", "del", veth)
    busy.ns.run("ip", "link", "del", bridge)
    busy.start_daemon()
    assert busy.ns.ip("link", "show", bridge)
    assert busy.ask("idle", "tcp", busy.ip_of("web", "net"))["name"] == "web"
    assert busy.pings("idle", gateway) and busy.pings("web", gateway)


def test_orphans_are_swept_and_strangers_left_alone(busy):
    busy.ns.run("ip", "link", "add", "stranger0", "type", "bridge")
    links = busy.ns.link_names()
    busy.run_idle("orphan", network="net")
    orphaned = busy.ns.link_names() - links
    busy.kill_daemon()
    forget(busy, "orphan")
    busy.start_daemon()
    assert "orphan" not in busy.sandbox_names()
    assert not orphaned & busy.ns.link_names() and "stranger0" in busy.ns.link_names()
    assert len(list((busy.run_dir / "netns").iterdir())) == 2, "web and idle"
    busy.ns.run("ip", "link", "del", "stranger0")


def forget(host, sandbox):
    """Takes a sandbox out of the state file, as if its record had never reached the disk."""
    (file,) = [f for f in host.state_dir.iterdir() if f.suffix in (".db", ".sqlite")]
    with sqlite3.connect(file) as db:
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
            for column in columns:
                db.execute(f"DELETE FROM {table} WHERE {column} LIKE '%' || ? || '%'", (f'"{sandbox}"',))
                db.execute(f"DELETE FROM {table} WHERE {column} = ?", (sandbox,))


def test_restart_policies_start_sandboxes_again_after_a_reboot(busy):
    """A reboot: processes, namespaces, links and pins are gone, the state is there."""
    busy.run("phoenix", "/bin/sleep", "86400", network="net", flags=["--restart", "always"])
    address = busy.ip_of("phoenix", "net")
    busy.reboot()
    busy.start_daemon()
    wait_until(lambda: busy.inspect("phoenix")["State"]["Running"], "the phoenix lives again")
    assert busy.ip_of("phoenix", "net") == address
    assert busy.inspect("idle")["State"]["Status"] == "exited"
    busy.cli("start", "web")
    assert busy.ask("phoenix", "tcp", busy.ip_of("web", "net"))["name"] == "web"


@pytest.mark.parametrize("delay_ms", [5, 20, 50, 100, 200])
def test_a_death_in_the_middle_of_requests_is_repaired(busy, delay_ms):
    clients = [busy.cli_popen("run", "-d", "--name", f"s{n}", "--network", "net", "--", "sleep", "86400") for n in range(8)]
    time.sleep(delay_ms / 1000)
    busy.kill_daemon()
    for client in clients:
        client.communicate(timeout=20)
    busy.start_daemon()
    acknowledged = {f"s{n}" for n, client in enumerate(clients) if client.returncode == 0}
    assert acknowledged <= busy.sandbox_names(), "what was answered is there"
    busy.cli("rm", "-f", *sorted(busy.sandbox_names()))
    busy.cli("network", "rm", "net")
    assert busy.ns.link_names() <= {"lo", "lan0"} | default_bridge(busy)
    assert list((busy.run_dir / "netns").iterdir()) == []


def default_bridge(host):
    gateway = host.network("bridge")["IPAM"]["Config"][0]["Gateway"]
    return {i["ifname"] for i in host.ns.ip("-4", "addr", "show") for a in i["addr_info"] if a["local"] == gateway}


def test_new_connections_go_on_all_the_time(busy, lab):
    stop, failures = threading.Event(), []

    def knock():
        while not stop.is_set():
            if lab.client.ask("tcp", busy.address, 8000, timeout=2) is None:
                failures.append(time.monotonic())

    knocker = threading.Thread(target=knock)
    knocker.start()
    try:
        for _ in range(3):
            time.sleep(0.5)
            busy.kill_daemon()
            time.sleep(0.5)
            busy.start_daemon()
    finally:
        stop.set()
        knocker.join()
    assert failures == []


def test_sighup_keeps_the_daemon_running(busy):
    busy.daemon.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert busy.daemon.poll() is None and busy.sandbox_names() == {"web", "idle"}


def test_ready_is_told_to_the_service_manager(idle_lab):
    host = idle_lab.host
    path = host.dir / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(30)
        os.environ["NOTIFY_SOCKET"] = str(path)
        try:
            host.start_daemon()
        finally:
            del os.environ["NOTIFY_SOCKET"]
        assert b"READY=1" in manager.recv(4096)
        host.daemon.send_signal(signal.SIGTERM)
        told = manager.recv(4096)
        while b"STOPPING=1" not in told:
            told = manager.recv(4096)
        assert host.daemon.wait(20) == 0


def test_a_sandbox_that_waits_for_its_restart_starts_after_the_daemon_does(busy):
    busy.run("always", "sh", "-c", "echo life; exit 1", network="net", flags=["--restart", "always"])
    wait_until(lambda: busy.inspect("always")["State"]["Status"] == "restarting", "it waits for its restart")
    busy.kill_daemon()
    busy.start_daemon()
    before = busy.cli("logs", "always").stdout.count("life")
    wait_until(lambda: busy.cli("logs", "always").stdout.count("life") > before, "it lives again", timeout=70)
    busy.cli("rm", "-f", "always")


def test_a_namespace_file_that_somebody_unmounted_is_made_anew_from_the_process(busy):
    key = busy.inspect("web")["NetworkSettings"]["SandboxKey"]
    busy.kill_daemon()
    subprocess.run(["umount", "-l", key], check=True)
    busy.start_daemon()
    assert busy.ask("idle", "tcp", busy.ip_of("web", "net"))["name"] == "web"
    assert busy.exec("web", "ip", "-o", "link", "show", "eth0").stdout
    busy.cli("status", "--verify")


def test_files_of_a_stopped_sandbox_that_somebody_removed_are_written_anew(busy):
    busy.cli("stop", "-t", "1", "idle")
    sandbox = busy.inspect("idle")["Id"]
    shutil.rmtree(busy.run_dir / "sandboxes" / sandbox)
    busy.cli("start", "idle")
    assert "127.0.0.11" in busy.exec("idle", "cat", "/etc/resolv.conf").stdout
