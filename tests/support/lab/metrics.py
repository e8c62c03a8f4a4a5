"""What a daemon tells Prometheus, and Prometheus itself: one scrape as numbers, promtool, a server."""

import os
import re
import shutil
from pathlib import Path

from .errors import CommandFailed

SAMPLE = re.compile(r'^([a-z_]+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def prometheus_program(name):
    """promtool or prometheus: of an installed package, or from where scripts/install-deps.sh has put it."""
    cache = os.environ.get("EBPFNET_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ebpfnet"
    unpacked = Path(cache) / "prometheus" / name
    found = str(unpacked) if unpacked.exists() else shutil.which(name)
    assert found, f"{unpacked} is missing (hint: scripts/install-deps.sh test)"
    return found


class Scrape:
    """The samples of one scrape: scrape("name", label="value") is the sum of all that match."""

    def __init__(self, text):
        self.text = text
        self.samples = []
        for line in text.splitlines():
            if not line.startswith("#"):
                name, labels, value = SAMPLE.match(line).groups()
                self.samples.append((name, dict(LABEL.findall(labels or "")), float(value)))

    def __call__(self, name, **labels):
        found = [value for sample, own, value in self.samples if sample == name and labels.items() <= own.items()]
        if not found:
            raise KeyError(f"no sample {name} {labels}")
        return sum(found)

    def families(self):
        """Name and type of every metric."""
        return dict(re.findall(r"^# TYPE (\S+) (\S+)$", self.text, re.MULTILINE))

    def nonzero(self, name, **labels):
        """The samples of a metric that are not 0: {values of the other labels: value}."""
        return {
            tuple(value for key, value in own.items() if key not in labels): number
            for sample, own, number in self.samples
            if sample == name and labels.items() <= own.items() and number
        }


def scrape(namespace, address="127.0.0.1", port=9464):
    done = namespace.run("curl", "-sS", "--fail", "--max-time", "30", f"http://{address}:{port}/metrics", check=False, timeout=40)
    if done.returncode != 0:
        raise CommandFailed(["scrape", address, port], done.returncode, done.stdout, done.stderr)
    return Scrape(done.stdout)
