"""What a person sees while a benchmark runs: a line that tells how far it is, and the table so far.

On a terminal both are redrawn in place. Elsewhere the table is printed once, at the end, and progress every tenth of a
part.
"""

import shutil
import sys
import time

import report


class Progress:
    def __init__(self, name, out=sys.stdout):
        self.name, self.out = name, out
        self.terminal = out.isatty()
        self.begun = time.monotonic()
        self.drawn = 0
        self.begin(1)

    def begin(self, total):
        """Before a part of `total` samples."""
        self.part_begun, self.total, self.done, self.told = time.monotonic(), total, 0, -1

    def step(self, text):
        """Before a sample: which one."""
        share = self.done / self.total
        self.done += 1
        left = (time.monotonic() - self.part_begun) * (1 / share - 1) if share else 0
        line = f"[{self.name} {100 * share:3.0f} %{f', {left:.0f} s left' if share else ''}] {text}"
        if self.terminal:
            self.out.write("\r\033[K" + line[: shutil.get_terminal_size().columns - 1])
        elif int(share * 10) > self.told:
            self.told = int(share * 10)
            self.out.write(line + "\n")
        self.out.flush()

    def rows(self, rows):
        """After a round: the table so far."""
        if self.terminal:
            self._draw([row for row in rows if row.samples])

    def finish(self, rows):
        if self.terminal:
            self._draw(rows)
        else:
            self.out.write("\n".join(report.table(rows)) + "\n")
        self.out.write(f"{self.name}: {time.monotonic() - self.begun:.0f} s\n\n")
        self.out.flush()

    def _draw(self, rows):
        width, height = shutil.get_terminal_size()
        lines = [line[: width - 1] for line in report.table(rows)]
        self.out.write("\r\033[K")
        if self.drawn:
            self.out.write(f"\033[{self.drawn}A\033[J")
        # A table higher than the screen cannot be redrawn in place.
        self.drawn = len(lines) if len(lines) < height - 1 else 0
        if self.drawn or rows is not None:
            self.out.write("\n".join(lines) + "\n")
        self.out.flush()
