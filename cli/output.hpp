// How listings look: aligned tables as Docker prints them, or one JSON array.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/command.hpp"

namespace ebpfnet::cli {

// Columns are as wide as their widest cell and three spaces, at least ten; the last one is not
// padded.
class Table {
public:
  explicit Table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string text() const;

private:
  std::vector<std::vector<std::string>> rows_;
};

// The flags of every listing command.
struct ListFlags {
  std::string format = "table";
  bool quiet = false;
  bool no_trunc = false;
  std::vector<std::string> filters;
};
void add_list_flags(Arguments& arguments, ListFlags& flags);
void add_filters(Arguments& arguments, const std::string& names, std::vector<std::string>& filters);
void add_format(Arguments& arguments, std::string& format, const std::string& help);

// Refuses what `--format` does not know; `table` says whether the command has a table form.
Result<void> check_format(Context& context, const std::string& format, bool table = true);
// -f "name=web" -f "name=db" -> {"name":["web","db"]}; empty text without filters.
Result<std::string> filters_json(Context& context, const std::vector<std::string>& filters);

// Prints rows, which are objects with Docker's keys, in the form that the flags ask for. `columns`:
// header and key. IDs are cut to 12 digits unless --no-trunc.
using Columns = std::vector<std::pair<std::string, std::string>>;
void print_list(const ListFlags& flags, const Columns& columns, nlohmann::json rows);

// Pretty JSON as Docker's inspect prints it.
void print_json(const nlohmann::json& json);
// An indented tree of keys and values, for people.
std::string tree_text(const nlohmann::json& json, int indent = 0);

// A member as text: strings as they are, numbers and booleans spelled, arrays joined by ",",
// objects as "k=v,k=v".
std::string text_at(const nlohmann::json& object, const char* key);

} // namespace ebpfnet::cli
