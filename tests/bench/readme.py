"""Puts the figures of a run's JSON into README.md, between two markers: a line per scenario that has an aim."""

import report
from machine import SOURCE

BEGIN, END = "<!-- figures: scripts/bench.sh --readme FILE -->", "<!-- end of figures -->"
TITLES = {"packet": "a packet in the programs", "path": "container to container", "control": "control plane"}


def cell(row, variant):
    values = row["variants"][variant]
    return f"{report.number(values['median'])} {row['unit']}".removesuffix(" 1")


def aim(row, target):
    sign = "≥" if row["better"] == "more" else "≤"
    if target["baseline"]:
        what = f"{report.number(target['figure'])} of {target['baseline']}"
    else:
        what = report.number(target["figure"]) if target["percentile"] == 50 else f"p{target['percentile']} {report.number(target['figure'])}"
    return f"{what} ({sign} {report.number(target['bound'])}{'' if target['reached'] else ', missed'})"


def line(row):
    others = [f"{name} {cell(row, name)}" for name in row["variants"] if name != row["subject"]]
    aims = "; ".join(aim(row, target) for target in row["targets"])
    return f"| {row['scenario']} | {cell(row, row['subject'])} | {', '.join(others)} | {aims} |"


def table(result):
    machine = result["machine"]
    lines = [
        f"Measured {result['started'][:10]} on {machine['cpus']} CPUs of {machine['cpu']}"
        f"{' (virtual)' if machine['virtual'] else ''}, Linux {machine['kernel']}, {machine['system']}, commit {machine['git']}."
    ]
    for name, rows in result["benchmarks"].items():
        judged = [row for row in rows if row["targets"]]
        lines += ["", f"| {TITLES[name]} | ebpfnet | others | reached (aim) |", "|---|---|---|---|", *map(line, judged)]
    return "\n".join(lines)


def update(result, path=SOURCE / "README.md"):
    """Rewrites what stands between the markers. A quick run is refused: its samples are too short to mean anything."""
    if result["quick"]:
        raise ValueError("the file is of a --quick run, whose figures mean nothing")
    head, begin, rest = path.read_text().partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} lacks the markers '{BEGIN}' and '{END}'")
    path.write_text(f"{head}{BEGIN}\n{table(result)}\n{END}{tail}")
