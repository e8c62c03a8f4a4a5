#include "loader/data_plane.hpp"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdarg>
#include <thread>

#include "loader/link.hpp"
#include "loader/schema.hpp"
#include "loader/tc_attach.hpp"

namespace ebpfnet::loader {
namespace {

namespace fs = std::filesystem;

constexpr IfIndex kLoopback{1};
constexpr const char* kLayer3Variant = "/l3";
constexpr const char* kCgroupKey = "bind";    // of the pins, after the first that had one
constexpr const char* kClsactMark = "clsact"; // a directory beside the pins: filters were attached
constexpr std::string_view kOnSandboxDevices[] = {"tc_from_container", "tc_to_container",
                                                  "tc_on_loopback"};

// libbpf's own messages: the end of the verifier's log is kept for the error, the rest goes to the
// debug log.
thread_local std::string libbpf_log;
constexpr std::size_t kLongestLog = 1 << 16;

int log_libbpf(libbpf_print_level level, const char* format, va_list arguments) {
  char line[4096];
  std::vsnprintf(line, sizeof line, format, arguments);
  if (level == LIBBPF_WARN) {
    libbpf_log = libbpf_log.size() > kLongestLog ? line : libbpf_log + line;
  }
  return 0;
}

std::string last_libbpf_lines() {
  constexpr std::size_t kKept = 1500;
  return libbpf_log.size() > kKept ? libbpf_log.substr(libbpf_log.size() - kKept) : libbpf_log;
}

Result<void> check_bpffs(const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  struct statfs info{};
  if (error || ::statfs(directory.c_str(), &info) != 0) {
    return fail_errno(error ? error.value() : errno, "open the bpf directory '{}'",
                      directory.string());
  }
  if (info.f_type != BPF_FS_MAGIC) {
    return Failure(
        Error{ErrorCode::unsupported, 0,
              fmt::format("'{}' is not on a bpf file system", directory.string()),
              "mount one: mount -t bpf bpf /sys/fs/bpf, or name another directory with --bpffs"});
  }
  return {};
}

// Every map that several programs know is pinned, and found again by its pin; a program's own
// constants and scratch space are not.
void pin_maps(bpf_object* object, const fs::path& root) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    const std::string name = ::bpf_map__name(map);
    if (std::ranges::find(view::kMaps, name, &view::MapRow::name) != std::end(view::kMaps) ||
        std::ranges::find(view::kInnerMaps, name) != std::end(view::kInnerMaps)) {
      ::bpf_map__set_pin_path(map, (root / "maps" / name).c_str());
    }
  }
}

Result<BpfObject> load_program(const ProgramRow& row, const ebn_config& config,
                               const fs::path& root) {
  libbpf_log.clear();
  BpfObject object(TRY(row.open(config)));
  pin_maps(object.get(), root);
  if (const int error = ::bpf_object__load(object.get()); error != 0) {
    return fail_errno(-error, "load program '{}': {}", row.name, last_libbpf_lines());
  }
  return object;
}

const ProgramRow& row_of(std::string_view name) {
  for (const ProgramRow& row : program_table()) {
    if (row.name == name) {
      return row;
    }
  }
  std::abort(); // a name that is not in the table is a programming error
}

// The number by which the kernel knows a cgroup: the inode of its directory.
std::uint64_t cgroup_id(int directory) {
  struct stat info{};
  return ::fstat(directory, &info) == 0 ? info.st_ino : 0;
}

// The cgroup of the link that is pinned there; 0: none.
std::uint64_t pinned_cgroup(const fs::path& pin) {
  const UniqueFd link(::bpf_obj_get(pin.c_str()));
  bpf_link_info info{};
  __u32 length = sizeof info;
  const bool known = link && ::bpf_obj_get_info_by_fd(link.get(), &info, &length) == 0;
  return known ? info.cgroup.cgroup_id : 0;
}

