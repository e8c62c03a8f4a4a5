// What was asked for, on disk: JSON documents by kind and id in DIR/state.db. A change is durable
// when apply returns, and a set of changes happens whole or not at all. A file that is damaged or
// newer than this build is refused untouched.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "maps/types/error.hpp"

namespace ebpfnet::state {

inline constexpr int kSchemaVersion = 1;

struct Record {
  std::string id;
  std::string name;
  nlohmann::json doc;
};

struct Change {
  enum class Op { put, remove };
  Op op = Op::put;
  std::string kind; // network, sandbox, endpoint, setting
  std::string id;
  std::string name; // unique within the kind unless empty
  nlohmann::json doc;
};

// Safe to use from several threads at once.
class Store {
public:
  // Makes DIR (0700) and the file (0600) when they are missing.
  static Result<Store> open(const std::filesystem::path& dir);
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  // Whether changes can be stored at all, asked before anything is done for one. An error when the
  // directory has become read-only, also where this process could still write to its open files:
  // the next start could not.
  Result<void> check_writable() const;
  // One transaction. `put` replaces the record of that kind and id; removing what is not there is
  // no error. Errors: `conflict` (the name is taken), `exhausted` (disk full), `invalid` (not
  // UTF-8); those of check_writable.
  Result<void> apply(std::span<const Change> changes);
  // All records of a kind, ordered by id.
  Result<std::vector<Record>> load(std::string_view kind);

private:
  struct Inner;
  explicit Store(std::unique_ptr<Inner> inner);
  std::unique_ptr<Inner> inner_;
};

} // namespace ebpfnet::state
