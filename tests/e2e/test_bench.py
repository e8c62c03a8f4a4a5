"""scripts/bench.sh --quick yields every row and leaves nothing behind. How fast is no test."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import machine_links
from lab import list_grounds
from lab.host import binary
from lab.namespace import PYTHON

BENCH = Path(__file__).resolve().parents[1] / "bench"
PEERS = {"path": {"docker", "bridge", "veth"}, "packet": set(), "control": {"CNI bridge", "docker"}}
FEWEST = {"path": 5, "packet": 14, "control": 8}  # rows


@pytest.fixture(autouse=True)
def built():
    if not binary("packet_bench").exists():
        pytest.fail("packet_bench is not built (hint: scripts/build.sh --tests)")


def bench(*args):
    return subprocess.run([PYTHON, BENCH / "bench.py", *args], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("name", PEERS)
def test_quick_run_measures_every_row(name, tmp_path):
    links, out = machine_links(), tmp_path / "out.json"
    done = bench(name, "--quick", "--json", out)
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text())
    assert {"cpu", "cpus", "kernel", "load", "git"} <= set(result["machine"]) and result["quick"] is True
    rows = result["benchmarks"][name]
    assert len(rows) >= FEWEST[name] and len({row["scenario"] for row in rows}) == len(rows)
    for row in rows:
        subject = row["variants"][row["subject"]]
        assert subject["samples"] and min(subject["samples"]) > 0, row
        assert row["scenario"] in done.stdout
    told = {variant for row in rows for variant in row["variants"]}
    for peer in PEERS[name] - told:
        assert any(f"{peer.split()[0]}" in row["note"] for row in rows), f"{peer} is neither measured nor told to be missing"
    assert machine_links() == links and not list_grounds("ebn-bench")


def test_figures_of_a_quick_run_do_not_reach_the_readme(tmp_path):
    file = tmp_path / "quick.json"
    file.write_text(json.dumps({"quick": True, "benchmarks": {}}))
    done = bench("--readme", file)
    assert done.returncode == 1 and "--quick" in done.stderr


def test_readme_table_is_made_of_the_judged_rows(tmp_path):
    sys.path.insert(0, str(BENCH))
    import readme
    from report import Row, Target

    row = Row("connect", "1/s", more=True, targets=(Target(1.8, "docker"),))
    for own, docker in ((190, 100), (210, 100), (170, 100)):
        row.add("ebpfnet", own)
        row.add("docker", docker)
    machine = {"cpu": "a CPU", "cpus": 2, "virtual": True, "kernel": "6.1", "system": "Debian", "git": "abc"}
    result = {"quick": False, "started": "2026-01-02T00:00:00+00:00", "machine": machine, "benchmarks": {"path": [row.as_json()]}}
    page = tmp_path / "README.md"
    page.write_text(f"before\n{readme.BEGIN}\nold\n{readme.END}\nafter\n")
    readme.update(result, page)
    text = page.read_text()
    assert "| connect | 190 1/s | docker 100 1/s | 1.9 of docker (≥ 1.8) |" in text
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    row.targets = (Target(2.0, "docker"),)
    readme.update({**result, "benchmarks": {"path": [row.as_json()]}}, page)
    assert "1.9 of docker (≥ 2, missed)" in page.read_text()