std::string key_of(IfIndex device) {
  return std::to_string(device.value);
}

} // namespace

Result<std::unique_ptr<DataPlane>> DataPlane::open(const Options& options) {
  ::libbpf_set_print(log_libbpf);
  TRY_VOID(check_bpffs(options.bpffs));
  auto plane = std::make_unique<DataPlane>();
  plane->options_ = options;
  plane->features_ = TRY(probe_features());
  plane->features_.tcx = plane->features_.tcx && options.tcx;
  plane->schema_ = TRY(prepare_schema(options.bpffs, EBN_SCHEMA_VERSION, old_layouts()));
  plane->was_clsact_ = fs::exists(plane->schema_.root / kClsactMark);
  if (!plane->features_.tcx) {
    std::error_code error;
    fs::create_directory(plane->schema_.root / kClsactMark, error);
  }
  for (const ProgramRow& row : program_table()) {
    if (row.hook != Hook::cgroup || plane->features_.set_retval) {
      TRY_VOID(plane->program(row.name, true));
    }
  }
  TRY_VOID(plane->start_clock());
  plane->maps_ = TRY(view::Maps::open(plane->schema_.root / "maps"));
  TRY_VOID(plane->copy_old_maps());
  for (const std::string_view name : kOnSandboxDevices) {
    for (const std::string& key : TRY(plane->pinned(name))) {
      plane->former_links_.insert(plane->link_pin(name, key));
    }
  }
  return plane;
}

Result<int> DataPlane::program(std::string_view name, bool ethernet) {
  const std::scoped_lock lock(mutex_);
  const std::string key = std::string(name) + (ethernet ? "" : kLayer3Variant);
  if (const auto found = loaded_.find(key); found != loaded_.end()) {
    return found->second.program;
  }
  ebn_config config = options_.config;
  config.l2_len = ethernet ? 14 : 0;
  Loaded loaded;
  loaded.object = TRY(load_program(row_of(name), config, schema_.root));
  loaded.program = ::bpf_program__fd(
      ::bpf_object__find_program_by_name(loaded.object.get(), std::string(name).c_str()));
  const int fd = loaded.program;
  loaded_.emplace(key, std::move(loaded));
  return fd;
}

Result<void> DataPlane::start_clock() {
  const int fd = TRY(program("start_clock", true));
  constexpr int kTries = 100;
  constexpr std::chrono::milliseconds kPause{10};
  const std::array<std::byte, 64> frame{}; // the shortest that the kernel takes is 14 bytes
  LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame.data(), .data_size_in = frame.size());
  for (int tried = 0; tried < kTries; ++tried) {
    if (::bpf_prog_test_run_opts(fd, &run) != 0) {
      return fail_errno(errno, "run program 'start_clock'");
    }
    if (run.retval != ENOMEM) {
      break;
    }
    std::this_thread::sleep_for(kPause);
  }
  if (run.retval != 0) {
    return fail_errno(static_cast<int>(run.retval), "set up the timer by which flows end");
  }
  return {};
}

Result<void> DataPlane::attach_container(IfIndex veth) {
  TRY_VOID(ensure_clsact(veth));
  TRY_VOID(attach_filter("tc_to_container", veth, key_of(veth)));
  return attach_filter("tc_from_container", veth, key_of(veth));
}

Result<bool> DataPlane::serves_container(IfIndex veth) {
  const bool from = TRY(has_filter("tc_from_container", veth));
  const bool to = TRY(has_filter("tc_to_container", veth));
  return from && to;
}

Result<void> DataPlane::attach_uplink(IfIndex device, bool ethernet) {
  TRY_VOID(attach("tc_to_uplink", ethernet, device, key_of(device)));
  return attach("tc_from_uplink", ethernet, device, key_of(device));
}

Result<void> DataPlane::detach_uplink(IfIndex device) {
  TRY_VOID(detach("tc_from_uplink", device, key_of(device)));
  return detach("tc_to_uplink", device, key_of(device));
}

