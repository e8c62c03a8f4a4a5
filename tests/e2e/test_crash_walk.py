"""The daemon dies at each step of a request, or a step fails: the request happened whole or not at all, nothing is left
of it, and nothing that was answered before is lost.

A step is a call by which the daemon changes the world. The gate walks some of them, EBPFNET_LONG=1 all.
"""

import errno
import os
import signal
from dataclasses import dataclass
from typing import Callable

import pytest
from lab import Faults, sanitized, wait_until
from lab.world import METRICS, difference, world

LONG = bool(os.environ.get("EBPFNET_LONG"))
DEATHS, ERRORS, STARTS = 5, 4, 3  # steps per request in the gate
STRUCK_WITH = (errno.ENOMEM, errno.ENOSPC, errno.EIO)

pytestmark = pytest.mark.skipif(sanitized(), reason="a sanitizer stands between the daemon and its system calls")


@dataclass
class Request:
    """A request that is walked through. `happened` tells whether it did (all of it), from outside."""

    words: tuple
    happened: Callable  # of the world
    before: tuple = ()  # commands that make what it needs
    after: tuple = ()  # commands that take it back when it happened
    back: tuple = ()  # commands that take `before` back when it did not happen


RUN = ("run", "-d", "--name", "fresh", "--network", "twin", "-p", "8001:80", "--", "/bin/sleep", "86400")
CONNECT, DISCONNECT = ("network", "connect", "twin", "work"), ("network", "disconnect", "twin", "work")
PUBLISH, UNPUBLISH = ("publish", "work", "8002:80"), ("unpublish", "work", "8002:80")
CREATE = ("network", "create", "--subnet", "10.77.0.0/24", "--ipv6", "--subnet", "fd00:77::/64", "new")
REMOVE = ("network", "rm", "new")
GONE = ("rm", "-f", "fresh")


def network_is_there(world):
    found = "new" in world.host.network_names()
    if found:
        for family, gateway in (("-4", "10.77.0.1/32"), ("-6", "fd00:77::1/128")):
            assert world.host.ns.ip(family, "addr", "show", "to", gateway), "the network has its bridge"
    return found


def sandbox_is_there(world):
    found = "fresh" in world.host.sandbox_names()
    if found:
        assert world.host.inspect("fresh")["State"]["Running"], "it is there as a whole"
        assert ":8001" in world.host.cli("port", "fresh").stdout
        assert world.host.pings("fresh", "10.66.0.1")
    return found


def is_connected(world):
    found = "twin" in world.host.inspect("work")["NetworkSettings"]["Networks"]
    assert len(world.host.inside("work").link_names()) == (3 if found else 2), "lo, eth0 and the one that it has for it"
    return found


def is_published(world):
    found = ":8002" in world.host.cli("port", "work").stdout
    answer = world.lab.client.ask("tcp", world.host.address, 8002, timeout=2)
    assert found == (answer is not None and answer["name"] == "work"), f"told as {found}, answered {answer}"
    return found


REQUESTS = {
    "network-create": Request(CREATE, network_is_there, after=(REMOVE,)),
    "run": Request(RUN, sandbox_is_there, after=(GONE,)),
    "network-connect": Request(CONNECT, is_connected, after=(DISCONNECT,)),
    "publish": Request(PUBLISH, is_published, after=(UNPUBLISH,)),
    "unpublish": Request(UNPUBLISH, lambda w: not is_published(w), before=(PUBLISH,), back=(UNPUBLISH,)),
    "network-disconnect": Request(DISCONNECT, lambda w: not is_connected(w), before=(CONNECT,), back=(DISCONNECT,)),
    "rm": Request(GONE, lambda w: not sandbox_is_there(w), before=(RUN,), back=(GONE,)),
    "network-rm": Request(REMOVE, lambda w: not network_is_there(w), before=(CREATE,), back=(REMOVE,)),
}


class World:
    """A host with an old sandbox that must never notice anything, and one that requests are made for."""

    def __init__(self, lab):
        self.lab, self.host = lab, lab.host
        self.host.flags = METRICS
        self.faults = Faults(self.host)
        self.host.start_daemon()
        # Equal subnets: the kernel has routes and neighbours for the sandboxes of the second one.
        for network in ("old", "twin"):
            self.host.create_network(network, "--subnet", "10.66.0.0/24", "--ipv6", "--subnet", "fd00:66::/64")
        self.host.run_whoami("keep", network="old", flags=["-p", "8000:80"])
        self.host.run_whoami("work")
        for words in (PUBLISH, UNPUBLISH, RUN, GONE):  # what only a first use leaves is there
            self.host.cli(*words)
        self.old = self.look()

    def look(self):
        return world(self.host, inside=("keep", "work"))

    def make(self, commands):
        for words in commands:
            self.host.cli(*words)

    def count(self, request):
        """How many steps the request has."""
        self.make(request.before)
        self.faults.arm()
        self.host.cli(*request.words)
        steps = self.faults.disarm()
        assert request.happened(self)
        self.make(request.after)
        assert steps > 3, "the library counts nothing"
        return steps

    def ask(self, request, at, error=0):
        """The request, with a fault at one of its steps; the CompletedProcess."""
        self.faults.arm(at, error)
        done = self.host.cli(*request.words, check=False)
        self.faults.disarm()
        return done

    def check_old(self, story):
        """Structure, and traffic of what was there before."""
        verify = self.host.cli("status", "--verify", check=False)
        assert verify.returncode == 0, f"{story}: {verify.stdout[-2000:]}"
        answer = self.lab.client.ask("tcp", self.host.address, 8000, timeout=5)
        assert answer and answer["name"] == "keep", f"{story}: the old sandbox does not answer"

    def check_as_before(self, story):
        def same():
            told = difference(self.old, self.look())
            assert not told, f"{story}\n{told}"
            return True

        wait_until(same, "nothing is left", timeout=3)


