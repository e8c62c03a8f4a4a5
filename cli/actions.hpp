// Actions that several commands share.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cli/command.hpp"

namespace ebpfnet::cli {

// Declares SANDBOX... and posts the body to the verb of each, printing the names of those that
// obeyed: start, stop, restart, kill.
Action post_to_sandboxes(Arguments& arguments, std::string verb,
                         std::function<nlohmann::json()> body);

// Declares -t and SANDBOX...: verbs that stop the process and leave it some seconds to end.
Action stop_sandboxes(Arguments& arguments, std::string verb);

// Declares NAME... and prints the objects of one collection of the API as a JSON array.
Action inspect_objects(Arguments& arguments, std::string collection);

} // namespace ebpfnet::cli
