// One function per command: declares its flags on `app` and returns what to do once they are
// parsed. Each stands in the file of its name; registry.cpp has a row for each.
#pragma once

#include "cli/command.hpp"

namespace ebpfnet::cli {

Action network_create(CLI::App& app);
Action network_ls(CLI::App& app);
Action network_inspect(CLI::App& app);
Action network_rm(CLI::App& app);
Action network_prune(CLI::App& app);
Action network_connect(CLI::App& app);
Action network_disconnect(CLI::App& app);
Action sandbox_run(CLI::App& app);
Action sandbox_exec(CLI::App& app);
Action sandbox_create(CLI::App& app);
Action sandbox_ps(CLI::App& app);
Action sandbox_inspect(CLI::App& app);
Action sandbox_start(CLI::App& app);
Action sandbox_stop(CLI::App& app);
Action sandbox_restart(CLI::App& app);
Action sandbox_kill(CLI::App& app);
Action sandbox_wait(CLI::App& app);
Action sandbox_rm(CLI::App& app);
Action sandbox_port(CLI::App& app);
Action sandbox_logs(CLI::App& app);
Action sandbox_publish(CLI::App& app);
Action sandbox_unpublish(CLI::App& app);
Action status(CLI::App& app);
Action version(CLI::App& app);

} // namespace ebpfnet::cli
