// Makes the pins of the current map layout look as the build of layout 1 left them: its flow tables
// in its layout with everything that lives in them, and all pins under v1. What is attached goes on
// with the maps that it has, which no pin names any more.
//
// usage: ebn-as-v1 BPFFS
#include <bpf/bpf.h>

#include <cstdio>
#include <filesystem>

#include "loader/layouts/v1.hpp"

namespace ebpfnet {
namespace {

namespace fs = std::filesystem;
namespace v1 = loader::v1;

v1::Flow as_v1(const ebn_flow& flow) {
  v1::Flow out{};
  out.nat = flow.nat;
  out.nat_port = flow.nat_port;
  out.kind = flow.kind;
  out.proto = flow.proto;
  out.slot = flow.slot;
  out.peer_slot = flow.peer_slot;
  out.peer_port = flow.peer_port;
  out.flags = flow.flags;
  out.active = flow.active;
  out.unchecked = flow.unchecked;
  out.peer_sandbox = flow.peer_sandbox;
  out.created_ns = flow.created_ns;
  return out;
}

v1::Masq as_v1(const ebn_masq& port) {
  return {port.flow, port.slot, {}};
}

template <class Old, class Key, class Value>
Result<void> make(const view::MapView<Key, Value>& from, bpf_map_type type, const fs::path& maps) {
  const auto room = static_cast<__u32>(TRY(from.usage()).max_entries);
  UniqueFd fd(::bpf_map_create(type, from.name().c_str(), sizeof(Key), sizeof(Old), room, nullptr));
  if (!fd || ::bpf_obj_pin(fd.get(), (maps / from.name()).c_str()) != 0) {
    return fail_errno(errno, "make the map '{}'", from.name());
  }
  view::MapView<Key, Old> to(from.name(), std::move(fd));
  Result<void> first;
  TRY_VOID(from.walk([&](const Key& key, const Value& value) {
    if (first) {
      first = to.put(key, as_v1(value));
    }
  }));
  return first;
}

Result<void> run(const fs::path& bpffs) {
  const fs::path now = bpffs / fmt::format("v{}", +EBN_SCHEMA_VERSION);
  const fs::path old = bpffs / "v1";
  const auto maps = TRY(view::Maps::open(now / "maps"));
  fs::create_directories(old / "maps");
  TRY_VOID(make<v1::Flow>(maps->flows, BPF_MAP_TYPE_HASH, old / "maps"));
  TRY_VOID(make<v1::Flow>(maps->new_flows, BPF_MAP_TYPE_LRU_HASH, old / "maps"));
  TRY_VOID(make<v1::Masq>(maps->masq_ports, BPF_MAP_TYPE_HASH, old / "maps"));
  for (const view::MapRow& row : view::kMaps) {
    const UniqueFd fd(::bpf_obj_get((now / "maps" / row.name).c_str()));
    if (!fs::exists(old / "maps" / row.name) &&
        ::bpf_obj_pin(fd.get(), (old / "maps" / row.name).c_str()) != 0) {
      return fail_errno(errno, "pin the map '{}'", row.name);
    }
  }
  fs::rename(now / "links", old / "links");
  fs::remove_all(now);
  return {};
}

} // namespace
} // namespace ebpfnet

int main(int count, char** words) {
  if (count != 2) {
    std::fputs("usage: ebn-as-v1 BPFFS\n", stderr);
    return 2;
  }
  if (const auto done = ebpfnet::run(words[1]); !done) {
    std::fprintf(stderr, "Error: %s\n", done.error().story().c_str());
    return 1;
  }
  return 0;
}