Result<bool> DataPlane::serves_uplink(IfIndex device) {
  for (const std::string_view name : {"tc_from_uplink", "tc_to_uplink"}) {
    const auto there = features_.tcx ? link_program(link_pin(name, key_of(device)))
                                     : TRY(clsact_program(device, row_of(name).hook));
    if (!there || !TRY(is_loaded(name, *there))) {
      return false;
    }
  }
  return true;
}

Result<void> DataPlane::attach_loopback(const std::string& sandbox_id) {
  TRY_VOID(ensure_clsact(kLoopback));
  return attach_filter("tc_on_loopback", kLoopback, sandbox_id);
}

Result<void> DataPlane::detach_loopback() {
  return detach_clsact(kLoopback, row_of("tc_on_loopback").hook);
}

Result<void> DataPlane::copy_old_maps() {
  return schema_.old != nullptr ? schema_.old->copy(schema_.old_root / "maps", *maps_)
                                : Result<void>();
}

Result<void> DataPlane::finish_takeover() {
  if (schema_.old == nullptr) {
    return {};
  }
  TRY_VOID(copy_old_maps());
  TRY_VOID(finish_schema(schema_));
  schema_.old = nullptr;
  return {};
}

Result<bool> DataPlane::serves_loopback() {
  return has_filter("tc_on_loopback", kLoopback);
}

Result<std::vector<fs::path>> DataPlane::missing_pins() {
  std::vector<fs::path> out;
  for (const view::MapRow& row : view::kMaps) {
    out.push_back(schema_.root / "maps" / row.name);
  }
  for (const std::string_view name : view::kInnerMaps) {
    out.push_back(schema_.root / "maps" / name);
  }
  for (const ProgramRow& row : program_table()) {
    if (row.hook == Hook::cgroup && features_.set_retval) {
      out.push_back(link_pin(row.name, kCgroupKey));
    }
  }
  std::error_code error;
  std::erase_if(out, [&](const fs::path& pin) { return fs::exists(pin, error); });
  return out;
}

Result<void> DataPlane::end_former_links() {
  const std::scoped_lock lock(mutex_);
  for (const fs::path& pin : std::exchange(former_links_, {})) {
    TRY_VOID(detach_link(pin));
  }
  return {};
}

