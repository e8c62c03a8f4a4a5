// What the fuzz targets share: each is one file with LLVMFuzzerTestOneInput, which gives any bytes
// to a parser of the product and then demands what must hold of whatever the parser accepts.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

// A broken promise ends the program, so that libFuzzer keeps the input. Also without assertions.
#define DEMAND(condition)                                                                          \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);          \
      std::abort();                                                                                \
    }                                                                                              \
  } while (0)

namespace ebpfnet::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// The lines of a text, for parsers that take several texts. There is always one.
inline std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (true) {
    const auto end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) {
      return lines;
    }
    text.remove_prefix(end + 1);
  }
}

// A refusal is for people: it has words, and they are not those of a programming error.
template <class Result> void demand_story(const Result& refused) {
  DEMAND(!refused.error().message.empty());
}

// Is it accepted, as this value?
template <class Result, class T> bool gives(const Result& result, const T& value) {
  return result.has_value() && *result == value;
}

inline bool has_nul(std::string_view text) {
  return text.find('\0') != std::string_view::npos;
}

} // namespace ebpfnet::fuzz
