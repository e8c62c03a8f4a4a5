// The flags and names that one command takes: declared, taken apart, shown in help. The parser's
// library stays behind this header, since every command includes it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "maps/types/error.hpp"

namespace CLI {
class App;
class Option;
} // namespace CLI

namespace ebpfnet::cli {

// One flag or name, just declared. Lives no longer than its Arguments.
class Argument {
public:
  explicit Argument(CLI::Option* option) : option_(option) {}

  Argument& type_name(const std::string& name); // of the value, in help
  Argument& required();                         // of a name: it must be there and not empty
  Argument& hidden();                           // not in help: refused as not built yet
  // Says what is wrong with a text; empty: nothing.
  Argument& check(std::function<std::string(const std::string&)> fault);

private:
  CLI::Option* option_;
};

class Arguments {
public:
  Arguments();
  ~Arguments();
  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;

  // `names`: "-f,--force" for flags, "SANDBOX" for a name. The variable keeps its value when the
  // words do not set it, and must live until they are parsed.
  Argument add_flag(const std::string& names, bool& value, const std::string& help = {});
  // Not set when the words do not say.
  Argument add_flag(const std::string& names, std::optional<bool>& value,
                    const std::string& help = {});
  Argument add_option(const std::string& names, std::string& value, const std::string& help = {});
  Argument add_option(const std::string& names, int& value, const std::string& help = {});
  // A name that may be given several times, and takes all words that are left.
  Argument add_option(const std::string& names, std::vector<std::string>& values,
                      const std::string& help = {});
  // A flag that takes one value each time it is given, and may be given again.
  Argument add_repeated(const std::string& names, std::vector<std::string>& values,
                        const std::string& help = {});
  // Without its short form -h, which some commands use otherwise.
  void set_long_help_flag();

  // Sets the variables. False: help was asked for. Errors: `invalid`, what is wrong with the words.
  Result<bool> parse(std::vector<std::string> words);

  // Does this flag ("--name", "-n") take the word that follows it? False also for unknown ones.
  bool takes_value(const std::string& flag) const;

  struct FlagHelp {
    std::vector<std::string> short_names, long_names; // without dashes
    std::string value;                                // name of its value; empty: it takes none
    std::string help;
  };
  std::vector<FlagHelp> flags() const; // that help shows, in the order of their declaration

private:
  std::unique_ptr<CLI::App> app_;
};

} // namespace ebpfnet::cli
