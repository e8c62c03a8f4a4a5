"""The two ways in which a lab complains: a command failed, or something did not happen in time."""

import os
import shlex
import time

# Times all time-outs: a sanitizer makes programs slower.
PATIENCE = float(os.environ.get("EBPFNET_PATIENCE", "1"))


class CommandFailed(AssertionError):
    """A command ended with another code than the test expected; says everything that a reader needs."""

    def __init__(self, args, code, stdout, stderr):
        super().__init__(
            f"{shlex.join(str(a) for a in args)}\n  exit code {code}\n  stdout: {stdout!r}\n  stderr: {stderr!r}"
        )
        self.code, self.stdout, self.stderr = code, stdout, stderr


def wait_until(condition, what, timeout=10.0, interval=0.05):
    """Returns the first true value of condition(); fails after `timeout` seconds, naming `what`.

    An AssertionError or OSError inside condition() counts as "not yet" and is told when time is up.
    """
    deadline = time.monotonic() + timeout * PATIENCE
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
        except (AssertionError, OSError, KeyError, IndexError) as error:
            last = error
        if time.monotonic() > deadline:
            story = f" (last: {last})" if last else ""
            raise AssertionError(f"not within {timeout * PATIENCE:g} s: {what}{story}")
        time.sleep(interval)
