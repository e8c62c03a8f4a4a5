#include "daemon/metrics/process.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace ebpfnet::metrics {
namespace {

// Fields of /proc/self/stat after the name of the program, which may hold anything (proc(5)
// numbers them from 3).
Result<std::vector<std::string>> stat_fields() {
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos) {
    return fail(ErrorCode::internal, "cannot read /proc/self/stat");
  }
  std::istringstream rest(text.substr(name_end + 1));
  std::vector<std::string> out;
  for (std::string field; rest >> field;) {
    out.push_back(field);
  }
  constexpr std::size_t kFields = 22; // up to rss
  if (out.size() < kFields) {
    return fail(ErrorCode::internal, "/proc/self/stat has {} fields, expected {}", out.size() + 2,
                kFields + 2);
  }
  return out;
}

// When the machine came up, seconds since 1970; 0: unknown.
double boot_time() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("btime ")) {
      return std::strtod(line.c_str() + 6, nullptr);
    }
  }
  return 0;
}

std::uint64_t count_open_fds() {
  std::error_code error;
  std::uint64_t count = 0;
  for (std::filesystem::directory_iterator it("/proc/self/fd", error), end; !error && it != end;
       it.increment(error)) {
    ++count;
  }
  return count == 0 ? 0 : count - 1; // without the one that reads the directory
}

} // namespace

Result<Process> read_process() {
  const auto fields = TRY(stat_fields());
  const auto number = [&](std::size_t field) {
    return std::strtoull(fields[field - 3].c_str(), nullptr, 10);
  };
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  Process out;
  out.cpu_seconds = static_cast<double>(number(14) + number(15)) / ticks;
  out.start_time_seconds = boot_time() + static_cast<double>(number(22)) / ticks;
  out.virtual_bytes = number(23);
  out.resident_bytes = number(24) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  out.open_fds = count_open_fds();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    out.max_fds = limit.rlim_cur;
  }
  return out;
}

} // namespace ebpfnet::metrics
