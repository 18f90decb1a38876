/* SPDX-License-Identifier: ISC */
/* sets.h - sets of masks, in the order in which packets try them; equal ones are kept once. */
#ifndef ENFORCE_SETS_H
#define ENFORCE_SETS_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/xdp_tables.h"
#include "enforce/space.h"

/* How often each mask is in use, in order. */
struct sets_uses {
	unsigned count, room;
	struct {
		uint16_t mask;
		uint32_t uses;
	} * list;
};

struct sets {
	struct xdp_set *table; /* XDP_SETS of them */
	struct space space;
	uint32_t refs[XDP_SETS];
	uint64_t hash[XDP_SETS];
};

/* False when memory is out. */
bool sets_init(struct sets *s, struct xdp_set *table);
void sets_done(struct sets *s);
/* The number of the set of these masks, which is then referred to once more; 0 when there are none.
 * False when there is no room. */
bool sets_need(struct sets *s, const struct sets_uses *u, uint32_t *ret);
void sets_drop(struct sets *s, uint32_t number);
void sets_grace(struct sets *s);

/* How often the mask is in use. */
uint32_t sets_used(const struct sets_uses *u, uint16_t mask);
/* Once more; false when memory is out. */
bool sets_use(struct sets_uses *u, uint16_t mask);
void sets_unuse(struct sets_uses *u, uint16_t mask);

#endif
