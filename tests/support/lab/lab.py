"""A LAN with hosts, a client and a server: the smallest world in which the main job can be seen from outside.

    client 192.0.2.100 ---+
    server 192.0.2.200 ---+--- bridge of the namespace "lan"
    h1 192.0.2.1 (lan0) --+        h1 runs the daemon; forwarding in it is left as the kernel has it

With add_ipv6() each has an address of 2001:db8::/64 with the same last number, and the same in hexadecimal digits.
"""

from .errors import wait_until
from .ground import Ground
from .host import UPLINK, Host

PREFIX_LENGTH = 24
CLIENT, SERVER = "192.0.2.100", "192.0.2.200"


def address6(address):
    """The IPv6 address of the machine of the LAN with that IPv4 address."""
    return f"2001:db8::{address.rpartition('.')[2]}"



class Lab:
    def __init__(self, prefix="ebn-e2e", start=True):
        self.ground = Ground(prefix)
        self.hosts = []
        try:
            self.lan = self.ground.namespace("lan")
            self.lan.run("ip", "link", "add", "br0", "type", "bridge", "forward_delay", "0")
            self.lan.run("ip", "link", "set", "br0", "up")
            self.client, self.server = self.add_machine("client", CLIENT), self.add_machine("server", SERVER)
            self.host = self.add_host("h1", "192.0.2.1", start=start)
        except BaseException:
            self.destroy()
            raise

    def add_machine(self, name, address):
        """A namespace on the LAN, without a daemon."""
        namespace = self.ground.namespace(name)
        # Made from inside the LAN: neither end ever exists in the machine's own namespace.
        self.lan.run("ip", "link", "add", f"to-{name}", "type", "veth", "peer", "name", UPLINK, "netns", namespace.name)
        self.lan.run("ip", "link", "set", f"to-{name}", "master", "br0", "up")
        # No IPv6 autoconfiguration chatter: a capture shows what a test sent and nothing else.
        namespace.run("sysctl", "-qw", f"net.ipv6.conf.{UPLINK}.accept_ra=0", f"net.ipv6.conf.{UPLINK}.accept_dad=0")
        namespace.run("ip", "addr", "add", f"{address}/{PREFIX_LENGTH}", "dev", UPLINK)
        namespace.run("ip", "link", "set", UPLINK, "up")
        return namespace

    def add_ipv6(self):
        """Gives every machine of the LAN its IPv6 address, and waits until the daemons know theirs."""
        for namespace, address in self._machines():
            namespace.run("ip", "addr", "add", f"{address6(address)}/64", "dev", UPLINK, "nodad")
        for host in self.hosts:
            host.address6 = address6(host.address)
            wait_until(lambda: host.address6 in host.cli("status", "--format", "json").stdout, f"{host.name} knows {host.address6}")

    def remove_ipv6(self):
        for namespace, _ in self._machines():
            namespace.run("ip", "-6", "addr", "flush", "dev", UPLINK, "scope", "global")
            namespace.run("ip", "-6", "route", "flush", "dev", UPLINK, "proto", "boot")

    def _machines(self):
        return [(self.client, CLIENT), (self.server, SERVER), *[(host.ns, host.address) for host in self.hosts]]

    def add_host(self, name, address, start=True):
        host = Host(self.ground, self.add_machine(name, address), name, address)
        self.hosts.append(host)
        if start:
            host.start_daemon()
        return host

    def stop_daemons(self):
        for host in self.hosts:
            if host.daemon is not None and host.daemon.poll() is None:
                host.stop_daemon()

    def destroy(self):
        self.ground.destroy()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.destroy()
