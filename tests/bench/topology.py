"""Four ways to join two containers: over a plain bridge, over a bridge as Docker keeps it, by one veth pair, by ebpfnet.

Each is made of namespaces of one lab and yields the same thing: a client namespace, a server namespace, and the address at
which the server is found.
"""

import shutil
from dataclasses import dataclass

import docker_rules
from lab import Namespace

SUBNET, GATEWAY, CLIENT, SERVER = "172.30.0.0/16", "172.30.0.1", "172.30.0.2", "172.30.0.3"
BRIDGE = "br-bench"


@dataclass
class Path:
    client: Namespace
    server: Namespace
    address: str


def _namespace(lab, name):
    namespace = lab.ground.namespace(name)
    # No IPv6 chatter beside the measured packets.
    namespace.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
    return namespace


def _plug(container, address):
    container.run("ip", "addr", "add", f"{address}/16", "dev", "eth0")
    container.run("ip", "link", "set", "eth0", "up")


def veth(lab):
    """Nothing between the two: what any forwarding has to be compared with."""
    client, server = _namespace(lab, "veth-client"), _namespace(lab, "veth-server")
    client.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", server.name)
    _plug(client, CLIENT)
    _plug(server, SERVER)
    return Path(client, server, SERVER)


def bridge(lab, name="bridge"):
    """A bridge of the kernel, no rules."""
    host = _namespace(lab, name)
    host.run("ip", "link", "add", BRIDGE, "type", "bridge", "forward_delay", "0")
    host.run("ip", "addr", "add", f"{GATEWAY}/16", "dev", BRIDGE)
    host.run("ip", "link", "set", BRIDGE, "up")
    containers = []
    for role, address in (("client", CLIENT), ("server", SERVER)):
        container = _namespace(lab, f"{name}-{role}")
        host.run("ip", "link", "add", f"to-{role}", "type", "veth", "peer", "name", "eth0", "netns", container.name)
        host.run("ip", "link", "set", f"to-{role}", "master", BRIDGE, "up")
        _plug(container, address)
        containers.append(container)
    return Path(*containers, SERVER), host


def docker(lab):
    """A bridge with br_netfilter and Docker's rules, on the host and in the containers."""
    path, host = bridge(lab, "docker")
    host.run("ip", "link", "add", "docker0", "type", "bridge")
    host.run("ip", "addr", "add", "172.17.0.1/16", "dev", "docker0")
    host.run("ip", "link", "set", "docker0", "up")
    host.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.bridge.bridge-nf-call-iptables=1")
    rules = docker_rules.HOST.format(server=SERVER, subnet=SUBNET, bridge=BRIDGE)
    host.run("iptables-restore", input=rules)
    for container in (path.client, path.server):
        container.run("iptables-restore", input=docker_rules.CONTAINER)
    return path


def ebpfnet(lab):
    """Two sandboxes of the daemon that this tree built, on one network."""
    lab.host.create_network("bench")
    for name in ("client", "server"):
        lab.host.run_idle(name, network="bench")
    return Path(lab.host.inside("client"), lab.host.inside("server"), lab.host.ip_of("server", "bench"))


# Name -> how it is made. The first one is judged against the others.
PATHS = {"ebpfnet": ebpfnet, "docker": docker, "bridge": lambda lab: bridge(lab)[0], "veth": veth}


def missing():
    """Paths that cannot be made on this machine, and why."""
    return {} if shutil.which("iptables-restore") else {"docker": "docker not measured: iptables is not installed"}
