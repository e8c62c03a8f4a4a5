"""Faults on order: the daemon of a host dies at, or gets an error from, the Nth call by which it changes the world
(tests/support/faults counts them in the daemon)."""

import mmap
import os
import struct

from .host import binary

SIZE = 128
_HEAD = struct.Struct("=IIII")  # armed, at, error, count; then the name of the call that was hit


class Faults:
    """Made before the daemon starts. Every start of this host's daemon carries the library until remove()."""

    def __init__(self, host):
        self.host = host
        path = host.dir / "faults"
        path.write_bytes(bytes(SIZE))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), SIZE)
        library = binary("libebn-faults.so")
        if not library.exists():
            raise AssertionError(f"{library} is missing (hint: scripts/build.sh --tests)")
        host.wrapper = ["env", f"LD_PRELOAD={library}", f"EBN_FAULTS={path}"]

    def arm(self, at=0, error=0):
        """At the call `at` (1: the first; 0: none) the daemon dies, or the call fails with `error`."""
        self._memory[:] = _HEAD.pack(1, at, error, 0).ljust(SIZE, b"\0")

    def disarm(self):
        """Returns how many calls there were since arm()."""
        armed, at, error, count = _HEAD.unpack_from(self._memory)
        self._memory[: _HEAD.size] = _HEAD.pack(0, at, error, count)
        return count

    def struck(self):
        """The call that was hit; empty: there were fewer calls."""
        return self._memory[_HEAD.size :].split(b"\0")[0].decode(errors="replace")


def sanitized():
    """A sanitizer has these calls for itself."""
    return "EBPFNET_REPORTS" in os.environ
