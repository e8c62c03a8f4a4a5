"""Life of a sandbox: run, stop, start, restart, kill, wait, logs, exit codes, restart policies, shared namespaces."""

import os
import signal
import time

import pytest
from lab import wait_until


def state(host, sandbox):
    return host.inspect(sandbox)["State"]


def row(host, sandbox):
    return next(entry for entry in host.json("ps", "-a", "--format", "json") if entry["Name"] == sandbox)


@pytest.mark.parametrize("code", [0, 3, 255])
def test_run_returns_the_commands_own_code(host, code):
    done = host.cli("run", "--rm", "--", "sh", "-c", f"echo out; echo err >&2; exit {code}", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (code, "out\n", "err\n")
    assert host.sandbox_names() == set()


@pytest.mark.parametrize("detached", [(), ("-d",)])
def test_a_command_that_does_not_exist_fails_and_leaves_no_sandbox(host, detached):
    story = host.refused("run", *detached, "--name", "bad", "--", "no-such-command", code=127)
    assert "no-such-command" in story
    story = host.refused("run", *detached, "--name", "bad", "--", "/etc/hostname", code=126)
    assert "/etc/hostname" in story
    assert host.sandbox_names() == set()


def test_death_by_signal_is_128_and_the_number(host):
    assert host.cli("run", "--rm", "--", "sh", "-c", "kill -TERM $$", check=False).returncode == 128 + 15
    host.run_idle("idle")
    assert host.exec("idle", "sh", "-c", "kill -KILL $$", check=False).returncode == 128 + 9


def test_exec_codes_and_streams(host):
    host.run_idle("idle")
    done = host.exec("idle", "sh", "-c", "echo out; echo err >&2; exit 7", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")
    assert host.exec("idle", "no-such-command", check=False).returncode == 127
    host.cli("stop", "idle", timeout=30)
    assert host.refused("exec", "idle", "--", "true").count("idle")


def test_standard_input_reaches_the_command(host):
    done = host.cli("run", "-i", "--rm", "--", "tr", "a-z", "A-Z", input="through the terminal's own descriptors\n")
    assert done.stdout == "THROUGH THE TERMINAL'S OWN DESCRIPTORS\n"


def test_large_output_arrives_whole(host):
    done = host.cli("run", "--rm", "--", "head", "-c", "5000000", "/dev/zero")
    assert len(done.stdout) == 5_000_000


def test_environment_hostname_and_directory(host):
    flags = ["--hostname", "box", "--workdir", "/usr", "-e", "COLOUR=green", "-e", "EMPTY="]
    script = 'echo "$COLOUR:${EMPTY-unset}:$(hostname):$HOSTNAME:$PWD:$PATH"'
    colour, empty, name, variable, cwd, path = host.cli("run", "--rm", *flags, "--", "sh", "-c", script).stdout.strip().split(":", 5)
    assert (colour, empty, name, variable, cwd) == ("green", "", "box", "box", "/usr")
    assert "/usr/bin" in path
    assert os.uname().nodename != "box", "the machine keeps its name"


def test_another_user(host):
    assert host.cli("run", "--rm", "--user", "nobody", "--", "id", "-un").stdout == "nobody\n"
    assert host.cli("run", "--rm", "--user", "1234:4321", "--", "sh", "-c", "id -u; id -g").stdout == "1234\n4321\n"
    assert "no-such-user" in host.refused("run", "--user", "no-such-user", "--", "true")


def test_capabilities_are_dockers_default_set(host):
    def effective(*flags):
        status = host.cli("run", "--rm", *flags, "--", "grep", "-E", "CapEff|NoNewPrivs", "/proc/self/status").stdout
        fields = dict(line.split(":") for line in status.splitlines())
        return int(fields["CapEff"], 16), fields["NoNewPrivs"].strip()

    assert effective() == (0xA80425FB, "1")
    assert effective("--cap-add", "NET_ADMIN")[0] == 0xA80425FB | 1 << 12
    assert effective("--privileged")[0] & (1 << 21), "CAP_SYS_ADMIN"
    assert "FLY" in host.refused("run", "--cap-add", "FLY", "--", "true")


def test_stop_start_restart_keep_identity_and_port(host):
    host.create_network("net")
    ident = host.run_whoami("web", network="net", flags=["-p", "8000:80"])
    first = state(host, "web")
    assert first["Status"] == "running" and first["Running"] is True and first["Pid"] > 0
    assert host.cli("stop", "web", timeout=30).stdout.strip() == "web"
    stopped = state(host, "web")
    assert stopped["Status"] == "exited" and stopped["Pid"] == 0 and stopped["ExitCode"] == 128 + 15
    assert not os.path.exists(f"/proc/{first['Pid']}")
    assert row(host, "web")["Status"].startswith("Exited (143)")
    host.cli("start", "web")
    second = state(host, "web")
    assert second["Running"] and second["Pid"] != first["Pid"] and host.inspect("web")["Id"] == ident
    host.cli("restart", "web", timeout=30)
    assert state(host, "web")["Pid"] not in (first["Pid"], second["Pid"])


def test_stop_ends_a_stubborn_process_after_its_time(host):
    host.run("stubborn", "sh", "-c", "trap '' TERM; while :; do sleep 1; done")
    started = time.monotonic()
    host.cli("stop", "stubborn", timeout=30)
    assert time.monotonic() - started > 9
    assert state(host, "stubborn")["ExitCode"] == 137


def test_kill_sends_the_signal_asked_for(host):
    host.run("patient", "sh", "-c", "trap 'exit 42' USR1; echo up; while :; do sleep 0.1; done")
    wait_until(lambda: "up" in host.cli("logs", "patient").stdout, "it listens to signals")
    host.cli("kill", "-s", "USR1", "patient")
    assert host.cli("wait", "patient").stdout.strip() == "42"
    assert "NOSUCH" in host.refused("kill", "-s", "NOSUCH", "patient")


def test_wait_returns_when_the_process_ends(host):
    host.run("brief", "sh", "-c", "sleep 1; exit 5")
    assert host.cli("wait", "brief").stdout.strip() == "5"


def test_every_process_of_a_sandbox_ends_with_it(host):
    host.run("family", "sh", "-c", "setsid sleep 86399 & setsid sh -c 'sleep 86398 & sleep 86397' & exec sleep 86396")
    wait_until(lambda: len(processes(host)) >= 4, "the family is complete")
    host.cli("rm", "-f", "family")
    assert processes(host) == []


def processes(host):
    """Command lines in the cgroups of the host's sandboxes."""
    found = []
    for file in host.cgroup_root.rglob("cgroup.procs"):
        for pid in file.read_text().split():
            try:
                words = open(f"/proc/{pid}/cmdline").read().split("\0")
            except OSError:
                continue
            if words[0] == "sleep" or words[:1] == ["sh"]:
                found.append(words)
    return found


def test_rm_refuses_a_running_sandbox_unless_forced(host):
    host.run_idle("busy")
    assert "busy" in host.refused("rm", "busy") and "busy" in host.sandbox_names()
    assert host.cli("rm", "-f", "busy").stdout.strip() == "busy"
    assert host.sandbox_names() == set()


def test_logs_keep_both_streams_and_follow(host):
    host.run("talker", "sh", "-c", "echo first; echo second >&2; sleep 1; echo third")
    follower = host.cli_popen("logs", "-f", "talker")
    out, err = follower.communicate(timeout=15)
    assert out + err == "first\nsecond\nthird\n" or (out, err) == ("first\nthird\n", "second\n")
    assert "third" in host.cli("logs", "talker").stdout


def test_restart_policies(host):
    host.run("always", "sh", "-c", "echo life; sleep 0.2; exit 0", flags=["--restart", "always"])
    wait_until(lambda: host.cli("logs", "always").stdout.count("life") >= 3, "it lives three times", timeout=20)
    host.cli("stop", "always", timeout=30)
    time.sleep(1)
    assert state(host, "always")["Running"] is False, "a stop is final"
    host.run("failing", "sh", "-c", "echo life; exit 1", flags=["--restart", "on-failure:2"])
    wait_until(lambda: state(host, "failing")["Status"] == "exited", "it gives up", timeout=20)
    assert host.cli("logs", "failing").stdout.count("life") == 3
    host.run("fine", "sh", "-c", "echo life", flags=["--restart", "on-failure"])
    wait_until(lambda: state(host, "fine")["Status"] == "exited", "it ended well")
    assert host.cli("logs", "fine").stdout.count("life") == 1


def test_rm_flag_removes_a_detached_sandbox_when_it_ends(host):
    host.run("brief", "sleep", "0.5", flags=["--rm"])
    wait_until(lambda: host.sandbox_names() == set(), "it is gone")


def test_a_killed_client_leaves_the_sandbox_running(host):
    client = host.cli_popen("run", "--name", "survivor", "--", "sh", "-c", "echo up; while sleep 0.2; do echo tick; done")
    assert client.stdout.readline() == "up\n"
    client.kill()
    client.wait()
    time.sleep(0.5)
    assert state(host, "survivor")["Running"] is True


def test_an_attached_client_forwards_signals(host):
    client = host.cli_popen("run", "--name", "told", "--", "sh", "-c", "trap 'exit 9' INT; echo up; while :; do sleep 0.1; done")
    assert client.stdout.readline() == "up\n"
    client.send_signal(signal.SIGINT)
    assert client.wait(10) == 9


def test_sharing_the_namespace_of_another_sandbox(host):
    host.create_network("net")
    host.run_whoami("web", network="net")
    shared = ["--network", "container:web"]
    host.cli("run", "-d", "--name", "side", *shared, "--", "sleep", "86400")
    assert host.ask("side", "tcp", "127.0.0.1")["name"] == "web"
    assert host.inspect("side")["NetworkSettings"]["SandboxKey"] == host.inspect("web")["NetworkSettings"]["SandboxKey"]
    for flags in (["-p", "80:80"], ["--ip", "10.0.0.1"], ["--hostname", "x"], ["--mac-address", "02:00:00:00:00:01"]):
        assert "container:" in host.refused("run", "-d", *shared, *flags, "--", "true", code=2 if flags[0] in ("--ip", "--mac-address") else 125)


def test_host_and_none_networks(host):
    links = host.cli("run", "--rm", "--network", "host", "--", "cat", "/proc/net/dev").stdout
    assert "lan0" in links
    links = host.cli("run", "--rm", "--network", "none", "--", "cat", "/proc/net/dev").stdout
    assert "lo:" in links and "eth0" not in links


def test_interfaces_are_named_in_order_of_connection(host):
    for name in ("a", "b", "c"):
        host.create_network(name)
    host.run_idle("multi", network=["b", "a"])
    host.cli("network", "connect", "c", "multi")
    by_name = {link["ifname"]: link["addr_info"][0]["local"] for link in host.inside("multi").ip("-4", "addr", "show")}
    assert {eth: by_name[eth] for eth in ("eth0", "eth1", "eth2")} == {
        "eth0": host.ip_of("multi", "b"), "eth1": host.ip_of("multi", "a"), "eth2": host.ip_of("multi", "c"),
    }  # fmt: skip
    host.cli("network", "disconnect", "a", "multi")
    assert "eth1" not in host.inside("multi").link_names()
    assert set(host.inspect("multi")["NetworkSettings"]["Networks"]) == {"b", "c"}


def test_the_gateway_follows_priority_then_name(host):
    for name in ("a", "b"):
        host.create_network(name)
    host.run_idle("multi", network=["b", "a"])

    def gateway():
        return host.inside("multi").ip("-4", "route", "show", "default")[0]["gateway"]

    def gateway_of(network):
        return host.network(network)["IPAM"]["Config"][0]["Gateway"]

    assert gateway() == gateway_of("a")
    host.create_network("z")
    host.cli("network", "connect", "--gw-priority", "5", "z", "multi")
    assert gateway() == gateway_of("z")
    host.cli("network", "disconnect", "z", "multi")
    assert gateway() == gateway_of("a")


def test_a_sandbox_without_a_process_and_an_adopted_one(host):
    host.create_network("net")
    host.run_whoami("web", network="net")
    host.cli("sandbox", "create", "--network", "net", "empty")
    assert row(host, "empty")["Status"].startswith("Created")
    host.inside("empty").run("ping", "-c", "1", "-W", "2", host.ip_of("web", "net"))
    guest = host.ground.namespace("guest")
    host.cli("sandbox", "create", "--netns", guest.path, "--network", "net", "adopted")
    assert guest.ask("tcp", host.ip_of("web", "net"), 80)["name"] == "web"
    host.cli("rm", "-f", "adopted", "empty")
    assert guest.path.exists() and guest.link_names() == {"lo"}, "an adopted namespace stays, without our interface"
