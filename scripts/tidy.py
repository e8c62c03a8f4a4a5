#!/usr/bin/python3
"""clang-tidy over files of ours, several at a time as one translation unit.

Most of a check's time goes to the declarations of included headers, which clang-tidy walks anew for every check and file.
Files of one directory with the same flags include much the same, so up to a dozen of them are read as one. Where they do
not compile as one (two unnamed namespaces with the same name in them), they are read one by one.

usage: tidy.py BUILD [--one-by-one] [--checks CHECKS] FILE...      BUILD holds compile_commands.json; FILEs as git names them
"""
import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict

BATCH = 12
# The checks read all that is included: precompiled headers would only be more of it.
PRECOMPILED = re.compile(r" -Xclang -include-pch -Xclang \S+ -Xclang -include -Xclang \S+")


def commands_of(build, files):
    """file -> (directory, command without names of files); files that the build does not compile are left out."""
    commands = {}
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as f:
        for entry in json.load(f):
            name = os.path.relpath(entry["file"])
            if name in files and name not in commands:
                command = PRECOMPILED.sub("", entry["command"])
                commands[name] = (entry["directory"], re.sub(r" -o \S+ -c \S+$", "", command))
    return commands


def batches_of(commands, size):
    groups = defaultdict(list)
    for name in sorted(commands):
        groups[os.path.dirname(name), commands[name]].append(name)
    found = []
    for (_, how), names in groups.items():
        # Of equal length: 13 files are 7 and 6, not 12 and 1.
        parts = -(-len(names) // size)
        found += [(how, names[i::parts]) for i in range(parts)]
    return sorted(found, key=lambda batch: -len(batch[1]))


def run(where, number, how, names, checks):
    """(exit code, output) of clang-tidy over one translation unit that includes `names`."""
    directory = os.path.join(where, str(number))
    os.mkdir(directory)
    unit = os.path.join(directory, "unit.cpp")
    with open(unit, "w", encoding="utf-8") as f:
        f.writelines(f'#include "{os.path.abspath(n)}" // NOLINT(bugprone-suspicious-include)\n' for n in names)
    with open(os.path.join(directory, "compile_commands.json"), "w", encoding="utf-8") as f:
        json.dump([{"directory": how[0], "file": unit, "command": f"{how[1]} -c {unit}"}], f)
    done = subprocess.run(
        ["clang-tidy-19", "-p", directory, "--quiet", f"--checks={checks}", "--config-file=.clang-tidy", "--warnings-as-errors=*", unit],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout + re.sub(r"^\d+ warnings?.* generated.*\n|^Suppressed .*\n", "", done.stderr, flags=re.M)


def check(where, number, how, names, checks):
    code, output = run(where, number, how, names, checks)
    if code != 0 and len(names) > 1 and "[clang-diagnostic-error" in output:
        print(f"tidy.py: these do not compile as one and are read one by one: {' '.join(names)}", flush=True)
        each = [run(where, f"{number}-{i}", how, [name], checks) for i, name in enumerate(names)]
        return max(code for code, _ in each), "".join(output for _, output in each)
    return code, output


def main():
    parser = argparse.ArgumentParser(description="clang-tidy over several files at a time")
    parser.add_argument("build")
    parser.add_argument("files", nargs="+")
    parser.add_argument("--checks", default="")
    parser.add_argument("--one-by-one", action="store_true")
    args = parser.parse_args()
    commands = commands_of(args.build, set(args.files))
    if not commands:
        sys.exit(f"tidy.py: {args.build}/compile_commands.json names none of the files (hint: scripts/build.sh --tests)")
    batches = batches_of(commands, 1 if args.one_by_one else BATCH)
    print(f"clang-tidy: {len(commands)} files in {len(batches)} translation units", flush=True)
    failed = False
    with tempfile.TemporaryDirectory() as where, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(check, where, i, how, names, args.checks) for i, (how, names) in enumerate(batches)]
        for job in concurrent.futures.as_completed(jobs):
            code, output = job.result()
            print(output, end="", flush=True)
            failed = failed or code != 0
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
