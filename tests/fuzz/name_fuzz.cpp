// Words that users write: names, host names, users, signals, sets of ports and the options of a
// bridge network. What is accepted has the form that the rest of the daemon relies on.
#include <signal.h>

#include "daemon/network/bridge/options.hpp"
#include "daemon/network/names.hpp"
#include "daemon/network/reserved_ports.hpp"
#include "daemon/network/signals.hpp"
#include "daemon/shim/user.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace ebpfnet::network {
namespace {

// Safe as one component of a path, and as a word of a file.
bool is_plain(std::string_view text) {
  return !text.empty() && text != "." && text != ".." &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_.-") == std::string_view::npos;
}

void read_names(std::string_view text) {
  if (check_name("network", text)) {
    DEMAND(is_plain(text) && text.size() <= 255);
  }
  if (check_hostname(text)) {
    DEMAND(is_plain(text) && text.size() <= 64);
  }
}

void read_user(std::string_view text) {
  const auto user = shim::UserSpec::from(text);
  if (!user) {
    return fuzz::demand_story(user);
  }
  DEMAND(!fuzz::has_nul(user->user) && !fuzz::has_nul(user->group));
  DEMAND(user->group.empty() ? text == user->user : text == user->user + ":" + user->group);
}

void read_signal(std::string_view text) {
  const auto number = parse_signal(text);
  if (!number) {
    return fuzz::demand_story(number);
  }
  DEMAND(*number > 0 && *number < NSIG);
  DEMAND(fuzz::gives(parse_signal(std::to_string(*number)), *number));
}

void read_ports(std::string_view text) {
  const auto ports = PortSet::from(text);
  if (!ports) {
    return fuzz::demand_story(ports);
  }
  DEMAND(fuzz::gives(PortSet::from(ports->to_string()), *ports));
  DEMAND(ports->without(*ports) == PortSet());
  DEMAND(ports->with(*ports) == *ports);
}

void read_options(std::string_view text) {
  api::StringMap options;
  for (const std::string& line : fuzz::lines_of(text)) {
    const auto equals = line.find('=');
    options[line.substr(0, equals)] = equals == std::string::npos ? "" : line.substr(equals + 1);
  }
  const auto read = bridge::parse_options(options);
  if (!read) {
    return fuzz::demand_story(read);
  }
  DEMAND(read->mtu >= 68 && read->mtu <= 65535);
}

} // namespace
} // namespace ebpfnet::network

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = ebpfnet::fuzz::text_of(data, size);
  ebpfnet::network::read_names(text);
  ebpfnet::network::read_user(text);
  ebpfnet::network::read_signal(text);
  ebpfnet::network::read_ports(text);
  ebpfnet::network::read_options(text);
  return 0;
}
