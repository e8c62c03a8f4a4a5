"""What a daemon leaves in a host: taken before it starts and after --purge, the two must be equal."""

import os
from pathlib import Path

SYSCTLS = (
    "net/ipv4/ip_local_reserved_ports",
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/forwarding",
    "net/ipv4/conf/lan0/forwarding",
    "net/ipv4/conf/lan0/rp_filter",
    "net/ipv4/conf/lan0/proxy_arp",
    "net/ipv6/conf/all/forwarding",
)


def _entries(path):
    return sorted(str(p.relative_to(path)) for p in Path(path).rglob("*")) if Path(path).exists() else []


def _directories(path):
    return sorted(os.path.relpath(p, path) for p, _, _ in os.walk(path))


def traces(host):
    """Links, addresses, routes, rules, queueing disciplines, sysctls, pins, namespaces and cgroups of a host."""
    sysctls = [f"/proc/sys/{name}" for name in SYSCTLS]
    return {
        "links": sorted(host.ns.link_names()),
        "addresses": host.ns.run("ip", "-4", "-o", "addr").stdout.splitlines(),
        "addresses6": host.ns.run("sh", "-c", "ip -6 -o addr show scope global | awk '{ print $2, $4 }'").stdout.splitlines(),
        "routes": host.ns.run("ip", "-4", "route", "show", "table", "all").stdout.splitlines(),
        "routes6": [line for line in host.ns.run("ip", "-6", "route").stdout.splitlines() if not line.startswith("fe80::")],
        "rules": host.ns.run("ip", "rule").stdout.splitlines(),
        "qdiscs": host.ns.run("tc", "qdisc", "show", "dev", "lan0").stdout.split("dev")[0::2],
        "filters": host.ns.run("tc", "filter", "show", "dev", "lan0", "ingress", check=False).stdout,
        "sysctls": host.ns.run("grep", "-H", "", *sysctls).stdout.splitlines(),
        "pins": _entries(host.bpffs.parent),
        "namespaces": _entries(host.run_dir / "netns"),
        "cgroups": _directories(host.cgroup_root),
    }
