"""Refusals say what was wrong and what to do, and leave nothing half made; damaged or hostile surroundings do no harm."""

import contextlib
import json
import socket
import sqlite3

import pytest
from conftest import make_lab
from lab import wait_until
from lab.traces import traces


@pytest.fixture(scope="module")
def net(request):
    """One host for all refusals: each must leave it as it was."""
    with make_lab(request) as lab:
        lab.host.create_network("net", "--subnet", "10.9.0.0/24")
        lab.host.run_idle("web", network="net")
        yield lab.host


@pytest.mark.parametrize(
    "command, words",
    [
        ("network create -d wireless n", ["wireless"]),
        ("network create net", ["net", "already exists"]),
        ("network create bridge", ["bridge"]),
        ("network create -o com.docker.network.bridge.mystery=1 n", ["com.docker.network.bridge.mystery"]),
        ("network create -o com.docker.network.driver.mtu=huge n", ["huge"]),
        ("network rm nonesuch", ["nonesuch", "not found"]),
        ("network rm net", ["net", "web"]),
        ("network rm bridge", ["bridge", "pre-defined"]),
        ("network rm host", ["host", "pre-defined"]),
        ("network rm none", ["none", "pre-defined"]),
        ("network inspect nonesuch", ["nonesuch"]),
        ("network connect nonesuch web", ["nonesuch"]),
        ("network connect net nonesuch", ["nonesuch"]),
        ("network connect net web", ["web", "net", "already"]),
        ("network connect host web", ["host"]),
        ("network connect none web", ["none"]),
        ("network disconnect bridge web", ["web", "bridge"]),
        ("network connect --ip 10.9.0.2 net web", ["web"]),
        ("run -d --name web --network net -- sleep 9", ["web", "already in use"]),
        ("run -d --name n --network nonesuch -- sleep 9", ["nonesuch"]),
        ("run -d --name ../n -- sleep 9", ["../n"]),
        ("run -d --name n --network net --network net -- sleep 9", ["net"]),
        ("run -d --name n --network host -p 80:80 -- sleep 9", ["host"]),
        ("run -d --name n --network container:nonesuch -- sleep 9", ["nonesuch"]),
        ("run -d --name n --mac-address 01:00:5e:00:00:01 --network net -- sleep 9", ["01:00:5e:00:00:01"]),
        ("run -d --name n --mac-address zz --network net -- sleep 9", ["zz"]),
        ("run -d --name n --dns 1.2.3 --network net -- sleep 9", ["1.2.3"]),
        ("run -d --name n --restart sometimes -- sleep 9", ["sometimes"]),
        ("run -d --name n --add-host x --network net -- sleep 9", ["x"]),
        ("run -d --name n --workdir /nonesuch --network net -- sleep 9", ["/nonesuch"]),
        ("sandbox create --netns /etc/hostname n", ["/etc/hostname"]),
        ("sandbox create --netns /nonesuch n", ["/nonesuch"]),
        ("exec nonesuch -- true", ["nonesuch"]),
        ("inspect nonesuch", ["nonesuch"]),
        ("rm nonesuch", ["nonesuch"]),
        ("stop nonesuch", ["nonesuch"]),
        ("port nonesuch", ["nonesuch"]),
    ],
)
def test_refusals_name_the_trouble_and_leave_nothing(net, command, words):
    before = traces(net)
    done = net.cli(*command.split(), check=False)
    expected = (125, 126, 2) if command.startswith(("run", "exec")) else (1, 2)
    assert done.returncode in expected, (done.returncode, done.stderr)
    assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
    assert net.sandbox_names() == {"web"} and net.network_names() == {"bridge", "host", "none", "net"}
    assert traces(net) == before


def test_long_and_odd_names_are_refused(net):
    for name in ("", "x" * 300, "a b", "-x", "ü", "a/b", "."):
        done = net.cli("network", "create", "--", name, check=False)
        assert done.returncode in (1, 2) and "Error: " in done.stderr, (name, done.stderr)


def ambiguous_prefix(ids):
    return next((a[:1] for a in ids for b in ids if a != b and a[0] == b[0]), None)


def test_an_ambiguous_id_prefix_is_refused(host):
    ids = [host.create_network(f"n{i}") for i in range(17)]
    story = host.refused("network", "inspect", ambiguous_prefix(ids))
    assert "multiple" in story or "ambiguous" in story


# --- the API socket


