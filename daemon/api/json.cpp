// Reader and Writer walk the key lists of json_fields.hpp. The reader stops at the first fault and
// keeps the path to it; depth is checked on the text, before the parser builds anything.
#include "daemon/api/json.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

#include "daemon/api/json_fields.hpp"

namespace ebpfnet::api {

namespace {

using nlohmann::json;

class Reader {
public:
  Reader(const json& object, std::string path, std::optional<Error>& error)
      : object_(object), path_(std::move(path)), error_(error) {}

  template <class T> void operator()(const char* key, T& out) {
    known_.emplace_back(key);
    if (auto found = object_.find(key); found != object_.end()) {
      read(*found, path_.empty() ? key : path_ + "." + key, out);
    }
  }

  template <class T> void inside(const char* outer, const char* key, T& out) {
    known_.emplace_back(outer);
    auto found = object_.find(outer);
    if (found == object_.end()) {
      return;
    }
    const std::string path = path_.empty() ? outer : path_ + "." + outer;
    if (!expect(found->is_object(), *found, path, "an object")) {
      return;
    }
    Reader inner(*found, path, error_);
    inner(key, out);
    inner.refuse_unknown_keys();
  }

  void refuse_unknown_keys() {
    for (const auto& item : object_.items()) {
      if (!error_ && std::ranges::find(known_, item.key()) == known_.end()) {
        error_ = Error{ErrorCode::invalid, 0,
                       path_.empty() ? fmt::format("unknown key '{}'", item.key())
                                     : fmt::format("{}: unknown key '{}'", path_, item.key()),
                       fmt::format("known keys are {}", fmt::join(known_, ", "))};
      }
    }
  }

private:
  bool expect(bool ok, const json& value, const std::string& path, std::string_view what) {
    if (!ok && !error_) {
      error_ = Error{ErrorCode::invalid,
                     0,
                     fmt::format("{}: expected {}, found {}", path, what, value.type_name()),
                     {}};
    }
    return ok;
  }

  void read(const json& value, const std::string& path, std::string& out) {
    if (!expect(value.is_string(), value, path, "a string")) {
      return;
    }
    out = value.get_ref<const std::string&>();
    refuse_nul(out, path + ":");
  }

  void refuse_nul(const std::string& text, std::string_view place) {
    if (text.find('\0') != std::string::npos && !error_) {
      error_ = Error{ErrorCode::invalid, 0, fmt::format("{} contains a NUL character", place), {}};
    }
  }

  void read(const json& value, const std::string& path, bool& out) {
    if (expect(value.is_boolean(), value, path, "true or false")) {
      out = value.get<bool>();
    }
  }

  template <std::integral Int> void read(const json& value, const std::string& path, Int& out) {
    if (!expect(value.is_number_integer(), value, path, "an integer")) {
      return;
    }
    const bool fits = value.is_number_unsigned() ? std::in_range<Int>(value.get<std::uint64_t>())
                                                 : std::in_range<Int>(value.get<std::int64_t>());
    if (fits) {
      out = value.get<Int>();
    } else if (!error_) {
      error_ = Error{ErrorCode::invalid,
                     0,
                     fmt::format("{}: {} is outside {}..{}", path, value.dump(),
                                 std::numeric_limits<Int>::min(), std::numeric_limits<Int>::max()),
                     {}};
    }
  }

  void read(const json& value, const std::string& path, StringMap& out) {
    if (!expect(value.is_object(), value, path, "an object of strings")) {
      return;
    }
    for (const auto& item : value.items()) {
      refuse_nul(item.key(), path + ": a key");
      read(item.value(), path + "." + item.key(), out[item.key()]);
    }
  }

  template <class T> void read(const json& value, const std::string& path, std::vector<T>& out) {
    if (!expect(value.is_array(), value, path, "an array")) {
      return;
    }
    out.clear();
    for (const json& element : value) {
      const std::string place = fmt::format("{}[{}]", path, out.size());
      read(element, place, out.emplace_back());
    }
  }

  template <class T> void read(const json& value, const std::string& path, std::optional<T>& out) {
    if (!value.is_null()) {
      read(value, path, out.emplace());
    }
  }

  template <class T> void read(const json& value, const std::string& path, T& out) {
    if (!expect(value.is_object(), value, path.empty() ? "request" : path, "an object")) {
      return;
    }
    Reader inner(value, path, error_);
    fields(inner, out);
    inner.refuse_unknown_keys();
    if (!error_) {
      check(out, path);
    }
  }

  template <class T> void check(T&, const std::string&) {}

