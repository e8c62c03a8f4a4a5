#include "daemon/config.hpp"

#include <CLI/CLI.hpp>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <toml++/toml.h>

#include <charconv>
#include <fstream>

#include "daemon/version.hpp"

namespace ebpfnet {
namespace {

struct Texts {
  std::string config_file;
  std::string state_dir = "/var/lib/ebpfnet";
  std::string run_dir = "/run/ebpfnet";
  std::string bpffs = "/sys/fs/bpf/ebpfnet";
  std::string cgroup_root;
  std::string masquerade_ports = "61000-65535";
  std::string attach = "auto";
  std::string metrics_listen;
};

Result<void> read_string(const toml::node& node, std::string_view key, std::string& out) {
  const auto value = node.value<std::string>();
  if (!value) {
    return fail(ErrorCode::invalid, "line {}: '{}' should be a string", node.source().begin.line,
                key);
  }
  if (value->find('\0') != std::string::npos) { // a path would end there
    return fail(ErrorCode::invalid, "line {}: '{}' contains a NUL character",
                node.source().begin.line, key);
  }
  out = *value;
  return {};
}

Result<void> read_list(const toml::node& node, std::string_view key,
                       std::vector<std::string>& out) {
  const toml::array* array = node.as_array();
  out.clear();
  if (array == nullptr) {
    return fail(ErrorCode::invalid, "line {}: '{}' should be a list of strings",
                node.source().begin.line, key);
  }
  for (const auto& item : *array) {
    TRY_VOID(read_string(item, key, out.emplace_back()));
  }
  return {};
}

Result<void> read_file(const std::string& path, Texts& texts, Config& config) {
  toml::table table;
  try {
    table = toml::parse_file(path);
  } catch (const toml::parse_error& error) {
    return fail(ErrorCode::invalid, "config file '{}': line {}: {}", path,
                error.source().begin.line, std::string(error.description()));
  }
  const std::map<std::string, std::string*> strings{{"state-dir", &texts.state_dir},
                                                    {"run-dir", &texts.run_dir},
                                                    {"bpffs", &texts.bpffs},
                                                    {"cgroup-root", &texts.cgroup_root},
                                                    {"log-level", &config.log_level},
                                                    {"log-format", &config.log_format},
                                                    {"masquerade-ports", &texts.masquerade_ports},
                                                    {"attach", &texts.attach},
                                                    {"metrics-listen", &texts.metrics_listen}};
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    const auto known = strings.find(name);
    auto read = known != strings.end() ? read_string(node, name, *known->second)
                : name == "uplink"     ? read_list(node, name, config.network.uplinks)
                                       : fail(ErrorCode::invalid, "line {}: unknown key '{}'",
                                              key.source().begin.line, name);
    if (!read) {
      return Failure(std::move(read).error().wrap(fmt::format("config file '{}'", path)));
    }
  }
  return {};
}

// The mount point of the cgroup2 file system.
Result<std::filesystem::path> find_cgroup2() {
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    const auto separator = line.find(" - ");
    if (separator == std::string::npos || !line.substr(separator + 3).starts_with("cgroup2 ")) {
      continue;
    }
    std::istringstream fields(line);
    std::string field;
    for (int i = 0; i < 5; ++i) {
      fields >> field;
    }
    return std::filesystem::path(field);
  }
  return Failure(Error{
      ErrorCode::unsupported, 0, "no cgroup2 file system is mounted",
      "mount one: mount -t cgroup2 none /sys/fs/cgroup, or name a directory with --cgroup-root"});
}

Result<void> check_cgroup2(const std::string& directory) {
  struct statfs info{};
  if (::statfs(directory.c_str(), &info) != 0) {
    return fail_errno(errno, "--cgroup-root '{}'", directory);
  }
  if (info.f_type != CGROUP2_SUPER_MAGIC) {
    return Failure(
        Error{ErrorCode::unsupported, 0,
              fmt::format("--cgroup-root '{}' is not on a cgroup2 file system", directory),
              "name a directory of one, or leave the flag out"});
  }
  return {};
}

// Digits and nothing else.
std::optional<std::uint16_t> number_in(std::string_view text) {
  std::uint16_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value)
                                                                  : std::nullopt;
}

Result<void> read_port_range(const std::string& text, network::Options& out) {
  const auto dash = text.find('-');
  const auto first = number_in(std::string_view(text).substr(0, dash));
  const auto last =
      dash == std::string::npos ? std::nullopt : number_in(std::string_view(text).substr(dash + 1));
  if (!first || !last || *first < 1024 || *last < *first) {
    return fail(ErrorCode::invalid,
                "invalid masquerade ports '{}': expected FIRST-LAST within 1024..65535", text);
  }
  out.masq_first = *first;
  out.masq_last = *last;
  return {};
}

