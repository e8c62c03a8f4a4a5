// Tables, JSON and trees: see output.hpp.
#include "cli/output.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace ebpfnet::cli {
namespace {

constexpr std::size_t kPadding = 3;
constexpr std::size_t kMinWidth = 10;
constexpr std::size_t kShortId = 12;

// Number of characters, for UTF-8.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string text_of(const nlohmann::json& value) {
  if (value.is_string()) {
    return value.get<std::string>();
  }
  if (value.is_null()) {
    return {};
  }
  if (!value.is_structured()) {
    return value.dump();
  }
  std::string text;
  for (const auto& [key, item] : value.items()) {
    text += text.empty() ? "" : ",";
    text += value.is_object() ? key + "=" + text_of(item) : text_of(item);
  }
  return text;
}

std::string dump(const nlohmann::json& json, int indent) {
  return json.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

} // namespace

std::string Table::text() const {
  std::vector<std::size_t> widths(rows_.front().size(), kMinWidth);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], width_of(row[i]) + kPadding);
    }
  }
  std::string out;
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      bool last = i + 1 == row.size();
      out += row[i] + (last ? "\n" : std::string(widths[i] - width_of(row[i]), ' '));
    }
  }
  return out;
}

void add_list_flags(Arguments& arguments, ListFlags& flags) {
  add_format(arguments, flags.format, "table or json");
  arguments.add_flag("-q,--quiet", flags.quiet, "Print ids only");
  arguments.add_flag("--no-trunc", flags.no_trunc, "Print ids in full");
  add_filters(arguments, "-f,--filter", flags.filters);
}

void add_filters(Arguments& arguments, const std::string& names,
                 std::vector<std::string>& filters) {
  arguments.add_repeated(names, filters, "Only objects that match, as KEY=VALUE; may be repeated")
      .type_name("FILTER");
}

void add_format(Arguments& arguments, std::string& format, const std::string& help) {
  arguments.add_option("--format", format, help).type_name("FORMAT");
}

Result<void> check_format(Context& context, const std::string& format, bool table) {
  if (format == "json" || (table && format == "table")) {
    return {};
  }
  std::string hint = "use --format json, for example with jq";
  if (format.find("{{") != std::string::npos) {
    return context.usage(fmt::format("--format '{}': Go templates are not supported", format),
                         hint);
  }
  return context.usage(
      fmt::format("--format '{}': expected {}", format, table ? "table or json" : "json"), hint);
}

Result<std::string> filters_json(Context& context, const std::vector<std::string>& filters) {
  if (filters.empty()) {
    return std::string();
  }
  nlohmann::json json = nlohmann::json::object();
  for (const std::string& filter : filters) {
    std::size_t equals = filter.find('=');
    if (equals == std::string::npos || equals == 0) {
      return context.usage(fmt::format("filter '{}' has not the form KEY=VALUE", filter),
                           "for example --filter name=web");
    }
    json[filter.substr(0, equals)].push_back(filter.substr(equals + 1));
  }
  return dump(json, -1);
}

void print_list(const ListFlags& flags, const Columns& columns, nlohmann::json rows) {
  std::vector<std::string> header;
  for (const auto& [title, key] : columns) {
    header.push_back(title);
  }
  Table table(header);
  for (nlohmann::json& row : rows) {
    if (!flags.no_trunc) {
      row["ID"] = text_at(row, "ID").substr(0, kShortId);
    }
    std::vector<std::string> cells;
    for (const auto& [title, key] : columns) {
      cells.push_back(text_at(row, key.c_str()));
    }
    table.add(std::move(cells));
    if (flags.quiet) {
      fmt::print("{}\n", text_at(row, "ID"));
    }
  }
  if (flags.quiet) {
    return;
  }
  fmt::print("{}", flags.format == "json" ? dump(rows, 2) + "\n" : table.text());
}

void print_json(const nlohmann::json& json) {
  fmt::print("{}\n", dump(json, 4));
}

std::string tree_text(const nlohmann::json& json, int indent) {
  std::string out;
  for (const auto& [key, value] : json.items()) {
    std::string name = json.is_array() ? "-" : key + ":";
    bool flat =
        !value.is_structured() ||
        std::none_of(value.begin(), value.end(), [](const auto& v) { return v.is_structured(); });
    bool inline_list = value.is_array() && flat;
    if (!value.is_structured() || value.empty() || inline_list) {
      std::string text = value.is_structured() && value.empty() ? "none" : text_of(value);
      out += fmt::format("{:{}}{} {}\n", "", indent, name, text);
    } else {
      out += fmt::format("{:{}}{}\n{}", "", indent, name, tree_text(value, indent + 2));
    }
  }
  return out;
}

std::string text_at(const nlohmann::json& object, const char* key) {
  auto it = object.find(key);
  return it == object.end() ? std::string() : text_of(*it);
}

} // namespace ebpfnet::cli
