"""Runs one fuzz target: a fixed number of inputs that are the same every time, or for some minutes with a corpus that is
kept. Prints one line; when the target finds something, also its report, the input and how to run it again.

usage: run.py PROGRAM --runs N
       run.py PROGRAM --minutes M --corpus DIR

It begins with seeds/NAME.txt: inputs with lines of %% between them. The bytes of one that begins with "hex:" are in hex.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SEEDS = Path(__file__).resolve().parent / "seeds"
MAX_LEN = 4096  # bytes of an input
SECONDS_PER_INPUT = 25
REPORT_LINES = 100


def seeds(name):
    """The inputs of seeds/NAME.txt. The line break before a %% belongs to the %%."""
    for text in (SEEDS / f"{name}.txt").read_text().removesuffix("\n").split("\n%%\n"):
        yield bytes.fromhex(text.removeprefix("hex:")) if text.startswith("hex:") else text.encode()


def fuzz(program, name, corpus, limits):
    finds = program.parent.parent / "fuzz-finds"
    finds.mkdir(exist_ok=True)
    for number, seed in enumerate(seeds(name)):
        (corpus / f"seed-{number:02}").write_bytes(seed)
    environment = os.environ | {"UBSAN_OPTIONS": "print_stacktrace=1"}
    if symbolizer := shutil.which("llvm-symbolizer-19"):
        environment["ASAN_SYMBOLIZER_PATH"] = environment["UBSAN_SYMBOLIZER_PATH"] = symbolizer
    command = [program, *limits, f"-max_len={MAX_LEN}", f"-timeout={SECONDS_PER_INPUT}", "-print_final_stats=1",
               f"-artifact_prefix={finds}/{name}-", corpus]
    begun = time.monotonic()
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    seconds = time.monotonic() - begun
    ran = re.search(r"stat::number_of_executed_units: *(\d+)", done.stdout)
    ran = int(ran.group(1)) if ran else 0
    if done.returncode == 0 and ran:
        print(f"{name}: {ran} inputs in {seconds:.0f} s, found nothing", flush=True)
        return 0
    # libFuzzer writes the file and names it at the end of its report.
    kept = re.search(r"Test unit written to (\S+)", done.stdout)
    lines = done.stdout.splitlines()
    report = next((n for n, line in enumerate(lines) if re.search("ERROR:|runtime error|does not hold", line)), -20)
    story = lines[report:][:REPORT_LINES]
    story.append(f"{name}: FOUND something after {ran} inputs and {seconds:.0f} s (exit code {done.returncode})")
    story += [f"  input: {kept.group(1)}", f"  again: {program} {kept.group(1)}"] if kept else ["  no input was kept"]
    print("\n".join(story), flush=True)  # in one piece: others run beside it
    return 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("--runs", type=int)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--corpus", type=Path)
    options = parser.parse_args()
    program = options.program.resolve()
    name = program.name.removeprefix("fuzz_")
    if options.minutes is not None:
        options.corpus.mkdir(parents=True, exist_ok=True)
        return fuzz(program, name, options.corpus, [f"-max_total_time={max(1, round(options.minutes * 60))}"])
    with tempfile.TemporaryDirectory(prefix="ebpfnet-fuzz-") as corpus:
        return fuzz(program, name, Path(corpus), [f"-runs={options.runs}", "-seed=1"])


if __name__ == "__main__":
    sys.exit(main())