@pytest.fixture
def walked(idle_lab):
    return World(idle_lab)


def some(steps, number):
    """All steps, or that many of them, among them the first and the last."""
    if LONG or steps <= number:
        return list(range(1, steps + 1))
    return sorted({1 + round(n * (steps - 1) / (number - 1)) for n in range(number)})


@pytest.mark.parametrize("name", REQUESTS)
def test_a_death_at_any_step_is_repaired(walked, name):
    request, host = REQUESTS[name], walked.host
    for at in some(walked.count(request), DEATHS):
        walked.make(request.before)
        done = walked.ask(request, at)
        story = f"{name}, step {at} ({walked.faults.struck()})"
        if walked.faults.struck():
            assert host.daemon.wait(30) == -signal.SIGKILL, story
            host.start_daemon()
        walked.check_old(story)
        happened = request.happened(walked)
        assert happened or done.returncode != 0, f"{story}: it was answered, and is lost"
        walked.make(request.after if happened else request.back)
        walked.check_as_before(story)


@pytest.mark.parametrize("name", REQUESTS)
def test_a_step_that_fails_is_told_and_undone(walked, name):
    request, host = REQUESTS[name], walked.host
    for at in some(walked.count(request), ERRORS):
        walked.make(request.before)
        done = walked.ask(request, at, STRUCK_WITH[at % len(STRUCK_WITH)])
        story = f"{name}, step {at} ({walked.faults.struck()}): {done.stderr.strip()}"
        if done.returncode != 0:
            assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1, story
            assert not request.happened(walked), f"{story}: refused, but it happened"
            walked.check_old(story)
            host.cli(*request.words)
        assert request.happened(walked), story
        walked.check_old(story)
        walked.make(request.after)
    host.restart_daemon()  # what the kernel did not let go is swept now
    walked.check_as_before(name)


def die_while_starting(host, faults, at):
    """True: it died at that step; false: it had fewer, and is up."""
    faults.arm(at)
    host.start_daemon(wait=False)

    def died():
        return host.daemon.poll() is not None or host.cli("version", check=False).returncode == 0 and "up"

    if wait_until(died, "it dies or is ready", timeout=30) == "up":
        faults.disarm()
        return False
    assert host.daemon.returncode == -signal.SIGKILL, host.log()[-2000:]
    faults.disarm()
    return True


def steps_of_a_start(host, faults):
    faults.arm()
    host.start_daemon()
    return faults.disarm()


def test_a_death_at_any_step_of_the_first_start_is_repaired(idle_lab, add_idle_host):
    """Each host dies once, and its state is never complete before."""
    faults = Faults(idle_lab.host)
    for n, at in enumerate(some(steps_of_a_start(idle_lab.host, faults), STARTS), start=2):
        host = add_idle_host(f"h{n}", f"192.0.2.{n}")
        die_while_starting(host, Faults(host), at)
        host.start_daemon()
        host.run_idle("web", flags=["-p", "8000:80"])
        assert host.pings("web", "172.17.0.1"), f"step {at}"
        assert host.cli("status", "--verify").returncode == 0, f"step {at}"


def test_a_death_at_any_step_of_a_start_is_repaired(walked):
    host, faults = walked.host, walked.faults
    walked.make((CONNECT, PUBLISH))
    old = walked.look()
    host.kill_daemon()
    steps = steps_of_a_start(host, faults)
    for at in some(steps, STARTS):
        host.kill_daemon()
        died = die_while_starting(host, faults, at)
        story = f"start, step {at} of {steps} ({faults.struck()})"
        assert walked.lab.client.ask("tcp", host.address, 8000)["name"] == "keep", f"{story}: traffic does not go on"
        if died:
            host.start_daemon()
        walked.check_old(story)
        assert is_connected(walked) and is_published(walked), story
        assert not difference(old, walked.look()), f"{story}\n{difference(old, walked.look())}"


def test_an_attached_run_whose_daemon_dies_leaves_nothing(walked):
    """Its client never learns where to attach, so its command never runs."""
    words = ("run", "--name", "fresh", "--network", "twin", "--", "/bin/sleep", "86400")
    walked.faults.arm()
    client = walked.host.cli_popen(*words)
    wait_until(lambda: walked.host.inspect("fresh")["State"]["Pid"], "it runs")
    steps = walked.faults.disarm()
    walked.make((GONE,))
    client.communicate(timeout=20)
    for at in some(steps, STARTS):
        walked.faults.arm(at)
        done = walked.host.cli(*words, check=False)
        walked.faults.disarm()
        story = f"attached run, step {at} ({walked.faults.struck()})"
        assert done.returncode != 0 and walked.host.daemon.wait(30) == -signal.SIGKILL, story
        walked.host.start_daemon()
        wait_until(lambda: "fresh" not in walked.host.sandbox_names(), f"{story}: nothing of it is listed", timeout=5)
        walked.check_old(story)
        walked.check_as_before(story)