Result<void> read_metrics_address(const std::string& text, Config& out) {
  if (text.empty()) {
    return {};
  }
  auto address = SocketAddress::from(text);
  if (!address) {
    return Failure(std::move(address).error().wrap("--metrics-listen"));
  }
  // A packet to such a port could be the reply to a masqueraded flow.
  if (address->port >= out.network.masq_first && address->port <= out.network.masq_last) {
    return Failure(Error{ErrorCode::invalid, 0,
                         fmt::format("--metrics-listen: port {} is in the masquerade range {}-{}",
                                     address->port, out.network.masq_first, out.network.masq_last),
                         "choose a lower port, such as 9464"});
  }
  out.metrics_listen = *address;
  return {};
}

Result<void> check(const Config& config) {
  constexpr std::string_view kLevels[] = {"trace", "debug", "info", "warn", "error", "off"};
  if (std::ranges::find(kLevels, config.log_level) == std::end(kLevels)) {
    return fail(ErrorCode::invalid,
                "unknown log level '{}': it should be trace, debug, info, warn, error or off",
                config.log_level);
  }
  if (config.log_format != "text" && config.log_format != "json") {
    return fail(ErrorCode::invalid, "unknown log format '{}': it should be text or json",
                config.log_format);
  }
  return {};
}

} // namespace

Result<Config> load_config(int argc, char** argv, int& exit_code) {
  Config config;
  Texts texts;
  CLI::App app("ebpfnetd: container networks on eBPF, the daemon", "ebpfnetd");
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.set_version_flag("--version", std::string(kVersion));
  app.add_option("--config", texts.config_file, "TOML file with these flags as keys")
      ->type_name("FILE");
  app.add_option("--state-dir", texts.state_dir, "what was asked for, kept over reboots")
      ->type_name("DIR")
      ->capture_default_str();
  app.add_option("--run-dir", texts.run_dir, "sockets, namespaces; lost at reboot")
      ->type_name("DIR")
      ->capture_default_str();
  app.add_option("--bpffs", texts.bpffs, "pinned programs and maps; on a bpf file system")
      ->type_name("DIR")
      ->capture_default_str();
  app.add_option("--uplink", config.network.uplinks,
                 "interface that leads outside; repeat for several (default: all that do)")
      ->type_name("IF");
  app.add_option("--cgroup-root", texts.cgroup_root,
                 "cgroup2 directory below which sandboxes get theirs (default: found)")
      ->type_name("DIR");
  app.add_option("--masquerade-ports", texts.masquerade_ports,
                 "ports of the host kept for masquerading")
      ->type_name("FIRST-LAST")
      ->capture_default_str();
  app.add_option("--attach", texts.attach,
                 "to uplinks: auto (tcx links where the kernel has them) or clsact (filters)")
      ->type_name("WAY")
      ->capture_default_str();
  app.add_option("--metrics-listen", texts.metrics_listen,
                 "serve metrics for Prometheus at http://ADDR:PORT/metrics (default: do not)")
      ->type_name("ADDR:PORT");
  app.add_option("--log-level", config.log_level, "trace, debug, info, warn, error, off")
      ->type_name("L")
      ->capture_default_str();
  app.add_option("--log-format", config.log_format, "text or json")
      ->type_name("F")
      ->capture_default_str();
  app.add_flag("--purge", config.purge,
               "remove everything that ebpfnet made on this host, and exit");
  const auto parse = [&]() -> bool {
    try {
      app.parse(argc, argv);
      return true;
    } catch (const CLI::ParseError& error) {
      const bool help = error.get_exit_code() == 0;
      exit_code = help ? app.exit(error) : 2;
      if (!help) {
        fmt::print(stderr, "Error: {} (hint: see ebpfnetd --help)\n", error.what());
      }
      return false;
    }
  };
  if (!parse()) {
    return fail(ErrorCode::invalid, "usage");
  }
  if (!texts.config_file.empty()) {
    TRY_VOID(read_file(texts.config_file, texts, config));
    app.clear();
    if (!parse()) { // flags win over the file
      return fail(ErrorCode::invalid, "usage");
    }
  }
  TRY_VOID(check(config));
  TRY_VOID(read_port_range(texts.masquerade_ports, config.network));
  if (texts.attach != "auto" && texts.attach != "clsact") {
    return fail(ErrorCode::invalid, "unknown way to attach '{}': it should be auto or clsact",
                texts.attach);
  }
  config.network.tcx = texts.attach == "auto";
  TRY_VOID(read_metrics_address(texts.metrics_listen, config));
  config.network.state_dir = std::filesystem::absolute(texts.state_dir);
  config.network.run_dir = std::filesystem::absolute(texts.run_dir);
  config.network.bpffs = std::filesystem::absolute(texts.bpffs);
  if (!texts.cgroup_root.empty()) {
    TRY_VOID(check_cgroup2(texts.cgroup_root));
  }
  config.network.cgroup_root = texts.cgroup_root.empty() ? TRY(find_cgroup2()) : std::filesystem::absolute(texts.cgroup_root);
  return config;
}

} // namespace ebpfnet
