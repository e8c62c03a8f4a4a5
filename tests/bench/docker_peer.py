"""A real Docker Engine as a peer, in mount, network, UTS and IPC namespaces of its own: `network connect` by its API.

Needs Debian's docker.io and busybox-static. What dockerd makes (state, sockets, cgroups, /run, /etc/docker) lies below the
lab's directory or in the private mount namespace, and goes with it.
"""

import os
import shutil
import signal
import subprocess
import tarfile
from pathlib import Path

from api import Api, milliseconds
from lab import CommandFailed, wait_until
from lab.ground import cgroup2_mount, end_processes, run

# dockerd looks for plugins in /run/docker whatever its flags say, so it gets a /run of its own, with the lab's directory in
# its place. /sys must be that of the network namespace, with the machine's cgroup tree in it.
HOLDER = """
mount --bind "$1" /mnt
mount -t tmpfs -o mode=755 tmpfs /run && mkdir -p /run/lock /run/netns /run/docker/plugins /etc/docker "$1"
mount --move /mnt "$1"
mount -t tmpfs tmpfs /etc/docker
mkdir -p "$1/cgroup" && mount --rbind /sys/fs/cgroup "$1/cgroup"
mount -t sysfs sysfs /sys && mount --rbind "$1/cgroup" /sys/fs/cgroup && mount -t bpf bpf /sys/fs/bpf
exec dockerd --data-root "$1/data" --exec-root /run/docker --pidfile /run/dockerd.pid --host "unix://$1/docker.sock" \
  --cgroup-parent "/$2" --storage-driver vfs
"""


class Docker:
    """`missing` tells why there is none, else it is None."""

    def __init__(self, lab, wanted):
        self.lab, self.dir = lab, lab.ground.dir / "docker"
        self.missing = None if wanted else "docker network connect not measured in this run (--with-docker)"
        if wanted and not (shutil.which("dockerd") and shutil.which("busybox")):
            raise AssertionError("--with-docker needs the packages docker.io and busybox-static")

    def __enter__(self):
        if self.missing is None:
            try:
                self._start()
            except BaseException:
                self.__exit__()
                raise
        return self

    def _start(self):
        self.dir.mkdir()
        host = self.lab.ground.namespace("docker-host")
        unshare = ["unshare", "--mount", "--uts", "--ipc", "--propagation", "private"]
        with (self.dir / "dockerd.log").open("w") as log:
            command = [*unshare, "/bin/sh", "-ec", HOLDER, "sh", self.dir, _cgroup(self.lab.ground.id)]
            self.daemon = host.popen(*command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self._answers, "dockerd answers", timeout=60)
        self.api = Api(self.dir / "docker.sock")
        self._import_image()
        self.api.call("POST", "/networks/create", {"Name": "bench", "CheckDuplicate": True})
        box = {"Image": "bench:1", "Cmd": ["/busybox", "sleep", "86400"], "HostConfig": {"NetworkMode": "bridge"}}
        self.api.call("POST", "/containers/create?name=box", box)
        self.api.call("POST", "/containers/box/start")

    def _answers(self):
        if self.daemon.poll() is not None:
            raise CommandFailed(["dockerd"], self.daemon.returncode, "", (self.dir / "dockerd.log").read_text()[-3000:])
        return Api(self.dir / "docker.sock").call("GET", "/version")

    def _import_image(self):
        archive = self.dir / "image.tar"
        with tarfile.open(archive, "w") as tar:
            tar.add(shutil.which("busybox"), "busybox")
        self.api.request("POST", "/images/create?fromSrc=-&repo=bench&tag=1", archive.read_bytes())
        answer = self.api.getresponse()
        text = answer.read().decode()
        assert answer.status == 200 and "error" not in text, text

    def join(self):
        ask = self.api.call
        connect = milliseconds(ask, "POST", "/networks/bench/connect", {"Container": "box"})
        return connect, milliseconds(ask, "POST", "/networks/bench/disconnect", {"Container": "box"})

    def __exit__(self, *_):
        if self.missing is not None or not hasattr(self, "daemon"):
            return
        end_processes(cgroup2_mount() / _cgroup(self.lab.ground.id))  # containers first: dockerd would wait for them
        self.daemon.send_signal(signal.SIGTERM)
        self.daemon.wait(60)
        remove_cgroups(self.lab.ground.id)
        run("rm", "-rf", self.dir)


def _cgroup(ground_id):
    return f"{ground_id}-docker"


def remove_cgroups(ground_id):
    """Ends the containers of a lab's dockerd and removes its cgroups from every hierarchy."""
    end_processes(cgroup2_mount() / _cgroup(ground_id))
    for hierarchy in Path("/sys/fs/cgroup").iterdir():
        for path, _, _ in os.walk(hierarchy / _cgroup(ground_id), topdown=False):
            os.rmdir(path)
