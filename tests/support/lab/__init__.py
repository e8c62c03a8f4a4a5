"""Hosts, LANs and clients as network namespaces, with real daemons in them: what end-to-end tests and the demo stand on.

Only what is imported here is meant for tests. Everything that a lab makes carries one id, so that it can be removed by
that id alone, also after the process that made it was killed.
"""

from .errors import CommandFailed, wait_until
from .faults import Faults, sanitized
from .ground import Ground, destroy, list_grounds
from .host import Host
from .lab import CLIENT, SERVER, Lab, address6
from .metrics import Scrape, prometheus_program, scrape
from .namespace import PYTHON, SUPPORT, Namespace
from .load import Load
from .pets import Pets

__all__ = [
    "CLIENT", "CommandFailed", "Faults", "Ground", "Host", "Lab", "Load", "Namespace", "PYTHON", "Pets", "SERVER", "SUPPORT",
    "Scrape", "address6", "destroy", "list_grounds", "prometheus_program", "sanitized", "scrape", "wait_until",
]  # fmt: skip
