/* SPDX-License-Identifier: ISC */
/* policy.h - the kernel's rules (ip-rule(8)) by which a marked packet is looked up in the routing
 * table of a VRF, and nowhere else. */
#ifndef ENFORCE_POLICY_H
#define ENFORCE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct policy_table {
	uint32_t mark, table;
};

/* Brings our rules, and no others, to these: a table each, and behind them one by which a marked
 * packet that no table knows is unreachable.  None at all for no tables.  What is there already
 * stays untouched; what is new comes before anything goes. */
bool policy_bring(const struct policy_table *tables, size_t n, struct err *e);

#endif
