"""The Pets application in a lab: per tenant a Redis and a web front end, and an admin sandbox on both networks."""

import hashlib
import json
import subprocess

from .errors import wait_until
from .namespace import PYTHON, SUPPORT

TENANTS = {"cat": 8000, "dog": 8001}
DOG_SUBNET = "10.55.0.0/24"
DOG_GATEWAY = "10.55.0.1"


class Pets:
    def __init__(self, lab):
        self.lab, self.host, self.client = lab, lab.host, lab.client

    def create_networks(self):
        self.host.create_network("catnet")
        self.host.create_network("dognet", "--subnet", DOG_SUBNET)

    def redis_command(self):
        # Debian's redis-tools has the server under another name; the name it is called by decides what it is.
        link = self.lab.ground.dir / "redis-server"
        if not link.exists():
            link.symlink_to("/usr/bin/redis-check-rdb")
        return [link, "--bind", "0.0.0.0", "--protected-mode", "no", "--save", ""]

    def start_tenant(self, role):
        net, port = f"{role}net", TENANTS[role]
        self.host.run(f"{role}-db", *self.redis_command(), network=net)
        flags = ["-p", f"{port}:5000", "-e", f"DB={role}-db", "-e", f"ROLE={role}"]
        self.host.run(f"{role}-web", PYTHON, SUPPORT / "pets" / "web.py", network=net, flags=flags)

    def start(self):
        self.create_networks()
        for role in TENANTS:
            self.start_tenant(role)
        self.host.run_idle("admin", network=["catnet", "dognet"])
        for role, port in TENANTS.items():
            wait_until(lambda port=port: self.get(port, "/health") == "ok\n", f"the {role} page answers", timeout=30)

    def get(self, port, path="/", timeout=10):
        """A page as the LAN client gets it from the host's published port."""
        url = f"http://{self.host.address}:{port}{path}"
        return self.client.run("curl", "-sS", "--fail-with-body", "--max-time", timeout, url, timeout=timeout + 10).stdout

    def hits(self, port):
        return json.loads(self.get(port, "/hits"))

    def redis(self, sandbox, server, *command, check=True, timeout=15):
        """redis-cli in a sandbox."""
        return self.host.exec(sandbox, "timeout", "5", "redis-cli", "-h", server, *command, check=check, timeout=timeout)

    def start_download(self, port, size=4 << 20, seconds=6):
        url = f"http://{self.host.address}:{port}/download?size={size}&seconds={seconds}"
        command = ["curl", "-sS", "--fail", "-D", "-", "--max-time", "120", url]
        return self.client.popen(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    @staticmethod
    def finish_download(download, timeout=120):
        """Bytes received; fails unless they are the ones that the server announced."""
        out, err = download.communicate(timeout=timeout)
        assert download.returncode == 0, f"the download broke: curl code {download.returncode}: {err.decode()}"
        head, _, body = out.partition(b"\r\n\r\n")
        announced = [line.split(b": ")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"x-sha256")]
        assert announced == [hashlib.sha256(body).hexdigest().encode()], f"{len(body)} bytes arrived with another checksum"
        return len(body)
