/* SPDX-License-Identifier: ISC */
/* reach.h - which destination lengths a packet has to try, and whether any source: the direct
 * tables before the nodes. */
#ifndef ENFORCE_REACH_H
#define ENFORCE_REACH_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/xdp_tables.h"
#include "enforce/sets.h"

enum {
	REACH_SHORT = 1 << 17, /* prefixes */
	REACH_MIDDLE = 1 << 9
};

struct reach {
	struct xdp_tables *t;
	struct space blocks;
	/* How many VRFs have this prefix: of up to 16 bits, and of 17 to 24 by its cell's block. */
	uint8_t *ipv4_short, (*ipv4_middle)[REACH_MIDDLE];
	uint32_t (*ipv4)[16];       /* nodes with lengths from 17 on, by cell and 32 - length */
	uint16_t (*ipv4_deep)[8];   /* those from 25 on, by the cell's block's cell */
	uint32_t (*ipv6)[129 - 32]; /* by cell and length - 32 */
	uint32_t ipv6_short[32];    /* by length */
	uint32_t *seen, tiers[XDP_TIERS]; /* sources, by the bit they set and by tier */
};

/* False when memory is out. */
bool reach_init(struct reach *r, struct xdp_tables *t);
void reach_done(struct reach *r);
/* Is there a cell for destinations of this mask?  IPv6 has none for length 0 and for masks with an
 * offset: they are a set, and not this file's. */
bool reach_has_cell(uint16_t mask);
/* Packets for this destination try its mask from now on; the node is there. */
void reach_add(struct reach *r, uint16_t mask, const uint64_t address[2]);
/* This destination is no more.  With another VRF it may be there still. */
void reach_remove(struct reach *r, uint16_t mask, const uint64_t address[2]);
/* How much of a source of this mask is looked up. */
enum xdp_tier reach_tier(uint16_t mask);
/* The same of a source, whichever destination's it is; all masks are this file's. */
void reach_add_source(struct reach *r, uint16_t mask, const uint64_t address[2]);
void reach_remove_source(struct reach *r, uint16_t mask, const uint64_t address[2]);
void reach_grace(struct reach *r);

#endif