Result<void> DataPlane::attach_cgroup(const fs::path& cgroup) {
  if (!features_.set_retval) {
    return fail(ErrorCode::unsupported, "this kernel lacks bpf_set_retval (5.18), which is needed "
                                        "for published ports and the host's own processes");
  }
  const UniqueFd directory(::open(cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct statfs info{};
  if (!directory || ::fstatfs(directory.get(), &info) != 0) {
    return fail_errno(errno, "open the cgroup '{}'", cgroup.string());
  }
  if (info.f_type != CGROUP2_SUPER_MAGIC) {
    return fail(ErrorCode::invalid, "'{}' is not on a cgroup2 file system", cgroup.string());
  }
  for (const ProgramRow& row : program_table()) {
    if (row.hook == Hook::cgroup) {
      TRY_VOID(attach_to_cgroup(row, directory.get()));
    }
  }
  return {};
}

Result<void> DataPlane::attach_to_cgroup(const ProgramRow& row, int directory) {
  const int fd = TRY(program(row.name, true));
  std::error_code error;
  const fs::path pin = link_pin(row.name, kCgroupKey);
  fs::create_directories(pin.parent_path(), error);
  if (pinned_cgroup(pin) != cgroup_id(directory)) {
    TRY_VOID(detach_link(pin));
  }
  auto attached = attach_link(fd, directory, row.cgroup_type, pin);
  if (!attached) {
    return Failure(std::move(attached).error().wrap(fmt::format("program '{}'", row.name)));
  }
  return {};
}

Result<void> DataPlane::detach_cgroup() {
  for (const ProgramRow& row : program_table()) {
    if (row.hook == Hook::cgroup) {
      TRY_VOID(detach_link(link_pin(row.name, kCgroupKey)));
    }
  }
  return {};
}

Result<void> DataPlane::attach(std::string_view name, bool ethernet, IfIndex device,
                               const std::string& key) {
  const int fd = TRY(program(name, ethernet));
  const Hook hook = row_of(name).hook;
  std::error_code error;
  const fs::path pin = link_pin(name, key);
  fs::create_directories(pin.parent_path(), error);
  auto attached = features_.tcx ? attach_tcx(fd, device, hook, pin) : ensure_clsact(device);
  if (attached && !features_.tcx) {
    attached = attach_clsact(fd, device, hook);
  }
  if (!attached) {
    return Failure(std::move(attached).error().wrap(fmt::format("program '{}'", name)));
  }
  // After a change of Options::tcx: a program that hangs in both ways sees each packet twice.
  if (!features_.tcx) {
    return detach_link(pin);
  }
  return was_clsact_ ? detach_clsact(device, hook) : Result<void>();
}

// A link of an earlier build goes when the filter is there: for that moment a packet meets both.
Result<void> DataPlane::attach_filter(std::string_view name, IfIndex device,
                                      const std::string& former_key) {
  auto attached = attach_clsact(TRY(program(name, true)), device, row_of(name).hook);
  if (!attached) {
    return Failure(std::move(attached).error().wrap(fmt::format("program '{}'", name)));
  }
  const fs::path pin = link_pin(name, former_key);
  const std::scoped_lock lock(mutex_);
  return former_links_.erase(pin) != 0 ? detach_link(pin) : Result<void>();
}

Result<bool> DataPlane::has_filter(std::string_view name, IfIndex device) {
  const auto there = TRY(clsact_program(device, row_of(name).hook));
  return there ? is_loaded(name, *there) : Result<bool>(false);
}

// Whether that program of the kernel is ours of that name, for devices with an Ethernet header or
// without.
Result<bool> DataPlane::is_loaded(std::string_view name, std::uint32_t id) {
  const std::scoped_lock lock(mutex_);
  for (const std::string_view variant : {"", kLayer3Variant}) {
    const auto found = loaded_.find(std::string(name).append(variant));
    bpf_prog_info ours{};
    __u32 length = sizeof ours;
    if (found == loaded_.end()) {
      continue;
    }
    if (::bpf_obj_get_info_by_fd(found->second.program, &ours, &length) != 0) {
      return fail_errno(errno, "inspect program '{}'", name);
    }
    if (ours.id == id) {
      return true;
    }
  }
  return false;
}

Result<void> DataPlane::detach(std::string_view name, IfIndex device, const std::string& key) {
  if (!features_.tcx || was_clsact_) {
    TRY_VOID(detach_clsact(device, row_of(name).hook));
  }
  return detach_link(link_pin(name, key));
}

fs::path DataPlane::link_pin(std::string_view name, const std::string& key) const {
  return schema_.root / "links" / name / key;
}

Result<std::vector<std::string>> DataPlane::pinned(std::string_view program) const {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(schema_.root / "links" / program, error)) {
    out.push_back(entry.path().filename());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return fail_errno(error.value(), "list the pinned links of '{}'", program);
  }
  return out;
}

Result<void> DataPlane::purge(const fs::path& bpffs) {
  ::libbpf_set_print(log_libbpf);
  std::error_code error;
  std::vector<fs::path> versions;
  for (const auto& entry : fs::directory_iterator(bpffs, error)) {
    if (entry.path().filename().string().starts_with('v')) {
      versions.push_back(entry.path());
    }
  }
  for (const fs::path& version : versions) {
    fs::remove_all(version, error);
    if (error) {
      return fail_errno(error.value(), "remove the pins under '{}'", version.string());
    }
  }
  return {};
}

} // namespace ebpfnet::loader