def raw(host, data, timeout=10):
    """Sends bytes to the API socket and returns the whole answer."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(timeout)
        client.connect(str(host.socket))
        try:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it may refuse before it has read everything
        answer = b""
        try:
            while piece := client.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
    return answer


def post(path, body, length=None):
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body) if length is None else length}\r\n\r\n".encode() + body


BODIES = {
    "not JSON": b"name=net",
    "truncated": b'{"Name": "x", "Dri',
    "deeply nested": b'{"Labels":' * 20000 + b"1" + b"}" * 20000,
    "wrong types": b'{"Name": ["x"], "Driver": 7}',
    "not UTF-8": b'{"Name": "\xff\xfe"}',
    "an array": b"[1, 2, 3]",
    "empty": b"",
    "unknown member": b'{"Name": "x", "Driver": "bridge", "Mystery": true}',
}


@pytest.mark.parametrize("kind", BODIES)
def test_bad_bodies_are_refused(host, kind):
    answer = raw(host, post("/v1/networks", BODIES[kind]))
    assert b" 400 " in answer.split(b"\r\n")[0], answer[:200]
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1])
    assert host.network_names() == {"bridge", "host", "none"}


def test_too_large_a_body_is_refused_before_it_is_read(host):
    answer = raw(host, post("/v1/networks", b"x" * 4096, length=1 << 40))
    assert b" 413 " in answer.split(b"\r\n")[0], answer[:200]
    assert host.network_names()


@pytest.mark.parametrize(
    "data",
    [b"\x00" * 100, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"A" * 100000, b"GET /x HTTP/1.1\r\nX: " + b"y" * 100000 + b"\r\n\r\n",
     post("/v1/networks", b'{"Name": "x"}', length=5000), b"POST /v1/networks HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
    ids=["zeros", "no path", "version", "endless line", "endless header", "body cut off", "bad chunk"],
)  # fmt: skip
def test_broken_http_does_no_harm(host, data):
    raw(host, data, timeout=60)
    assert host.network_names() == {"bridge", "host", "none"}


def test_silent_and_half_open_clients_do_not_block_others(host):
    clients = []
    for n in range(200):
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(host.socket))
        client.sendall(b"POST /v1/networks HTTP/1.1\r\nContent-Le" if n % 2 else b"")
        clients.append(client)
    host.create_network("net")
    for client in clients:
        client.close()


def test_the_socket_is_closed_to_others(host):
    mode = host.socket.stat().st_mode & 0o777
    assert mode == 0o660, oct(mode)


# --- the daemon's surroundings


def state_file(host):
    (found,) = [f for f in host.state_dir.iterdir() if f.suffix in (".db", ".sqlite")]
    return found


def kept_aside(host, content):
    """Is there still a file with this content, whatever its name?"""
    return any(file.is_file() and file.read_bytes() == content for file in host.state_dir.rglob("*"))


def test_a_corrupt_state_file_is_kept_aside(host):
    host.create_network("net")
    host.stop_daemon()
    garbage = b"this is no database" * 1000
    file = state_file(host)
    for extra in host.state_dir.glob(f"{file.name}-*"):
        extra.unlink()
    file.write_bytes(garbage)
    host.start_daemon(wait=False)
    wait_until(lambda: host.daemon.poll() is not None or host.cli("version", check=False).returncode == 0, "it decides", 30)
    assert kept_aside(host, garbage), "the damaged file was not kept"
    assert str(host.state_dir) in host.log()


def test_a_newer_state_file_is_refused_and_untouched(host):
    host.create_network("net")
    host.stop_daemon()
    file = state_file(host)
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("PRAGMA user_version = 999999")
    before = file.read_bytes()
    done = host.run_daemon_to_end(check=False, timeout=30)
    assert done.returncode != 0 and "newer" in done.stderr and str(file) in done.stderr
    assert file.read_bytes() == before or kept_aside(host, before)
    host.daemon = None


def test_a_full_disk_is_told_and_survived(idle_lab):
    host = idle_lab.host
    host.ground.mount("tmpfs", host.state_dir, options=["-o", "size=512k"])
    host.start_daemon()
    host.create_network("before")
    filler = host.state_dir / "filler"
    with filler.open("wb", buffering=0) as out, contextlib.suppress(OSError):
        while out.write(b"x" * 4096):
            pass
    story, made = "", 0
    for n in range(200):
        done = host.cli("network", "create", "--subnet", f"10.200.{n}.0/24", f"net{n}", check=False)
        if done.returncode:
            story = done.stderr
            break
        made += 1
    assert "full" in story or "No space" in story, story
    assert f"net{made}" not in host.network_names(), "what could not be recorded does not exist"
    filler.unlink()
    host.create_network("after")
    host.restart_daemon()
    assert {"before", "after"} <= host.network_names() and f"net{made}" not in host.network_names()


def test_missing_privileges_are_told(idle_lab):
    host = idle_lab.host
    command = host.daemon_command
    host.daemon_command = lambda *extra: ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", *command(*extra)]
    done = host.run_daemon_to_end(check=False, timeout=30)
    assert done.returncode != 0 and ("CAP_" in done.stderr or "root" in done.stderr), done.stderr


def test_a_bpffs_directory_elsewhere_is_refused_with_the_cure(idle_lab):
    host = idle_lab.host
    host.bpffs = host.dir / "plain"
    host.bpffs.mkdir()
    done = host.run_daemon_to_end(check=False, timeout=30)
    assert done.returncode != 0 and "mount -t bpf" in done.stderr and str(host.bpffs) in done.stderr


def test_an_unknown_uplink_or_cgroup_root_is_told(idle_lab):
    host = idle_lab.host
    done = host.run_daemon_to_end("--cgroup-root", host.dir, check=False, timeout=30)
    assert done.returncode != 0 and str(host.dir) in done.stderr
    for flag, value in (("--log-level", "loud"), ("--attach", "sideways"), ("--config", "/nonesuch.toml"), ("--mystery", "1")):
        done = host.run_daemon_to_end(flag, value, check=False, timeout=30)
        assert done.returncode != 0 and (value in done.stderr or flag in done.stderr), flag
