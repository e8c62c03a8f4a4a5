// Flags are looked up as they are parsed: --name VALUE, --name=VALUE, -n VALUE, -nVALUE, -xyz.
#include "cli/words.hpp"

namespace ebpfnet::cli {
namespace {

// Does the word after this flag belong to it?
bool value_follows(const Arguments& arguments, const std::string& word) {
  if (word.starts_with("--")) {
    return word.find('=') == std::string::npos && arguments.takes_value(word);
  }
  for (std::size_t i = 1; i < word.size(); ++i) {
    if (arguments.takes_value(std::string("-") + word[i])) {
      return i + 1 == word.size();
    }
  }
  return false;
}

} // namespace

SplitWords split_command(const Arguments& arguments, const std::vector<std::string>& words,
                         int names) {
  SplitWords split;
  auto word = words.begin();
  for (; word != words.end(); ++word) {
    if (*word == "--") {
      ++word;
      break;
    }
    bool is_flag = word->size() > 1 && word->starts_with('-');
    if (!is_flag && names-- == 0) {
      break;
    }
    split.own.push_back(*word);
    if (is_flag && value_follows(arguments, *word) && word + 1 != words.end()) {
      split.own.push_back(*++word);
    }
  }
  split.command.assign(word, words.end());
  return split;
}

} // namespace ebpfnet::cli
