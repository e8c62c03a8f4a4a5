#include "daemon/shim/state.hpp"

#include <signal.h>
#include <time.h>

extern "C" { // glibc 2.36's header does not say so itself
#include <sys/pidfd.h>
}

#include <nlohmann/json.hpp>
#include <sstream>

#include "daemon/shim/file_io.hpp"

namespace ebpfnet::shim {
namespace {

using Json = nlohmann::json;
constexpr const char* kShimFile = "shim.json";
constexpr const char* kExitFile = "exit.json";
constexpr int kLost = 128 + SIGKILL;

// A file that is absent, or was cut by a power loss, is no record.
Result<Json> read_json(const std::filesystem::path& path) {
  auto text = read_file(path);
  if (!text) {
    if (text.error().sys_errno == ENOENT) {
      return Json(Json::value_t::discarded);
    }
    return Failure(std::move(text).error());
  }
  Json json = Json::parse(*text, nullptr, false);
  return json.is_object() ? json : Json(Json::value_t::discarded);
}

template <class T> T field(const Json& json, const char* key, T missing) {
  const auto found = json.find(key);
  if (found == json.end()) {
    return missing;
  }
  if constexpr (std::is_same_v<T, std::string>) {
    return found->is_string() ? found->template get<T>() : missing;
  } else {
    return found->is_number_integer() ? found->template get<T>() : missing;
  }
}

ShimRecord shim_record(const Json& json) {
  return {field<pid_t>(json, "shim_pid", 0), field<std::uint64_t>(json, "shim_start", 0),
          field<pid_t>(json, "pid", 0), field<std::uint64_t>(json, "pid_start", 0),
          field<std::string>(json, "started_at", {})};
}

ExitRecord exit_record(const Json& json) {
  ExitRecord record{field<pid_t>(json, "shim_pid", 0),
                    field<std::uint64_t>(json, "shim_start", 0),
                    std::nullopt,
                    field<std::string>(json, "started_at", {}),
                    field<std::string>(json, "finished_at", {}),
                    field<std::string>(json, "error", {})};
  if (json.contains("exit_code")) {
    record.exit_code = field<int>(json, "exit_code", kLost);
  }
  return record;
}

bool is_alive(pid_t pid, std::uint64_t start) {
  return pid > 0 && start != 0 && start_time(pid) == start;
}

ProcessState ended(const ExitRecord& record) {
  ProcessState state;
  state.exit_code = record.exit_code.value_or(kLost);
  state.started_at = record.started_at;
  state.finished_at = record.finished_at;
  state.error = record.error;
  return state;
}

} // namespace

Result<ProcessState> read_state(const std::filesystem::path& run_dir,
                                const std::filesystem::path& state_dir) {
  const Json shim_json = TRY(read_json(run_dir / kShimFile));
  const ShimRecord shim = shim_json.is_discarded() ? ShimRecord{} : shim_record(shim_json);
  // First who lives, then how it ended: the record is written before the supervisor goes.
  const bool shim_alive = is_alive(shim.shim_pid, shim.shim_start);
  const bool pid_alive = is_alive(shim.pid, shim.pid_start);
  const Json exit_json = TRY(read_json(state_dir / kExitFile));
  const ExitRecord exit = exit_json.is_discarded() ? ExitRecord{} : exit_record(exit_json);
  const bool same_run = exit.shim_pid == shim.shim_pid && exit.shim_start == shim.shim_start;
  if (shim_json.is_discarded()) {
    return exit_json.is_discarded() ? ProcessState{} : ended(exit);
  }
  if (same_run && exit.exit_code) {
    return ended(exit);
  }
  if (!shim_alive && !pid_alive) {
    return ended({shim.shim_pid, shim.shim_start, std::nullopt, shim.started_at, {}, {}});
  }
  ProcessState state;
  state.running = shim.pid != 0;
  state.shim_pid = shim_alive ? shim.shim_pid : 0;
  state.pid = pid_alive ? shim.pid : 0;
  state.pid_start = shim.pid_start;
  state.started_at = shim.started_at;
  return state;
}

Result<UniqueFd> open_pidfd(pid_t pid) {
  UniqueFd fd(::pidfd_open(pid, 0));
  if (!fd) {
    Failure failure = fail_errno(errno, "open process {}", pid);
    failure.error().code =
        failure.error().sys_errno == ESRCH ? ErrorCode::not_found : ErrorCode::internal;
    return failure;
  }
  return fd;
}

Result<void> signal_process(const ProcessState& state, int signal_number) {
  if (state.pid <= 0) {
    return fail(ErrorCode::conflict, "the sandbox's process is not running");
  }
  const auto pidfd = open_pidfd(state.pid);
  if (!pidfd || start_time(state.pid) != state.pid_start) {
    return fail(ErrorCode::conflict, "the sandbox's process is not running");
  }
  if (::pidfd_send_signal(pidfd->get(), signal_number, nullptr, 0) != 0) {
    Failure failure = fail_errno(errno, "send signal {} to process {}", signal_number, state.pid);
    failure.error().code =
        failure.error().sys_errno == EINVAL ? ErrorCode::invalid : ErrorCode::conflict;
    return failure;
  }
  return {};
}

Result<void> write_shim_record(const std::filesystem::path& run_dir, const ShimRecord& record) {
  const Json json{{"shim_pid", record.shim_pid},
                  {"shim_start", record.shim_start},
                  {"pid", record.pid},
                  {"pid_start", record.pid_start},
                  {"started_at", record.started_at}};
  return replace_file(run_dir / kShimFile, json.dump() + "\n", Durability::none);
}

Result<void> write_exit_record(const std::filesystem::path& state_dir, const ExitRecord& record) {
  Json json{{"shim_pid", record.shim_pid},
            {"shim_start", record.shim_start},
            {"started_at", record.started_at},
            {"finished_at", record.finished_at},
            {"error", record.error}};
  if (record.exit_code) {
    json["exit_code"] = *record.exit_code;
  }
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  return replace_file(state_dir / kExitFile, text,
                      record.exit_code ? Durability::synced : Durability::none);
}

std::uint64_t start_time(pid_t pid) {
  const auto stat = read_file(fmt::format("/proc/{}/stat", pid));
  const auto close = stat ? stat->rfind(')') : std::string::npos;
  if (close == std::string::npos) {
    return 0;
  }
  // After the name comes field 3, the state; field 22 is the start time.
  std::istringstream fields(stat->substr(close + 1));
  std::string text;
  fields >> text;
  if (text == "Z" || text == "X") {
    return 0;
  }
  for (int number = 4; number < 22; ++number) {
    fields >> text;
  }
  std::uint64_t start = 0;
  fields >> start;
  return start;
}

std::string utc_now() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  ::gmtime_r(&now.tv_sec, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     now.tv_nsec);
}

} // namespace ebpfnet::shim
