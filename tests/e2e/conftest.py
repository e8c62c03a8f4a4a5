"""Fixtures of the end-to-end tests. `lab` is a fresh world per test; it ends by reading the drop counters, purging the
daemons and checking that nothing of it is left."""

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from lab import Lab, destroy, list_grounds  # noqa: E402
from lab.ground import mounts  # noqa: E402
from lab.host import binary  # noqa: E402
from lab.traces import traces  # noqa: E402
from sanitizer_reports import reports, story  # noqa: E402

PREFIX = "ebn-e2e"


def pytest_collection_modifyitems(items):
    if os.geteuid() != 0:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="needs root: network namespaces and BPF"))


def machine_links():
    return sorted(Path("/sys/class/net").iterdir())


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """What tests write under tmp_path goes with the run; pytest would keep the last three."""
    if not config.option.basetemp:
        config.option.basetemp = tempfile.mkdtemp(prefix="ebn-pytest-")
        config.add_cleanup(lambda: shutil.rmtree(config.option.basetemp, ignore_errors=True))


@pytest.fixture(scope="session", autouse=True)
def machine_stays_as_it_was():
    """Sweeps labs whose makers are dead, and fails when this run changes the machine's own links or mounts."""
    if os.geteuid() != 0:
        yield
        return
    for ground, maker in list_grounds(PREFIX):
        if not Path(f"/proc/{maker}").exists():
            destroy(ground)
    subprocess.run(["ip", "netns", "list"], check=True, capture_output=True)
    links = machine_links()
    yield
    assert machine_links() == links, "a test changed the machine's own links"
    mine = f"/run/{PREFIX}-{os.getpid()}-"
    assert not [str(p) for p, _ in mounts() if str(p).startswith(mine)], "a test left mounts behind"


@pytest.fixture(autouse=True)
def no_sanitizer_reports():
    """In a sanitized build a test fails when a sanitizer reported anything meanwhile."""
    directory = os.environ.get("EBPFNET_REPORTS")
    if directory is None:
        yield
        return
    Path(directory).mkdir(exist_ok=True)
    before = reports(directory)
    yield
    new = [story(report) for report in reports(directory) if report not in before]
    assert not new, "\n".join(new)


def end_daemons_cleanly(lab):
    """The checks with which every end-to-end test ends."""
    problems = []
    for host in lab.hosts:
        if host.daemon is None or host.daemon.poll() is not None:
            continue
        if unexpected := host.unexpected_drops():
            problems.append(f"{host.name}: unexpected drops {unexpected}")
        if code := host.stop_daemon():
            problems.append(f"{host.name}: ebpfnetd ended with code {code} on SIGTERM")
        host.run_daemon_to_end("--purge")
        now = traces(host)
        problems += [
            f"{host.name}: --purge left other {key}: {now[key]} (before: {value})"
            for key, value in host.traces_before.items()
            if now[key] != value
        ]
    assert not problems, "\n".join(problems)


@contextmanager
def make_lab(request, start=True, expected_drops=()):
    """For fixtures of any scope. The final checks run only when nothing failed meanwhile; removal always runs."""
    if not binary("ebpfnetd").exists():
        pytest.fail(f"{binary('ebpfnetd')} is missing (hint: scripts/build.sh)")
    failed_before = request.session.testsfailed
    lab = Lab(PREFIX, start=False)
    try:
        for host in lab.hosts:
            host.expect_drops(*expected_drops)
            host.traces_before = traces(host)
            if start:
                host.start_daemon()
        yield lab
        if request.session.testsfailed == failed_before:
            end_daemons_cleanly(lab)
    finally:
        for host in lab.hosts:
            sys.stdout.write(f"--- log of {host.name}\n{host.log()[-20000:]}\n")
        lab.destroy()
        assert not lab.ground.leftovers()


@pytest.fixture
def lab(request):
    with make_lab(request) as made:
        yield made


@pytest.fixture
def host(lab):
    return lab.host


@pytest.fixture
def idle_lab(request):
    """A lab whose daemon has not been started."""
    with make_lab(request, start=False) as made:
        yield made


def adder(lab):
    def add(name, address, start=True):
        host = lab.add_host(name, address, start=False)
        host.traces_before = traces(host)
        if start:
            host.start_daemon()
        return host

    return add


@pytest.fixture
def add_host(lab):
    """Adds further hosts to the lab and starts their daemons."""
    return adder(lab)


@pytest.fixture
def add_idle_host(idle_lab):
    """The same without starting them."""
    return partial(adder(idle_lab), start=False)
