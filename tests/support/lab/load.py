"""Traffic on the three paths of a host at once, every loss counted: between containers of a network, from a container to
the LAN through masquerade, and from the LAN to a published port. On each: long TCP connections, UDP flows, and new TCP
connections all the time (ebn-load).

What a lost packet leaves behind, and how it is told apart from what a busy machine does:

- UDP: a datagram that does not come back. Socket buffers hold seconds of traffic, and the kernel's counters of full
  buffers must stay 0 as well.
- TCP: a retransmission, or an answer that never comes. A sender that hears nothing for a while also retransmits when
  nothing was lost, so what guesses from time or order is off or late in these namespaces: no tail loss probe, no RACK,
  10 s to the first timeout. What was lost is then sent again only after the test's patience has ended.
"""

import json
import signal
import subprocess

from .host import binary

PORT = 7000
SERVER = "192.0.2.200"
RTO_MIN = "10s"
# Counters of /proc/net/snmp and netstat that have to stay as they were, in every namespace that sends or receives.
EXACT = {
    "Tcp": ("RetransSegs", "AttemptFails", "InErrs"),
    "TcpExt": ("TCPTimeouts", "TCPLossProbes", "TCPSynRetrans", "ListenOverflows", "ListenDrops", "TCPBacklogDrop", "TCPRcvQDrop"),
    "Udp": ("NoPorts", "InErrors", "RcvbufErrors", "SndbufErrors"),
    "Ip": ("InDiscards", "OutDiscards", "OutNoRoutes", "InHdrErrors"),
}


def counters(namespace):
    """The counters of EXACT: {"Tcp RetransSegs": 3, ...}."""
    lines = namespace.run("cat", "/proc/net/snmp", "/proc/net/netstat").stdout.splitlines()
    values = {}
    for names, numbers in zip(lines[::2], lines[1::2], strict=True):
        group = names.split(":")[0]
        row = dict(zip(names.split()[1:], map(int, numbers.split()[1:]), strict=True))
        values.update({f"{group} {name}": row[name] for name in EXACT.get(group, ()) if name in row})
    return values


def machine_drops():
    """Packets that the machine's own queues dropped, over all CPUs and namespaces: nobody's fault but its load's."""
    with open("/proc/net/softnet_stat", encoding="ascii") as lines:
        return sum(int(line.split()[1], 16) for line in lines)


def make_patient(namespace):
    """No retransmission from guessing. Routes of their own, since the daemon writes those of a sandbox anew."""
    patience = ("tcp_early_retrans=0", "tcp_recovery=0", "tcp_reordering=300", "tcp_max_reordering=300")
    namespace.run("sysctl", "-qw", *(f"net.ipv4.{setting}" for setting in patience))
    for route in namespace.run("ip", "-4", "route", "show", "table", "main").stdout.splitlines():
        namespace.run("ip", "route", "add", *route.split(), "rto_min", RTO_MIN, "table", "100")
    namespace.run("ip", "rule", "add", "pref", "100", "lookup", "100")


class Load:
    """A lab under load. Networks and sandboxes are made by prepare(), traffic runs from start() to finish()."""

    def __init__(self, lab):
        self.lab, self.host = lab, lab.host
        self.servers, self.drivers = [], {}

    def prepare(self):
        self.host.create_network("net")
        flags = ["-p", f"{PORT}:{PORT}", "-p", f"{PORT}:{PORT}/udp"]
        self.host.run_idle("echo", network="net", flags=flags)
        self.host.run_idle("near", network="net")
        self.host.run_idle("far", network="net")
        self.inside = {name: self.host.inside(name) for name in ("echo", "near", "far")}
        self.ends = {**self.inside, "client": self.lab.client, "server": self.lab.server}
        for namespace in self.ends.values():
            make_patient(namespace)

    def start(self):
        self.before = {name: counters(namespace) for name, namespace in self.ends.items()}
        self.machine_before = machine_drops()
        for namespace in (self.inside["echo"], self.lab.server):
            self.servers.append(self._run(namespace, "serve", PORT))
        paths = {
            "same network": (self.inside["near"], self.host.ip_of("echo", "net")),
            "masquerade": (self.inside["far"], SERVER),
            "published port": (self.lab.client, self.host.address),
        }
        for path, (namespace, address) in paths.items():
            self.drivers[path] = self._run(namespace, "drive", address, PORT)

    def _run(self, namespace, *args):
        process = namespace.popen(binary("ebn-load"), *args, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n", f"ebn-load {args} ended with code {process.wait()}"
        return process

    def alive(self):
        return all(process.poll() is None for process in [*self.servers, *self.drivers.values()])

    def finish(self):
        """Ends the traffic; returns what each path carried."""
        for driver in self.drivers.values():
            driver.send_signal(signal.SIGTERM)
        self.reports = {path: json.loads(driver.communicate(timeout=60)[0]) for path, driver in self.drivers.items()}
        self.after = {name: counters(namespace) for name, namespace in self.ends.items()}
        for server in self.servers:
            server.send_signal(signal.SIGTERM)
            assert server.wait(10) == 0
        return self.reports

    def losses(self):
        """Everything that shows a loss: empty when each packet arrived."""
        found = []
        for path, report in self.reports.items():
            for kind, facts in report.items():
                found += [f"{path}, {kind}: {key} {value}" for key, value in facts.items() if key.startswith("bad_") and value]
        for name, after in self.after.items():
            grown = {key: after[key] - value for key, value in self.before[name].items() if after[key] != value}
            found += [f"namespace {name}: {key} grew by {by}" for key, by in grown.items()]
        if drops := self.host.unexpected_drops():
            found.append(f"ebpfnet dropped {drops}")
        if found and (dropped := machine_drops() - self.machine_before):
            found.append(f"(the machine's own queues dropped {dropped} packets meanwhile: it was too busy)")
        return found
