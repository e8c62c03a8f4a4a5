"""The scenario of scripts/demo.sh: the Pets application of two tenants on one host, seen from a client on the LAN.

usage: demo.py [--keep | --stop]
"""

import signal
import sys
import time

from lab import CommandFailed, Lab, Pets, destroy, list_grounds
from lab.host import SOURCE
from lab.pets import DOG_GATEWAY, TENANTS

PREFIX = "ebn-demo"
PASS, FAIL = ("\033[32mpass\033[0m", "\033[31mFAIL\033[0m") if sys.stdout.isatty() else ("pass", "FAIL")


class Demo:
    STEPS = (
        "start_daemon", "start_pets", "pages_count", "client_address_is_kept", "names_resolve", "cat_cannot_name_dog",
        "cat_cannot_address_dog", "published_ports_answer_everywhere", "admin_reaches_both", "masquerade",
        "survive_a_killed_daemon", "restart_daemon", "drops_have_reasons", "remove_everything",
    )  # fmt: skip
    EXPECTED_DROPS = ("isolated", "no_flow")

    def __init__(self, lab):
        self.lab, self.host, self.pets = lab, lab.host, Pets(lab)
        self.failures = 0

    def start_daemon(self):
        """ebpfnetd runs in a host namespace of its own"""
        self.host.start_daemon()
        return self.host.cli("version").stdout.splitlines()[0]

    def start_pets(self):
        """networks catnet and dognet; per tenant a Redis and a web server; admin on both networks"""
        self.pets.start()
        return ", ".join(sorted(self.host.sandbox_names()))

    def pages_count(self):
        """the LAN client sees each tenant's page, with a counter from that tenant's own Redis"""
        seen = {role: [self.pets.hits(port) for _ in range(3)] for role, port in TENANTS.items()}
        for role, pages in seen.items():
            assert [page["hits"] for page in pages] == [1, 2, 3] and pages[0]["role"] == role, pages
        return f"{self.host.address}:8000 cat, {self.host.address}:8001 dog, 3 hits each"

    def client_address_is_kept(self):
        """published ports keep the client's address"""
        seen = self.pets.hits(TENANTS["cat"])["client"]
        assert seen == "192.0.2.100", seen
        return f"the web server sees {seen}"

    def names_resolve(self):
        """names of the own network are answered at 127.0.0.11"""
        resolv = self.host.exec("cat-web", "cat", "/etc/resolv.conf").stdout
        assert "nameserver 127.0.0.11" in resolv, resolv
        found = self.host.exec("cat-web", "getent", "ahostsv4", "cat-db").stdout.split()[0]
        assert found == self.host.ip_of("cat-db", "catnet")
        return f"cat-db is {found}"

    def cat_cannot_name_dog(self):
        """cat cannot find dog by name"""
        assert self.host.exec("cat-web", "getent", "hosts", "dog-db", check=False).returncode != 0

    def cat_cannot_address_dog(self):
        """cat cannot reach dog by address, nor an unpublished port through dog's gateway"""
        for address in (self.host.ip_of("dog-db", "dognet"), DOG_GATEWAY):
            assert self.pets.redis("cat-web", address, "ping", check=False).returncode != 0, f"{address} answered"

    def published_ports_answer_everywhere(self):
        """published ports answer cat on any address of the host, as in Docker"""
        for address in (self.host.address, DOG_GATEWAY):
            page = self.host.exec("cat-web", "curl", "-sS", "--max-time", "10", f"http://{address}:8001/health").stdout
            assert page == "ok\n", page

    def admin_reaches_both(self):
        """admin, on both networks, reaches both databases"""
        hits = {role: self.pets.redis("admin", f"{role}-db", "get", "hits").stdout.strip() for role in TENANTS}
        assert all(int(count) >= 3 for count in hits.values()), hits
        return f"hits {hits}"

    def masquerade(self):
        """a container reaches a server on the LAN, which sees the host's address"""
        self.lab.server.python("whoami.py", "lan-server", "80")
        for protocol in ("tcp", "udp"):
            answer = self.host.ask("cat-web", protocol, "192.0.2.200", 80)
            assert answer and answer["client"] == self.host.address, f"{protocol}: {answer}"
        return f"the server saw {self.host.address}"

    def survive_a_killed_daemon(self):
        """SIGKILL for the daemon under a running download: new connections by address go on"""
        self.download = self.pets.start_download(TENANTS["cat"])
        time.sleep(1)
        self.host.kill_daemon()
        for port in TENANTS.values():
            assert self.pets.get(port, "/health") == "ok\n"
        assert self.download.poll() is None, "the download ended early"

    def restart_daemon(self):
        """the daemon starts again; the download arrives whole; everything can still be managed"""
        self.host.start_daemon()
        size = self.pets.finish_download(self.download)
        assert {"cat-db", "cat-web", "dog-db", "dog-web", "admin"} <= self.host.sandbox_names(all=False)
        self.host.run_idle("late", network="catnet")
        assert self.host.exec("late", "getent", "hosts", "cat-db").stdout
        self.host.cli("rm", "-f", "late")
        assert self.pets.hits(TENANTS["dog"])["hits"] > 3
        return f"{size >> 20} MiB, checksum right"

    def drops_have_reasons(self):
        """every dropped packet was counted with its reason, and only isolation dropped any"""
        drops = self.host.drops()
        assert set(drops) <= set(self.EXPECTED_DROPS) and drops.get("isolated"), drops
        return str(drops)

    def remove_everything(self):
        """sandboxes and networks are removed"""
        self.host.cli("rm", "-f", *sorted(self.host.sandbox_names()))
        self.host.cli("network", "rm", "catnet", "dognet")
        assert self.host.network_names() == {"bridge", "host", "none"}

    def run(self, keep):
        steps = [getattr(self, name) for name in self.STEPS if not (keep and name == "remove_everything")]
        for number, step in enumerate(steps, 1):
            if not self.run_step(f"[{number:2}/{len(steps)}]", step) and number <= 2:
                print("       nothing else can work without this")
                break
        if self.failures:
            print("the daemon's last words:\n" + self.host.log()[-3000:])

    def run_step(self, number, step):
        title = step.__doc__
        if sys.stdout.isatty():
            print(f"{number}  ...  {title}", end="\r", flush=True)
        try:
            detail = step()
        except (AssertionError, CommandFailed, OSError, RuntimeError, LookupError, ValueError) as error:
            self.failures += 1
            print(f"{number}  {FAIL} {title}\n       {error}", flush=True)
            return False
        print(f"{number}  {PASS} {title}" + (f" ({detail})" if detail else ""), flush=True)
        return True


