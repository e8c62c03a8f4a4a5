// Typed access to one BPF map through its file descriptor. Every call is one bpf(2) system call and
// is atomic per element; errors carry errno and the map's name.
#pragma once

#include <bpf/bpf.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "maps/types/error.hpp"
#include "maps/types/unique_fd.hpp"

namespace ebpfnet::view {

struct MapUsage {
  std::string name;
  std::size_t entries = 0;
  std::size_t max_entries = 0;
};

template <class Key, class Value> class MapView {
public:
  MapView() = default;
  MapView(std::string name, UniqueFd fd) : name_(std::move(name)), fd_(std::move(fd)) {}

  // Inserts or replaces.
  Result<void> put(const Key& key, const Value& value) {
    if (::bpf_map_update_elem(fd_.get(), &key, &value, BPF_ANY) != 0) {
      return error("write to");
    }
    return {};
  }

  // Inserts, and says whether it did: false if the key is there.
  Result<bool> insert(const Key& key, const Value& value) {
    if (::bpf_map_update_elem(fd_.get(), &key, &value, BPF_NOEXIST) == 0) {
      return true;
    }
    if (errno == EEXIST) {
      return false;
    }
    return error("write to");
  }

  // Nothing under the key is an empty optional, not an error.
  Result<std::optional<Value>> get(const Key& key) const {
    Value value{};
    if (::bpf_map_lookup_elem(fd_.get(), &key, &value) == 0) {
      return std::optional<Value>(value);
    }
    if (errno == ENOENT) {
      return std::optional<Value>();
    }
    return error("read from");
  }

  // Removing what is not there is success.
  Result<void> remove(const Key& key) {
    if (::bpf_map_delete_elem(fd_.get(), &key) != 0 && errno != ENOENT) {
      return error("remove from");
    }
    return {};
  }

  // All keys at some moment: elements that come or go meanwhile may or may not be among them, and a
  // key may be there twice, since the kernel begins anew when the key it stands on is removed. The
  // walk ends after as many steps as the map has room for.
  Result<std::vector<Key>> keys() const {
    const bpf_map_info about = TRY(info());
    std::vector<Key> out;
    Key next{};
    while (out.size() < about.max_entries) {
      if (::bpf_map_get_next_key(fd_.get(), out.empty() ? nullptr : &out.back(), &next) != 0) {
        if (errno != ENOENT) {
          return error("list");
        }
        break;
      }
      out.push_back(next);
    }
    return out;
  }

  // Calls visit(key, value) for every element; in an array that is every row. Reads in batches
  // (BPF_MAP_LOOKUP_BATCH, Linux 5.6; LPM tries 5.13): a full table of 131072 flows takes about a
  // tenth of a second, a third of what keys() takes. Elements that come or go meanwhile may or may
  // not be seen; none is seen twice in a hash table. The visitor itself may remove elements.
  template <class Visit> Result<void> walk(Visit visit) const {
    constexpr __u32 kBatch = 2048;
    std::vector<Key> keys(kBatch);
    std::vector<Value> values(kBatch);
    // Where to go on, in the kernel's terms: a bucket number in hash tables, a key elsewhere.
    struct Position {
      alignas(Key) std::array<std::byte, std::max(sizeof(Key), sizeof(__u32))> bytes{};
    };
    Position reached;
    Position next;
    bool begun = false;
    for (int interrupted = 0; interrupted < kRetries;) {
      __u32 count = kBatch;
      const int rc = ::bpf_map_lookup_batch(fd_.get(), begun ? &reached : nullptr, &next,
                                            keys.data(), values.data(), &count, nullptr);
      const int problem = rc == 0 ? 0 : errno;
      if (problem != 0 && problem != ENOENT && problem != EINTR) {
        return error("list");
      }
      for (__u32 i = 0; i < count; ++i) {
        visit(std::as_const(keys[i]), std::as_const(values[i]));
      }
      if (problem == ENOENT) {
        return {};
      }
      if (count > 0) {
        reached = next;
        begun = true;
      }
      // In a trie: elements went away faster than the kernel could look.
      interrupted += problem == EINTR ? 1 : 0;
    }
    errno = EINTR;
    return error("list");
  }

  // Counts the elements: see walk.
  Result<MapUsage> usage() const {
    std::size_t entries = 0;
    TRY_VOID(walk([&](const Key&, const Value&) { ++entries; }));
    return usage_of(entries);
  }
  // The same, when the number is known.
  Result<MapUsage> usage_of(std::size_t entries) const {
    const bpf_map_info about = TRY(info());
    return MapUsage{name_, entries, about.max_entries};
  }

  int fd() const { return fd_.get(); }
  const std::string& name() const { return name_; }

private:
  static constexpr int kRetries = 100;

  Result<bpf_map_info> info() const {
    bpf_map_info out{};
    __u32 length = sizeof out;
    if (::bpf_obj_get_info_by_fd(fd_.get(), &out, &length) != 0) {
      return error("inspect");
    }
    return out;
  }

  Failure error(std::string_view doing) const {
    auto failure = fail_errno(errno, "{} map '{}'", doing, name_);
    if (failure.error().sys_errno == E2BIG || failure.error().sys_errno == ENOSPC) {
      failure.error().code = ErrorCode::exhausted;
    }
    return failure;
  }

  std::string name_;
  UniqueFd fd_;
};

// A queue that programs empty.
template <class Value> class QueueView {
public:
  QueueView() = default;
  QueueView(std::string name, UniqueFd fd) : name_(std::move(name)), fd_(std::move(fd)) {}

  Result<void> push(const Value& value) {
    if (::bpf_map_update_elem(fd_.get(), nullptr, &value, BPF_ANY) != 0) {
      return fail_errno(errno, "write to map '{}'", name_);
    }
    return {};
  }

private:
  std::string name_;
  UniqueFd fd_;
};

} // namespace ebpfnet::view
