// What `ebpfnet status` prints for people: the daemon's answer as a report of named sections.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace ebpfnet::cli {

// Sections without rows say "none"; what the answer does not have is left out.
std::string status_report(const nlohmann::json& status);

} // namespace ebpfnet::cli