  // One number stands for a range of one; the rest is what PortSpec::from demands of the text form.
  void check(PortSpec& spec, const std::string& path) {
    spec.host_last = spec.host_last == 0 ? spec.host_first : spec.host_last;
    spec.last = spec.last == 0 ? spec.first : spec.last;
    if (auto again = PortSpec::from(spec.to_string()); again) {
      spec = std::move(*again);
    } else {
      error_ = std::move(again).error().wrap(path);
    }
  }

  void check(RestartPolicy& policy, const std::string& path) {
    if (auto again = RestartPolicy::from(policy.to_string()); !again) {
      error_ = std::move(again).error().wrap(path);
    } else if (*again != policy) { // the text form of another: "on-failure:3" is not a name
      error_ = Error{
          ErrorCode::invalid, 0,
          fmt::format("{}.Name: expected no, always or on-failure, found '{}'", path, policy.name),
          "MaximumRetryCount holds the maximum"};
    }
  }

  template <class T> friend Result<T> api::parse(std::string_view body);

  const json& object_;
  std::string path_;
  std::optional<Error>& error_;
  std::vector<std::string> known_;
};

class Writer {
public:
  template <class T> void operator()(const char* key, const T& value) {
    object_[key] = write(value);
  }
  template <class T> void operator()(const char* key, const std::optional<T>& value) {
    if (value) {
      object_[key] = write(*value);
    }
  }
  template <class T> void inside(const char* outer, const char* key, const T& value) {
    object_[outer] = json{{key, write(value)}};
  }

  template <class T> static json write(const T& value) {
    if constexpr (std::is_constructible_v<json, const T&>) {
      return json(value);
    } else {
      Writer inner;
      fields(inner, value);
      return std::move(inner.object_);
    }
  }
  template <class T>
    requires(!std::same_as<T, std::string>)
  static json write(const std::vector<T>& values) {
    json array = json::array();
    for (const T& value : values) {
      array.push_back(write(value));
    }
    return array;
  }

private:
  json object_ = json::object();
};

bool nested_too_deeply(std::string_view text) {
  unsigned depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      i += c == '\\' ? 1 : 0;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxJsonDepth) {
        return true;
      }
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return false;
}

Result<json> parse_text(std::string_view body) {
  if (nested_too_deeply(body)) {
    return fail(ErrorCode::invalid, "JSON is nested deeper than {} levels", kMaxJsonDepth);
  }
  std::vector<std::set<std::string>> keys;
  std::optional<std::string> twice;
  auto watch = [&](int, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::object_start) {
      keys.emplace_back();
    } else if (event == json::parse_event_t::object_end && !keys.empty()) {
      keys.pop_back();
    } else if (event == json::parse_event_t::key && !keys.empty()) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys.back().insert(key).second) {
        twice = key;
      }
    }
    return true;
  };
  json parsed = json::parse(body, watch, false);
  if (parsed.is_discarded()) {
    return fail(ErrorCode::invalid, "the text is not valid JSON ({} bytes)", body.size());
  }
  if (twice) {
    return fail(ErrorCode::invalid, "key '{}' occurs twice in one object", *twice);
  }
  return parsed;
}

} // namespace

template <class T> Result<T> parse(std::string_view body) {
  auto text = parse_text(body);
  if (!text) {
    return Failure(std::move(text).error().wrap("invalid request body"));
  }
  std::optional<Error> error;
  T value;
  Reader(*text, "", error).read(*text, "", value);
  if (error) {
    return Failure(std::move(*error).wrap("invalid request body"));
  }
  return value;
}

template <class T> nlohmann::json to_json(const T& value) {
  return Writer::write(value);
}

#define EBN_REQUEST(T)                                                                             \
  template Result<T> parse<T>(std::string_view);                                                   \
  template nlohmann::json to_json<T>(const T&);
EBN_REQUEST(IpamConfig)
EBN_REQUEST(NetworkCreate)
EBN_REQUEST(EndpointConfig)
EBN_REQUEST(NetworkConnect)
EBN_REQUEST(NetworkDisconnect)
EBN_REQUEST(PortSpec)
EBN_REQUEST(RestartPolicy)
EBN_REQUEST(ProcessConfig)
EBN_REQUEST(SandboxCreate)
EBN_REQUEST(SandboxStart)
EBN_REQUEST(SandboxStop)
EBN_REQUEST(SandboxKill)
EBN_REQUEST(SandboxExec)
EBN_REQUEST(AttachReply)
#undef EBN_REQUEST

} // namespace ebpfnet::api
