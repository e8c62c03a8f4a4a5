"""A host: a network namespace with an uplink and a daemon of its own, and the `ebpfnet` command pointed at it."""

import json
import os
import shlex
import signal
import subprocess
from pathlib import Path

from .errors import PATIENCE, wait_until
from .ground import end_processes, unmount_below
from .namespace import PYTHON, SUPPORT, Namespace, ask_command, finish, read_answer, start

SOURCE = SUPPORT.parents[1]
UPLINK = "lan0"


def binary(name):
    return Path(os.environ.get("EBPFNET_BIN", SOURCE / "build" / "bin")) / name


class Host:
    def __init__(self, ground, namespace, name, address):
        self.ground, self.ns, self.name, self.address = ground, namespace, name, address
        self.dir = ground.dir / name
        self.state_dir, self.run_dir = self.dir / "state", self.dir / "run"
        self.state_dir.mkdir(parents=True)
        self._mount_volatile()
        ground.new_cgroup(f"{name}-daemon")
        self.daemon_cgroup, self.cgroup_root = ground.cgroup / f"{name}-daemon", ground.new_cgroup(name)
        self.log_path = self.dir / "daemon.log"
        self.socket = self.run_dir / "api.sock"
        self.daemon = None
        self.build, self.flags, self.wrapper = "ebpfnetd", [], []
        self.uplink_flags = ["--uplink", UPLINK]
        self.expected_drops = set()

    def _mount_volatile(self):
        self.ground.mount("tmpfs", self.run_dir, shared=True)
        self.bpffs = self.ground.mount("bpf", self.dir / "bpf") / "ebpfnet"

    # --- the daemon

    def daemon_command(self, *extra):
        return [
            *self.wrapper, binary(self.build), "--state-dir", self.state_dir, "--run-dir", self.run_dir, "--bpffs", self.bpffs,
            *self.uplink_flags, "--cgroup-root", self.cgroup_root, *self.flags, *extra,
        ]  # fmt: skip

    # `build` names the daemon's binary, `flags` go with every start, `wrapper` are words before it.
    def start_daemon(self, *extra, wait=True):
        with self.log_path.open("ab") as log:
            self.daemon = self.ns.popen(
                *self.daemon_command(*extra), cgroup=self.daemon_cgroup, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        if wait:
            self.wait_ready()
        return self.daemon

    def wait_ready(self, timeout=30):
        def answers():
            if self.daemon.poll() is not None:
                raise RuntimeError(f"{self.name}: ebpfnetd ended with code {self.daemon.returncode}\n{self.log()[-4000:]}")
            return self.cli("version", check=False).returncode == 0

        wait_until(answers, f"the daemon of {self.name} answers\n{self.log()[-4000:]}", timeout)

    def run_daemon_to_end(self, *extra, timeout=60, check=True):
        """For --purge and for starts that must be refused: waits until the daemon has ended."""
        line = self.daemon_command(*extra)
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return finish(self.ns.popen(*line, cgroup=self.daemon_cgroup, **pipes), line, check, timeout)

    def pins(self, pattern):
        """The pinned maps and links whose path below the directory of the maps' layout has that pattern."""
        return sorted(self.bpffs.glob(f"v[0-9]*/{pattern}"))

    def kill_daemon(self):
        return self._end_daemon(signal.SIGKILL)

    def stop_daemon(self, timeout=20):
        """SIGTERM; returns the exit code."""
        return self._end_daemon(signal.SIGTERM, timeout)

    def restart_daemon(self):
        self.stop_daemon()
        return self.start_daemon()

    def _end_daemon(self, number, timeout=10):
        daemon, self.daemon = self.daemon, None
        daemon.send_signal(number)
        return daemon.wait(timeout * PATIENCE)

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def reboot(self):
        """What a reboot leaves of the host: its state directory and its uplink."""
        if self.daemon is not None:
            self.kill_daemon()
        for cgroup in (self.cgroup_root, self.daemon_cgroup):
            end_processes(cgroup)
        unmount_below(self.run_dir)
        unmount_below(self.bpffs.parent)
        for link in self.ns.link_names() - {"lo", UPLINK}:
            self.ns.run("ip", "link", "del", link, check=False)
        self._mount_volatile()

    # --- the command line

    @property
    def environment(self):
        return {**os.environ, "EBPFNET_HOST": f"unix://{self.socket}"}

    def cli_popen(self, *args, **popen):
        popen = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **popen}
        return start([binary("ebpfnet"), *args], self.ground.cgroup / "clients", env=self.environment, **popen)

    def cli(self, *args, check=True, timeout=60, input=None):
        """Runs `ebpfnet ARGS`: CompletedProcess with text. With check, another exit code than 0 fails the test."""
        stdin = subprocess.PIPE if input is not None else subprocess.DEVNULL
        return finish(self.cli_popen(*args, stdin=stdin), ["ebpfnet", *args], check, timeout, input)

    def refused(self, *args, code=None, timeout=60):
        """Runs a command that must be refused; returns its one-line error after checking its form."""
        code = code or (125 if args[0] in ("run", "exec") else 1)
        done = self.cli(*args, check=False, timeout=timeout)
        told = f"ebpfnet {shlex.join(str(a) for a in args)}: code {done.returncode}, {done.stdout!r}, {done.stderr!r}"
        assert done.returncode == code, told
        assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1, told
        return done.stderr.strip()

    def json(self, *args):
        return json.loads(self.cli(*args).stdout)

    def status(self):
        return self.json("status", "--format", "json")

    def inspect(self, sandbox):
        return self.json("inspect", sandbox)[0]

    def network(self, name):
        return self.json("network", "inspect", name)[0]

    # --- sandboxes

    def create_network(self, name, *flags):
        return self.cli("network", "create", *flags, name).stdout.strip()

    def run(self, name, *command, network=None, flags=(), timeout=60):
        """`ebpfnet run -d` on zero or more networks; returns the id."""
        names = [network] if isinstance(network, str) else (network or [])
        joined = [word for each in names for word in ("--network", each)]
        return self.cli("run", "-d", "--name", name, *joined, *flags, "--", *command, timeout=timeout).stdout.strip()

    def run_idle(self, name, network=None, flags=()):
        return self.run(name, "/bin/sleep", "86400", network=network, flags=flags)

    def run_whoami(self, name, network=None, port=80, flags=()):
        """A sandbox that tells who asked it; returns when it answers."""
        sandbox = self.run(name, PYTHON, SUPPORT / "whoami.py", name, port, network=network, flags=flags)
        wait_until(lambda: "ready" in self.cli("logs", name).stdout, f"{name} is ready")
        return sandbox

    def exec(self, sandbox, *command, check=True, timeout=60, input=None):
        return self.cli("exec", sandbox, "--", *command, check=check, timeout=timeout, input=input)

    def ask(self, sandbox, protocol, address, port=80, timeout=5, source_port=0):
        """Namespace.ask() from inside a sandbox."""
        command = ask_command(protocol, address, port, timeout, source_port)
        return read_answer(self.exec(sandbox, *command, check=False, timeout=timeout + 15))

    def pings(self, sandbox, address, count=1):
        return self.exec(sandbox, "ping", "-n", "-c", count, "-W", "2", "-i", "0.2", address, check=False).returncode == 0

    def endpoint(self, sandbox, network):
        return self.inspect(sandbox)["NetworkSettings"]["Networks"][network]

    def ip_of(self, sandbox, network):
        return self.endpoint(sandbox, network)["IPAddress"]

    def inside(self, sandbox):
        """The namespace of a sandbox with the powers of the machine's root: a tenant who has broken out of its limits."""
        return Namespace(self.inspect(sandbox)["NetworkSettings"]["SandboxKey"], self.ground.cgroup / "clients")

    def sandbox_names(self, all=True):
        return {entry["Name"] for entry in self.json("ps", *(["-a"] if all else []), "--format", "json")}

    def network_names(self):
        return {entry["Name"] for entry in self.json("network", "ls", "--format", "json")}

    # --- drop counters

    def expect_drops(self, *reasons):
        """Declares drop reasons that this test causes on purpose."""
        self.expected_drops.update(reasons)

    def drops(self):
        """Counted drops: {reason: packets}, summed over the networks."""
        sums = {}
        for row in self.status()["Drops"]:
            if row["Packets"]:
                sums[row["Reason"]] = sums.get(row["Reason"], 0) + row["Packets"]
        return sums

    def unexpected_drops(self):
        return {reason: packets for reason, packets in self.drops().items() if reason not in self.expected_drops}