def how_to_play(lab):
    def enter(name):
        return f"nsenter --net=/run/netns/{lab.ground.id}-{name}"

    print(f"""
The demo goes on running. To play with it, as root:
  export EBPFNET_HOST=unix://{lab.host.socket} PATH={SOURCE}/build/bin:$PATH
  ebpfnet ps; ebpfnet network ls; ebpfnet inspect cat-web; ebpfnet status
  ebpfnet exec admin -- redis-cli -h cat-db get hits
  {enter('client')} curl http://{lab.host.address}:8000/        as a client on the LAN
  {enter('h1')} ip -br addr        what the host looks like
The daemon's log: {lab.host.log_path}
To end it: sudo scripts/demo.sh --stop""")


def stop():
    grounds = list_grounds(PREFIX)
    for ground, _ in grounds:
        destroy(ground)
        print(f"removed {ground}")
    if not grounds:
        print("no demo is running")


def interrupted(number, _):
    raise SystemExit(128 + number)


def main():
    if "--stop" in sys.argv[1:]:
        stop()
        return 0
    keep = "--keep" in sys.argv[1:]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    lab = None
    kept = False
    try:
        lab = Lab(PREFIX, start=False)
        demo = Demo(lab)
        demo.run(keep)
        kept = keep and demo.failures == 0
        if kept:
            how_to_play(lab)
        print(f"\n{'all steps passed' if demo.failures == 0 else f'{demo.failures} steps FAILED'}")
        return 1 if demo.failures else 0
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if lab is not None and not kept:
            lab.destroy()
            print("cleaned up")


if __name__ == "__main__":
    sys.exit(main())
