"""What a lab owns on the machine: one directory /run/ID, one cgroup ID, network namespaces ID-* and mounts below the directory.

The id is the whole record: destroy(ID) ends every process, mount and namespace of a lab without knowing who made it.
"""

import itertools
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from .errors import CommandFailed
from .namespace import Namespace

RUN = Path("/run")
NETNS = Path("/run/netns")
_numbers = itertools.count(1)


def run(*args, check=True):
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=60)
    if check and done.returncode != 0:
        raise CommandFailed(args, done.returncode, done.stdout, done.stderr)
    return done


def mounts():
    """Mount points of this mount namespace with their file system types, oldest first."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, right = line.split(" - ", 1)
        point = re.sub(r"\\(\d{3})", lambda m: chr(int(m.group(1), 8)), left.split()[4])
        found.append((Path(point), right.split()[0]))
    return found


def cgroup2_mount():
    for point, kind in mounts():
        if kind == "cgroup2":
            return point
    raise AssertionError("no cgroup2 file system is mounted (hint: mount -t cgroup2 none /sys/fs/cgroup/unified)")


class Ground:
    """Makes directories, mounts, cgroups and namespaces under one id; destroy() removes them all."""

    def __init__(self, prefix):
        self.id = f"{prefix}-{os.getpid()}-{next(_numbers)}"
        self.dir = RUN / self.id
        self.dir.mkdir(mode=0o755)
        self.cgroup = cgroup2_mount() / self.id
        try:
            self.cgroup.mkdir()
            self.new_cgroup("clients")
        except BaseException:
            self.destroy()
            raise

    def new_cgroup(self, name):
        path = self.cgroup / name
        path.mkdir(exist_ok=True)
        return path

    def namespace(self, name):
        run("ip", "netns", "add", f"{self.id}-{name}")
        namespace = Namespace(NETNS / f"{self.id}-{name}", self.cgroup / "clients")
        namespace.run("ip", "link", "set", "lo", "up")
        return namespace

    def mount(self, kind, path, shared=False, options=()):
        path.mkdir(parents=True, exist_ok=True)
        run("mount", "-t", kind, *options, kind, path)
        if shared:
            run("mount", "--make-shared", path)
        return path

    def destroy(self):
        destroy(self.id)

    def leftovers(self):
        """What of this lab is still there: empty after a good destroy()."""
        left = [str(p) for p in (self.dir, self.cgroup) if p.exists()]
        left += [str(p) for p, _ in mounts() if p.is_relative_to(self.dir)]
        left += [str(p) for p in _namespaces(self.id)]
        return left


def list_grounds(prefix):
    """Ids of labs on this machine and the process ids of their makers."""
    found = []
    for path in RUN.glob(f"{prefix}-*-*"):
        match = re.fullmatch(rf"{re.escape(prefix)}-(\d+)-\d+", path.name)
        if match:
            found.append((path.name, int(match.group(1))))
    return found


def destroy(ground_id):
    """Removes everything of one lab. Goes on after errors and raises them together at the end."""
    errors = []
    directory, cgroup = RUN / ground_id, cgroup2_mount() / ground_id
    for step in (
        lambda: end_processes(cgroup),
        lambda: unmount_below(directory),
        lambda: _delete_namespaces(ground_id),
        lambda: _remove_cgroup(cgroup),
        lambda: shutil.rmtree(directory) if directory.exists() else None,
    ):
        try:
            step()
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            errors.append(str(error))
    if errors:
        raise AssertionError(f"clean-up of {ground_id}: " + "; ".join(errors))


def end_processes(cgroup):
    """Kills everything in a cgroup and below, and waits for it."""
    if not cgroup.exists():
        return
    (cgroup / "cgroup.kill").write_text("1")
    deadline = time.monotonic() + 10
    while "populated 1" in (cgroup / "cgroup.events").read_text():
        if time.monotonic() > deadline:
            raise AssertionError(f"processes in {cgroup} do not end")
        time.sleep(0.01)


def unmount_below(directory):
    for point, _ in reversed(mounts()):
        if point.is_relative_to(directory):
            if run("umount", point, check=False).returncode != 0:
                run("umount", "--lazy", point)


def _namespaces(ground_id):
    return sorted(NETNS.glob(f"{ground_id}-*"))


def _delete_namespaces(ground_id):
    for path in _namespaces(ground_id):
        run("ip", "netns", "del", path.name)


def _remove_cgroup(cgroup):
    if not cgroup.exists():
        return
    for path, _, _ in os.walk(cgroup, topdown=False):
        os.rmdir(path)
