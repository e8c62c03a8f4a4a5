"""One network namespace and the processes that a lab starts in it. The machine's mount namespace stays as it is."""

import json
import os
import subprocess
from pathlib import Path

from .errors import PATIENCE, CommandFailed

SUPPORT = Path(__file__).resolve().parents[1]
PYTHON = "/usr/bin/python3"
# Joins a cgroup first, so that no process of a lab can be lost, and then becomes the program itself (same process id).
_ENTER = 'echo 0 >"$1/cgroup.procs" || exit 125; net=$2; shift 2; exec nsenter --net="$net" -- "$@"'
_STAY = 'echo 0 >"$1/cgroup.procs" || exit 125; shift 2; exec "$@"'


def start(args, cgroup, net=None, **popen):
    """Popen of a program in a cgroup of the lab and, when given, in a network namespace."""
    # A session of its own: Ctrl-C at the terminal reaches the lab's maker only, which then ends everything in order.
    popen.setdefault("start_new_session", True)
    line = ["/bin/sh", "-c", _ENTER if net else _STAY, "sh", str(cgroup), str(net), *[str(a) for a in args]]
    return subprocess.Popen(line, **popen)


def finish(process, args, check=True, timeout=30, input=None):
    """Waits for a process of start() with pipes; a timeout kills it and fails."""
    try:
        stdout, stderr = process.communicate(input=input, timeout=timeout * PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        stdout, stderr = process.communicate()
        raise CommandFailed(args, f"none after {timeout * PATIENCE:g} s", stdout, stderr) from None
    if check and process.returncode != 0:
        raise CommandFailed(args, process.returncode, stdout, stderr)
    return subprocess.CompletedProcess(args, process.returncode, stdout, stderr)


class Namespace:
    def __init__(self, path, cgroup):
        self.path = Path(path)
        self.cgroup = cgroup

    @property
    def name(self):
        return self.path.name

    def popen(self, *args, cgroup=None, **popen):
        return start(args, cgroup or self.cgroup, self.path, **popen)

    def run(self, *args, check=True, timeout=30, input=None, env=None):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = self.popen(*args, env={**os.environ, **(env or {})}, **pipes)
        return finish(process, args, check, timeout, input)

    def ip(self, *args):
        """`ip -json ARGS`, parsed."""
        out = self.run("ip", "-json", *args).stdout
        return json.loads(out) if out.strip() else []

    def link_names(self):
        return {link["ifname"] for link in self.ip("link", "show")}

    def python(self, script, *args, **kwargs):
        """Starts a script of tests/support in the background; what it prints first means that it is ready."""
        process = self.popen(PYTHON, SUPPORT / script, *args, stdout=subprocess.PIPE, text=True, **kwargs)
        if not process.stdout.readline():
            raise AssertionError(f"{script} {args} ended with code {process.wait()} before it was ready")
        return process

    def ask(self, protocol, address, port, timeout=5, source_port=0):
        """One question to a whoami.py; its answer as an object, or None when there is none within `timeout` seconds."""
        done = self.run(*ask_command(protocol, address, port, timeout, source_port), check=False, timeout=timeout + 10)
        return read_answer(done)


def ask_command(protocol, address, port, timeout=5, source_port=0):
    return [PYTHON, str(SUPPORT / "ask.py"), protocol, str(address), str(port), str(timeout), str(source_port)]


def read_answer(done):
    if done.returncode == 0:
        return json.loads(done.stdout)
    if done.returncode == 1:
        return None
    raise CommandFailed(done.args, done.returncode, done.stdout, done.stderr)
