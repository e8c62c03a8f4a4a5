// How full the tables of the data plane are, counted in the tables themselves.
#pragma once

#include <array>
#include <vector>

#include "maps/abi/flow.h"
#include "maps/view/catalogue.hpp"

namespace ebpfnet::metrics {

// Flows by enum ebn_flow_kind; 0 holds what has no known kind.
using FlowKinds = std::array<std::size_t, EBN_FLOW_NEIGHBOUR + 1>;

struct Tables {
  std::vector<view::MapUsage> maps; // one per row of view::kMaps
  FlowKinds established{};
  FlowKinds unreplied{};
};

// Rows of an array count when they hold something. Takes as long as the tables are full: some
// milliseconds for empty ones, then about a microsecond per flow.
// `networks`: those whose row in `counters` stands for something; the rows themselves do not tell.
Result<Tables> read_tables(const view::Maps& maps, std::size_t networks);

} // namespace ebpfnet::metrics
