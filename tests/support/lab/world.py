"""Everything that a daemon has made in its host, as lines that two moments can be compared by: a request that was undone,
or repaired after a death, must leave nothing behind."""

import os
import time

from .metrics import scrape

METRICS = ["--metrics-listen", "127.0.0.1:9464"]  # flags of a daemon whose tables are to be looked at
# Tables whose rows come and go with what was asked for; those of flows go with traffic.
TABLES = ("endpoints", "destinations", "networks", "networks6", "subnets", "published", "port_index", "uplinks")

# Without what changes by itself: numbers, lifetimes, carriers, IPv6 link-local addresses.
_INSIDE = r"""
ip -o link | sed -E 's/^[0-9]+: ([^:@]+).* mtu ([0-9]+) .*/link \1 \2/'
ip -4 -o addr | sed -E 's/^[0-9]+: //; s/valid_lft.*//; s/^/address /'
ip -4 route show table all | sed -E 's/linkdown//; s/^/route /'
ip -6 -o addr show scope global | sed -E 's/^[0-9]+: //; s/valid_lft.*//; s/^/address /'
ip -6 route show table all | grep -vE '^(local )?(fe80|ff00|multicast|anycast)' | sed -E 's/linkdown//; s/^/route /'
for device in $(ip -o link | sed -E 's/^[0-9]+: ([^:@]+).*/\1/'); do
  for way in ingress egress; do
    tc filter show dev $device $way | sed -nE "s/.* (tc_[a-z_]+)(.o)?:.*/filter $device $way \1/p"
  done
done
"""
_HOST = (
    _INSIDE
    + r"""
ip neigh show nud permanent | sed 's/^/neighbour /'
bridge fdb show | grep -v ' self ' | sed 's/^/fdb /'
sed 's/^/reserved ports /' /proc/sys/net/ipv4/ip_local_reserved_ports
"""
)


def _lines(namespace, script):
    return {line.strip() for line in namespace.run("sh", "-c", script).stdout.splitlines()}


def _names(kind, directory):
    return {f"{kind} {os.path.relpath(path, directory)}" for path in directory.iterdir()}


def world(host, inside=()):
    """What the daemon of `host` has made, and what is in the sandboxes named by `inside`."""
    found = _lines(host.ns, _HOST)
    for name in inside:
        found |= {f"in {name}: {line}" for line in _lines(host.inside(name), _INSIDE)}
    numbers = _fresh_numbers(host.ns)
    found |= {f"table {name}: {numbers('ebpfnet_map_entries', map=name):g}" for name in TABLES}
    found |= {f"pin {path.relative_to(host.bpffs)}" for path in host.bpffs.rglob("*")}
    found |= {f"cgroup {os.path.relpath(path, host.cgroup_root)}" for path, _, _ in os.walk(host.cgroup_root)}
    found |= _names("namespace", host.run_dir / "netns")
    return found | _names("run", host.run_dir / "sandboxes") | _names("state", host.state_dir / "sandboxes")


def _fresh_numbers(namespace):
    """The daemon tells what it has counted again for twenty times as long as counting took."""
    time.sleep(20 * scrape(namespace)("ebpfnet_collect_duration_seconds") + 0.01)
    return scrape(namespace)


def difference(before, after):
    """What came and what went, in words; empty: nothing."""
    return "\n".join([f"  + {line}" for line in sorted(after - before)] + [f"  - {line}" for line in sorted(before - after)])
