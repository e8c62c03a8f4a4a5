// One function per command: declares its flags and returns what to do once they are
// parsed. Each stands in the file of its name; registry.cpp has a row for each.
#pragma once

#include "cli/command.hpp"

namespace ebpfnet::cli {

Action network_create(Arguments& arguments);
Action network_ls(Arguments& arguments);
Action network_inspect(Arguments& arguments);
Action network_rm(Arguments& arguments);
Action network_prune(Arguments& arguments);
Action network_connect(Arguments& arguments);
Action network_disconnect(Arguments& arguments);
Action sandbox_run(Arguments& arguments);
Action sandbox_exec(Arguments& arguments);
Action sandbox_create(Arguments& arguments);
Action sandbox_ps(Arguments& arguments);
Action sandbox_inspect(Arguments& arguments);
Action sandbox_start(Arguments& arguments);
Action sandbox_stop(Arguments& arguments);
Action sandbox_restart(Arguments& arguments);
Action sandbox_kill(Arguments& arguments);
Action sandbox_wait(Arguments& arguments);
Action sandbox_rm(Arguments& arguments);
Action sandbox_port(Arguments& arguments);
Action sandbox_logs(Arguments& arguments);
Action sandbox_publish(Arguments& arguments);
Action sandbox_unpublish(Arguments& arguments);
Action status(Arguments& arguments);
Action version(Arguments& arguments);

} // namespace ebpfnet::cli
