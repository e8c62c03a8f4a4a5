"""Checks the rules of the tree: includes and link lists point down only, each library has one home, some calls stand in one place, and
files stay short. A violation is printed as FILE:LINE: what is wrong and which rule it breaks; exit code 1 then.

usage: check.py SOURCE_DIR
"""

import re
import sys
from pathlib import Path

MAX_LINES = 450
LONGER = "// Longer than usual:"
SUFFIXES = {".cpp", ".hpp", ".c", ".h"}

# Folder -> folders whose headers it may include. The longest matching folder name decides; a folder may always include
# itself. Generated skeletons (*.skel.h) belong to bpf/programs and are for loader/ and tests/ only.
MAY_INCLUDE = {
    "maps/abi": [],
    "maps/types": [],
    "maps/defs": ["maps/abi"],
    "maps/view": ["maps/abi", "maps/types"],
    "bpf": ["maps/abi", "maps/defs"],
    "loader": ["maps", "bpf/programs"],
    "daemon": ["loader", "maps"],
    "daemon/api": ["maps/types"],
    "cli": ["daemon/api", "daemon/asio", "daemon/shim", "maps/types"],
    "tests": ["maps", "bpf", "loader", "daemon", "cli"],
}

# What a line of code includes or calls -> places where that may stand (a folder, a file, or a file name anywhere).
LIBRARY_HOMES = {
    r'#include [<"](bpf/(bpf|libbpf|btf)\.h)[>"]': ["loader", "maps/view", "tests"],
    r'#include [<"](netlink/[^>"]+)[>"]': ["daemon/netlink", "tests"],
    r'#include [<"](CLI/[^>"]+)[>"]': ["cli/arguments.cpp", "daemon/config.cpp", "main.cpp"],
    r'#include [<"](nlohmann/[^>"]+)[>"]': ["daemon", "cli", "tests"],
    r'#include [<"](spdlog/[^>"]+)[>"]': ["daemon", "loader", "main.cpp", "tests"],
    r'#include [<"](sqlite3\.h)[>"]': ["daemon/state", "tests"],
    r'#include [<"](ldns/[^>"]+)[>"]': ["daemon/dns", "tests"],
    r'#include [<"](prometheus/[^>"]+)[>"]': ["daemon/metrics", "tests"],
    r"\b(setns)\s*\(": ["daemon/netlink/netns.cpp", "daemon/shim", "tests"],
}
# Nowhere.
FORBIDDEN = {r"(?<![\w.>])(?:std::|::)?(system|popen)\s*\(": "nothing shells out"}

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def strip_comments(text):
    """Blanks comments and the contents of string literals, except on include lines; line numbers stay."""
    pattern = r'^[ \t]*#[ \t]*include[^\n]*|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\''

    def blank(match):
        found = match.group(0)
        if found.lstrip().startswith("#"):
            return found
        return '""' if found[0] in "\"'" else "\n" * found.count("\n")

    return re.sub(pattern, blank, text, flags=re.DOTALL | re.MULTILINE)


def home_of(path):
    """The most specific folder of MAY_INCLUDE that holds a path; None when no rule knows it."""
    matches = [folder for folder in MAY_INCLUDE if path == folder or path.startswith(folder + "/")]
    return max(matches, key=len) if matches else None


def allowed(path, places):
    return any(path == p or path.startswith(p + "/") or Path(path).name == p for p in places)


def check_include(path, target):
    if target.endswith(".skel.h"):
        target = f"bpf/programs/{target}"
    if "/" not in target or home_of(target) is None:
        return None  # a header of a library, or one beside the file
    home = home_of(path)
    if home is None or target.startswith(home + "/"):
        return None
    if any(target.startswith(f + "/") for f in MAY_INCLUDE[home]):
        return None
    return f"{home}/ must not include {target} (it may use: {', '.join(MAY_INCLUDE[home]) or 'nothing of ours'})"


def check_line(path, line):
    match = INCLUDE.match(line)
    if match and (problem := check_include(path, match.group(1))):
        yield problem
    for pattern, rule in FORBIDDEN.items():
        if found := re.search(pattern, line):
            yield f"{found.group(1)}(): {rule}"
    for pattern, places in LIBRARY_HOMES.items():
        if (found := re.search(pattern, line)) and not allowed(path, places):
            yield f"{found.group(1)} belongs in {', '.join(places)} only"


def check_text(path, text):
    """Problems of one file: (line number, what is wrong)."""
    lines = text.splitlines()
    if len(lines) > MAX_LINES and not any(LONGER in line for line in lines[:10]):
        yield len(lines), f'{len(lines)} lines are more than {MAX_LINES} (split it, or say why after "{LONGER}" at its top)'
    for number, line in enumerate(strip_comments(text).splitlines(), 1):
        for problem in check_line(path, line):
            yield number, problem


def target_home(target):
    """daemon_api -> daemon/api, loader -> loader, tc_to_uplink_skel -> bpf/programs; None for other people's libraries."""
    if target.endswith("_skel"):
        return "bpf/programs"
    if target == "daemon_attach":
        return "daemon/shim"  # the client's half of the supervisor
    return target.replace("_", "/", 1) if re.fullmatch(r"(maps|loader|daemon|cli)(_\w+)?", target) else None


def check_links(path, text):
    """Problems of one CMakeLists.txt: (line number, what is wrong). The link lists obey the rules of the includes."""
    text = re.sub(r"#[^\n]*", "", text)
    for call in re.finditer(r"\b(target_link_libraries|daemon_library)\s*\(([^)]*)\)", text):
        user, *words = call.group(2).split()
        home = home_of(target_home(user) or path)
        for word in words:
            target = target_home(word)
            if target and target != home and not any(f"{target}/".startswith(f"{f}/") for f in MAY_INCLUDE[home]):
                if not target.startswith(f"{home}/"):
                    yield text.count("\n", 0, call.start()) + 1, f"{user} ({home}/) must not link {word}"


def source_files(root):
    for folder in ("bpf", "maps", "loader", "daemon", "cli", "tests"):
        for file in sorted((root / folder).rglob("*")):
            if file.suffix in SUFFIXES and file.is_file():
                yield file


def check_tree(root):
    for file in source_files(root):
        path = file.relative_to(root).as_posix()
        for number, problem in check_text(path, file.read_text()):
            yield f"{path}:{number}: {problem}"


    for file in sorted(root.rglob("CMakeLists.txt")):
        path = file.relative_to(root).as_posix()
        if home_of(path):
            for number, problem in check_links(path, file.read_text()):
                yield f"{path}:{number}: {problem}"


def main():
    root = Path(sys.argv[1])
    files = len(list(source_files(root)))
    if files == 0:
        print(f"{root}: no source files found")
        return 1
    problems = list(check_tree(root))
    print("\n".join(problems) or f"{files} files keep the rules of the tree")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
