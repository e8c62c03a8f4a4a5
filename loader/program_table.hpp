// The programs and where each belongs: one row per program. Everything that loads, attaches or
// lists them walks this table.
#pragma once

#include <bpf/libbpf.h>

#include <memory>
#include <span>
#include <string_view>

#include "maps/abi/config.h"
#include "maps/types/error.hpp"

namespace ebpfnet::loader {

enum class Hook {
  tc_ingress,
  tc_egress,
  cgroup,
  none, // attached nowhere: the loader runs it
};

struct ProgramRow {
  std::string_view name; // of the program, its object and its pins
  Hook hook;
  std::string_view kernel; // oldest kernel whose features it needs
  // Opens the object that was compiled in, with `config` as its read-only data; not yet loaded.
  Result<bpf_object*> (*open)(const ebn_config& config);
  bpf_attach_type cgroup_type = {}; // Hook::cgroup only
};

std::span<const ProgramRow> program_table();

struct BpfObjectDeleter {
  void operator()(bpf_object* object) const noexcept { ::bpf_object__close(object); }
};
using BpfObject = std::unique_ptr<bpf_object, BpfObjectDeleter>;

} // namespace ebpfnet::loader
