"""Shows that check.py finds each kind of violation and leaves honest code alone."""

import tempfile
import unittest
from pathlib import Path

import check


def problems(path, text):
    return [problem for _, problem in check.check_text(path, text)]


class Includes(unittest.TestCase):
    def test_point_down(self):
        self.assertEqual(problems("daemon/ipam/pool.cpp", '#include "maps/types/ip.hpp"\n'), [])
        self.assertEqual(problems("loader/loader.cpp", '#include "tc_from_uplink.skel.h"\n'), [])
        self.assertEqual(problems("bpf/programs/a.bpf.c", '#include "bpf/lib/parse.h"\n'), [])
        self.assertEqual(problems("cli/main.cpp", '#include "daemon/api/json.hpp"\n'), [])

    def test_pointing_up_is_found(self):
        for path, target in (
            ("maps/types/ip.cpp", "daemon/ipam/pool.hpp"),
            ("maps/abi/flow.h", "maps/types/ip.hpp"),
            ("loader/loader.cpp", "daemon/api/json.hpp"),
            ("daemon/api/json.cpp", "daemon/state/store.hpp"),
            ("cli/client.cpp", "daemon/network/service.hpp"),
            ("bpf/programs/a.bpf.c", "maps/view/flows.hpp"),
            ("daemon/main.cpp", "tc_from_uplink.skel.h"),
            ("daemon/main.cpp", "cli/client.hpp"),
        ):
            found = problems(path, f'// promise\n#include "{target}"\n')
            self.assertEqual(len(found), 1, (path, target, found))
            self.assertIn("must not include", found[0])


class Homes(unittest.TestCase):
    def test_libraries_at_home(self):
        self.assertEqual(problems("daemon/netlink/link.cpp", "#include <netlink/route/link.h>\n"), [])
        self.assertEqual(problems("daemon/shim/main.cpp", "#include <CLI/CLI.hpp>\n"), [])
        self.assertEqual(problems("maps/view/flows.cpp", "#include <bpf/bpf.h>\n"), [])

    def test_libraries_elsewhere_are_found(self):
        for path, line in (
            ("daemon/network/service.cpp", "#include <bpf/libbpf.h>"),
            ("daemon/ipam/routes.cpp", "#include <netlink/route/route.h>"),
            ("daemon/server/http.cpp", "#include <CLI/CLI.hpp>"),
            ("maps/types/ip.cpp", "#include <nlohmann/json.hpp>"),
            ("cli/client.cpp", "#include <spdlog/spdlog.h>"),
            ("daemon/dns/zone.cpp", "  if (::setns(fd, CLONE_NEWNET) != 0) {"),
        ):
            self.assertEqual(len(problems(path, line + "\n")), 1, (path, line))


class Calls(unittest.TestCase):
    def test_shelling_out_is_found_everywhere(self):
        for line in ('std::system("ip link");', 'system("x");', "FILE* f = popen(command, mode);"):
            self.assertEqual(problems("tests/unit/a_test.cpp", line + "\n"), [problems("cli/a.cpp", line + "\n")[0]])

    def test_words_in_comments_and_strings_are_not_calls(self):
        text = '// no system("x") here\nlog("system(x) refused");\n/* popen(\n */ file.system(1);\nstd::system_error e(1);\n'
        self.assertEqual(problems("daemon/a.cpp", text), [])


class Length(unittest.TestCase):
    def test_a_long_file_must_say_why(self):
        body = "int x;\n" * 451
        self.assertEqual(len(problems("daemon/a.cpp", body)), 1)
        self.assertEqual(problems("daemon/a.cpp", "// Longer than usual: one table.\n" + body), [])
        self.assertEqual(problems("daemon/a.cpp", "int x;\n" * 450), [])


class Links(unittest.TestCase):
    def problems(self, path, text):
        return [problem for _, problem in check.check_links(path, text)]

    def test_point_down(self):
        text = "target_link_libraries(loader PUBLIC maps_view PkgConfig::libbpf)\ntarget_link_libraries(loader PRIVATE x_skel)\n"
        self.assertEqual(self.problems("loader/CMakeLists.txt", text), [])
        self.assertEqual(self.problems("daemon/CMakeLists.txt", "daemon_library(daemon_dns dns daemon_services loader)"), [])
        self.assertEqual(self.problems("cli/CMakeLists.txt", "target_link_libraries(ebpfnet PRIVATE daemon_api maps_types)"), [])

    def test_pointing_up_is_found(self):
        for path, text in (
            ("maps/CMakeLists.txt", "target_link_libraries(maps_view PUBLIC loader)"),
            ("loader/CMakeLists.txt", "target_link_libraries(loader\n  PUBLIC daemon_api)"),
            ("daemon/CMakeLists.txt", "daemon_library(daemon_api api daemon_state)"),
            ("daemon/CMakeLists.txt", "target_link_libraries(ebpfnetd PRIVATE tc_to_uplink_skel)"),
            ("cli/CMakeLists.txt", "target_link_libraries(ebpfnet PRIVATE daemon_network)"),
        ):
            self.assertEqual(len(self.problems(path, text)), 1, (path, text))


class Tree(unittest.TestCase):
    def test_names_file_and_line(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "maps" / "types" / "ip.cpp"
            file.parent.mkdir(parents=True)
            file.write_text('// promise\n\n#include "loader/loader.hpp"\n')
            found = list(check.check_tree(Path(folder)))
        self.assertEqual(len(found), 1)
        self.assertTrue(found[0].startswith("maps/types/ip.cpp:3: maps/types/ must not include loader/loader.hpp"), found)


unittest.main()
