"""Hosts whose /etc/resolv.conf is a symlink, dangling or absent: sandboxes get one of their own, the host's stays."""

import pytest

# Runs the daemon in a mount namespace whose /etc is an overlay: the machine's /etc is never written.
PRIVATE_ETC = """
mount -t overlay -o "lowerdir=/etc,upperdir=$1/upper,workdir=$1/work" overlay /etc
rm -f /etc/resolv.conf
eval "$2"
mount --make-shared "$3"
shift 3
exec "$@"
"""
CASES = {
    "absent": ":",
    "symlink": 'echo "nameserver 192.0.2.200" >/etc/real.conf; ln -s real.conf /etc/resolv.conf',
    "dangling": "ln -s /nowhere/resolv.conf /etc/resolv.conf",
    "empty": ": >/etc/resolv.conf",
}


@pytest.mark.parametrize("case", CASES)
def test_sandboxes_resolve_names(idle_lab, case):
    host = idle_lab.host
    etc = host.dir / "etc"
    for part in ("upper", "work"):
        (etc / part).mkdir(parents=True)
    command = host.daemon_command
    prefix = ["unshare", "--mount", "--propagation", "slave", "sh", "-e", "-c", PRIVATE_ETC, "sh", etc, CASES[case], host.run_dir]
    host.daemon_command = lambda *extra: [*prefix, *command(*extra)]
    host.start_daemon()
    idle_lab.server.python("dns_server.py", "192.0.2.200", "www.example=198.51.100.80")
    host.create_network("net")
    host.run_idle("one", network="net")
    host.run_idle("two", network="net")
    assert "nameserver 127.0.0.11" in host.exec("one", "cat", "/etc/resolv.conf").stdout
    assert host.exec("one", "getent", "ahostsv4", "two").stdout.split()[0] == host.ip_of("two", "net")
    if case == "symlink":
        assert host.exec("one", "getent", "ahostsv4", "www.example").stdout.split()[0] == "198.51.100.80"
    upper = {path.name for path in (etc / "upper").iterdir()} - {"real.conf"}
    assert upper <= {"resolv.conf"}, f"the host's /etc was changed: {upper}"
