"""The main job: the steps of scripts/demo.sh, and the demo's own promise to leave nothing behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import make_lab
from demo import Demo
from lab import list_grounds
from lab.namespace import SUPPORT

PREFIX = "ebn-e2edemo"


@pytest.fixture(scope="module")
def demo(request):
    with make_lab(request, start=False, expected_drops=Demo.EXPECTED_DROPS) as lab:
        yield Demo(lab)


@pytest.mark.parametrize("step", Demo.STEPS)
def test_pets(demo, step):
    getattr(demo, step)()


def start_demo(*args):
    code = f"import sys, demo; demo.PREFIX = {PREFIX!r}; sys.argv = ['demo.py', *{args!r}]; sys.exit(demo.main())"
    return subprocess.Popen([sys.executable, "-u", "-c", code], cwd=SUPPORT, stdout=subprocess.PIPE, text=True)


def test_an_interrupted_demo_cleans_up():
    demo = start_demo()
    while "[ 2/" not in (line := demo.stdout.readline()):
        assert line, "the demo ended before its second step"
    demo.send_signal(signal.SIGINT)
    out, _ = demo.communicate(timeout=60)
    assert demo.returncode == 128 + signal.SIGINT and "cleaned up" in out
    assert list_grounds(PREFIX) == []


def test_a_kept_demo_goes_on_until_it_is_stopped():
    demo = start_demo("--keep")
    out, _ = demo.communicate(timeout=180)
    assert demo.returncode == 0, out
    (ground, maker), = list_grounds(PREFIX)
    assert maker == demo.pid and not Path(f"/proc/{maker}").exists()
    client = f"--net=/run/netns/{ground}-client"
    page = subprocess.run(["nsenter", client, "curl", "-sS", "http://192.0.2.1:8000/"], capture_output=True, text=True)
    assert "cats" in page.stdout
    stopping = start_demo("--stop")
    out, _ = stopping.communicate(timeout=60)
    assert f"removed {ground}" in out
    assert list_grounds(PREFIX) == [] and not os.path.exists(f"/run/netns/{ground}-client")
