// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Interfaces that lead to the outside, and the addresses of the host.
#pragma once

#include "maps/abi/base.h"

struct ebn_uplink {
  struct ebn_addr addr4; // masquerade address; zero: none
  struct ebn_addr addr6;
};
EBN_ASSERT_SIZE(struct ebn_uplink, 32);
