"""The sanitizer reports of the product's programs in a sanitized build: one file each, since nobody reads their stderr.

usage: sanitizer_reports.py DIR     prints every report in DIR; exit code 1 when there is one
"""

import sys
from pathlib import Path

LINES = 120


def reports(directory):
    return sorted(p for p in Path(directory).glob("report.*") if p.stat().st_size)


def story(report):
    lines = report.read_text(errors="replace").splitlines()
    more = [f"... {len(lines) - LINES} more lines"] if len(lines) > LINES else []
    return "\n".join([f"--- {report}", *lines[:LINES], *more])


if __name__ == "__main__":
    found = reports(sys.argv[1])
    print("\n".join(map(story, found)) or "no sanitizer reported anything")
    sys.exit(1 if found else 0)
