"""What a benchmark yields: samples by scenario and variant, their medians and spread, and the targets they are held against.

Variants of a scenario are measured in turn within each round, so that a ratio is taken between samples of the same round:
the noise of a shared machine hits both sides.
"""

import statistics
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Target:
    """The subject's median (or another percentile) must reach `bound`, or its ratio to `baseline` must."""

    bound: float
    baseline: str | None = None
    percentile: int = 50


@dataclass
class Row:
    """One scenario. `unit` is what a sample is in; `more` tells whether a larger sample is the better one."""

    scenario: str
    unit: str
    subject: str = "ebpfnet"  # the variant that is judged
    more: bool = False
    targets: tuple = ()
    note: str = ""
    samples: dict = field(default_factory=dict)  # variant -> one number per round

    def add(self, variant, value):
        self.samples.setdefault(variant, []).append(value)

    def ratios(self, baseline):
        return [a / b for a, b in zip(self.samples.get(self.subject, []), self.samples.get(baseline, [])) if b]

    def judged(self, target):
        """(figure, its quartiles, reached) of one target; None without samples."""
        values = self.ratios(target.baseline) if target.baseline else self.samples.get(self.subject, [])
        if not values:
            return None
        reached = percentile(values, target.percentile)
        good = reached >= target.bound if self.more else reached <= target.bound
        return reached, quartiles(values), good

    def as_json(self):
        variants = {name: {"samples": values, **summary(values)} for name, values in self.samples.items()}
        targets = []
        for target in self.targets:
            judged = self.judged(target)
            if judged:
                figure, (low, high), reached = judged
                entry = {"bound": target.bound, "baseline": target.baseline, "percentile": target.percentile}
                targets.append({**entry, "figure": figure, "q1": low, "q3": high, "reached": reached})
        out = {"scenario": self.scenario, "unit": self.unit, "better": "more" if self.more else "less"}
        return {**out, "subject": self.subject, "note": self.note, "variants": variants, "targets": targets}


def percentile(values, share):
    """Interpolated between the two nearest of the sorted values."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * share / 100
    low = ordered[int(place)]
    return low + (ordered[min(int(place) + 1, len(ordered) - 1)] - low) * (place % 1)


def quartiles(values):
    return percentile(values, 25), percentile(values, 75)


def summary(values):
    low, high = quartiles(values)
    edges = {"min": min(values), "max": max(values), "p99": percentile(values, 99)}
    return {"median": statistics.median(values), "q1": low, "q3": high, **edges}


def number(value):
    """Three significant digits or whole: 12, 123 456, 0.97, 8.46."""
    if abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"


def figure(values):
    """median (first quartile - third quartile)"""
    low, high = quartiles(values)
    return f"{number(statistics.median(values))} ({number(low)} - {number(high)})"


def verdict(row, target):
    judged = row.judged(target)
    if judged is None:
        return "not measured"
    reached, (low, high), good = judged
    if target.baseline:
        what = f"{number(reached)} ({number(low)} - {number(high)}) of {target.baseline}"
    else:
        what = number(reached) if target.percentile == 50 else f"p{target.percentile} {number(reached)}"
    return f"{what}, aim {'≥' if row.more else '≤'} {number(target.bound)}: {'yes' if good else 'NO'}"


def table(rows):
    """Lines of a table over rows: a line per variant, targets beside the subject."""
    cells = [("scenario", "variant", "unit", "median (quartiles)", "min", "n", "target")]
    for row in rows:
        for variant, values in row.samples.items():
            targets = [verdict(row, target) for target in row.targets] if variant == row.subject else []
            head = row.scenario if variant == next(iter(row.samples)) else ""
            line = (head, variant, row.unit, figure(values), number(min(values)), str(len(values)))
            cells.append((*line, targets[0] if targets else ""))
            cells.extend(("", "", "", "", "", "", more) for more in targets[1:])
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells]
    notes = sorted({row.note for row in rows if row.note})
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:], *[f"note: {note}" for note in notes]]
