// CLI11 at work: see arguments.hpp. The only file of the command line that knows it.
#include "cli/arguments.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>

namespace ebpfnet::cli {
namespace {

// What CLI11 says about the words, in our form.
std::string story_of(const CLI::ParseError& error) {
  std::string text = error.what();
  constexpr std::string_view kExtras = "not expected: ";
  if (std::size_t at = text.find(kExtras); at != std::string::npos) {
    std::string words = text.substr(at + kExtras.size());
    bool flag = words.find('-') == 0;
    return fmt::format("{} '{}'", flag ? "unknown flag" : "unexpected argument", words);
  }
  return text;
}

} // namespace

Argument& Argument::type_name(const std::string& name) {
  option_->type_name(name);
  return *this;
}

Argument& Argument::required() {
  option_->required();
  // An empty name would make another path of the request.
  return check([](const std::string& text) {
    return text.empty() ? std::string("it must not be empty") : std::string();
  });
}

Argument& Argument::hidden() {
  option_->group("");
  return *this;
}

Argument& Argument::check(std::function<std::string(const std::string&)> fault) {
  option_->check(std::move(fault));
  return *this;
}

Arguments::Arguments() : app_(std::make_unique<CLI::App>()) {}
Arguments::~Arguments() = default;

Argument Arguments::add_flag(const std::string& names, bool& value, const std::string& help) {
  return Argument(app_->add_flag(names, value, help));
}

Argument Arguments::add_flag(const std::string& names, std::optional<bool>& value,
                             const std::string& help) {
  const auto set = [&value](std::int64_t times) { value = times > 0; }; // --flag=false: -1
  return Argument(app_->add_flag_function(names, set, help));
}

Argument Arguments::add_option(const std::string& names, std::string& value,
                               const std::string& help) {
  return Argument(app_->add_option(names, value, help));
}

Argument Arguments::add_option(const std::string& names, int& value, const std::string& help) {
  return Argument(app_->add_option(names, value, help));
}

Argument Arguments::add_option(const std::string& names, std::vector<std::string>& values,
                               const std::string& help) {
  return Argument(app_->add_option(names, values, help));
}

Argument Arguments::add_repeated(const std::string& names, std::vector<std::string>& values,
                                 const std::string& help) {
  // Without this CLI11 would let one flag swallow all words that follow.
  return Argument(app_->add_option(names, values, help)->allow_extra_args(false));
}

void Arguments::set_long_help_flag() {
  app_->set_help_flag("--help", "Show this text");
}

Result<bool> Arguments::parse(std::vector<std::string> words) {
  try {
    std::reverse(words.begin(), words.end());
    app_->parse(std::move(words));
  } catch (const CLI::CallForHelp&) {
    return false;
  } catch (const CLI::ParseError& error) {
    return fail(ErrorCode::invalid, "{}", story_of(error));
  }
  return true;
}

bool Arguments::takes_value(const std::string& flag) const {
  const CLI::Option* option = app_->get_option_no_throw(flag);
  return option != nullptr && option->get_items_expected_max() > 0;
}

std::vector<Arguments::FlagHelp> Arguments::flags() const {
  std::vector<FlagHelp> out;
  for (const CLI::Option* option : app_->get_options()) {
    // Positional words stand in the usage line.
    if (!option->nonpositional() || option->get_group().empty()) {
      continue;
    }
    out.push_back({option->get_snames(), option->get_lnames(),
                   option->get_items_expected_max() > 0 ? option->get_type_name() : std::string(),
                   option->get_description()});
  }
  return out;
}

} // namespace ebpfnet::cli
