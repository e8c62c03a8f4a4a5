#include "daemon/network/signals.hpp"

#include <signal.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>

namespace ebpfnet::network {

Result<int> parse_signal(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size() && number > 0 && number < NSIG) {
    return number;
  }
  std::string name(text);
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (name.starts_with("SIG")) {
    name.erase(0, 3);
  }
  for (int candidate = 1; candidate < NSIG; ++candidate) {
    const char* abbreviation = ::sigabbrev_np(candidate);
    if (abbreviation != nullptr && name == abbreviation) {
      return candidate;
    }
  }
  return fail(ErrorCode::invalid, "invalid signal: {}", text);
}

} // namespace ebpfnet::network
