// The table of commands: one row each, and the words that are promised but not built.
#include <array>

#include "cli/commands/commands.hpp"

namespace ebpfnet::cli {
namespace {

constexpr std::array kCommands{
    Command{
        "network create", "[FLAGS] NAME", "Create a network and print its id",
        "Without --subnet the network gets a prefix of the default pools that nothing else uses.",
        "ebpfnet network create catnet\n"
        "ebpfnet network create --subnet 10.55.0.0/24 --gateway 10.55.0.254 dognet\n"
        "ebpfnet network create --internal backend",
        network_create},
    Command{"network ls", "[FLAGS]", "List networks",
            "Filters: id, name, driver, scope, type, label.",
            "ebpfnet network ls\nebpfnet network ls -f driver=bridge -q\nebpfnet network ls "
            "--format json",
            network_ls},
    Command{"network inspect", "NET...", "Print networks with their options and endpoints as JSON",
            "", "ebpfnet network inspect bridge", network_inspect},
    Command{"network rm", "NET...", "Remove networks that no sandbox uses", "",
            "ebpfnet network rm catnet dognet", network_rm},
    Command{"network prune", "[-f] [--filter FILTER]", "Remove all networks that no sandbox uses",
            "Asks first at a terminal, unless -f is given.", "ebpfnet network prune -f",
            network_prune},
    Command{"network connect", "[FLAGS] NET SANDBOX", "Join a sandbox to a further network", "",
            "ebpfnet network connect --alias db catnet redis", network_connect},
    Command{"network disconnect", "[-f] NET SANDBOX", "Take a sandbox out of a network", "",
            "ebpfnet network disconnect catnet redis", network_disconnect},
    Command{"sandbox create", "[FLAGS] NAME",
            "Create a sandbox without a process, or adopt a namespace", "",
            "ebpfnet sandbox create --network catnet probe\n"
            "ebpfnet sandbox create --netns /run/netns/vm1 --network catnet vm1",
            sandbox_create},
    Command{
        "run", "[FLAGS] [--] COMMAND [ARG...]", "Run a command in a new sandbox",
        "The command sees its own network, host name, resolv.conf and hosts; the files are the "
        "host's.\n"
        "Without --network it joins the network 'bridge'. Flags after the command belong to the "
        "command.",
        "ebpfnet run --rm --network catnet -- ping -c 1 cat-db\n"
        "ebpfnet run -d --name web --network catnet -p 8000:5000 -e DB=cat-db -- python3 web.py\n"
        "ebpfnet run -it --rm --network name=catnet,alias=shell,ip=172.18.0.9 bash",
        sandbox_run, 0},
    Command{"exec", "[FLAGS] SANDBOX [--] COMMAND [ARG...]",
            "Run a further command in a running sandbox", "",
            "ebpfnet exec web -- ip addr\nebpfnet exec -it web bash", sandbox_exec, 1},
    Command{"ps", "[FLAGS]", "List sandboxes that run, with -a all",
            "Filters: id, name, label, status, network.",
            "ebpfnet ps -a\nebpfnet ps -q -f network=catnet", sandbox_ps},
    Command{"inspect", "SANDBOX...", "Print sandboxes with state, networks and ports as JSON", "",
            "ebpfnet inspect web", sandbox_inspect},
    Command{"start", "SANDBOX...", "Run the command of stopped sandboxes again", "",
            "ebpfnet start web", sandbox_start},
    Command{"stop", "[-t SECONDS] SANDBOX...", "Stop sandboxes: SIGTERM, then SIGKILL", "",
            "ebpfnet stop -t 2 web", sandbox_stop},
    Command{"restart", "[-t SECONDS] SANDBOX...", "Stop and start sandboxes", "",
            "ebpfnet restart web", sandbox_restart},
    Command{"kill", "[-s SIG] SANDBOX...",
            "Send a signal to sandboxes, SIGKILL unless told otherwise", "",
            "ebpfnet kill -s HUP web", sandbox_kill},
    Command{"wait", "SANDBOX...", "Wait until sandboxes have ended and print their exit codes", "",
            "ebpfnet wait job", sandbox_wait},
    Command{"rm", "[-f] SANDBOX...", "Remove sandboxes", "", "ebpfnet rm -f web", sandbox_rm},
    Command{"port", "SANDBOX [PORT[/PROTO]]", "Print the published ports of a sandbox", "",
            "ebpfnet port web\nebpfnet port web 5000/tcp", sandbox_port},
    Command{"logs", "[-f] SANDBOX", "Print what the command of a sandbox has written", "",
            "ebpfnet logs -f web", sandbox_logs},
    Command{"publish", "SANDBOX PORTSPEC", "Publish a port of a running sandbox", "",
            "ebpfnet publish web 8080:5000", sandbox_publish},
    Command{"unpublish", "SANDBOX PORTSPEC", "Close a published port", "",
            "ebpfnet unpublish web 8080:5000", sandbox_unpublish},
    Command{"status", "[FLAGS]",
            "Show daemon, counts, uplinks, drops, traffic, maps, programs and kernel features", "",
            "ebpfnet status\nebpfnet status --verify --format json", status},
    Command{"version", "[FLAGS]", "Print the versions of this program and of the daemon", "",
            "ebpfnet version", version},
};

constexpr std::array<std::string_view, 10> kPlanned{"service", "cluster",   "node", "monitor",
                                                    "explain", "flows",     "nat",  "metrics",
                                                    "doctor",  "completion"};

} // namespace

std::span<const Command> commands() {
  return kCommands;
}

std::span<const std::string_view> planned_commands() {
  return kPlanned;
}

} // namespace ebpfnet::cli
