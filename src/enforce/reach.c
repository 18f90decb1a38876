/* SPDX-License-Identifier: ISC */
/* reach.c - see reach.h.
 *
 * Each bit says "some destination of this length", of whichever VRF, and user space counts how
 * many: a bit is set with the first and cleared with the last.  A bit too many costs a packet a
 * probe, one too few would be wrong, so a bit is set when its node is there and cleared before it
 * goes.
 *
 * Sources set a bit by the hash of their first bits, of as many as their tier counts, and each tier
 * that is in use is asked for.
 *
 * When blocks run out, the bits of a /16 as a whole have to do.
 */
#include "enforce/reach.h"

#include <stdlib.h>

#include "enforce/box.h"

bool reach_init(struct reach *r, struct xdp_tables *t)
{
	*r = (struct reach){ .t = t };
	r->ipv4_short = calloc(REACH_SHORT, sizeof(*r->ipv4_short));
	r->ipv4_middle = calloc(XDP_DEEP_BLOCKS, sizeof(*r->ipv4_middle));
	r->ipv4 = calloc(XDP_IPV4_CELLS, sizeof(*r->ipv4));
	r->ipv4_deep = calloc(XDP_DEEP, sizeof(*r->ipv4_deep));
	r->ipv6 = calloc(XDP_IPV6_CELLS, sizeof(*r->ipv6));
	r->seen = calloc(XDP_SEEN, sizeof(*r->seen));
	return space_init(&r->blocks, XDP_DEEP_BLOCKS) && r->seen != NULL &&
	       r->ipv4_short != NULL && r->ipv4_middle != NULL && r->ipv4 != NULL &&
	       r->ipv4_deep != NULL && r->ipv6 != NULL;
}

void reach_done(struct reach *r)
{
	space_done(&r->blocks);
	free(r->ipv4_short);
	free(r->ipv4_middle);
	free(r->ipv4);
	free(r->ipv4_deep);
	free(r->ipv6);
	free(r->seen);
}

void reach_grace(struct reach *r)
{
	space_grace(&r->blocks);
}

#define SET_BIT(word, bit, on)                                                                     \
	__atomic_store_n(&(word),                                                                  \
			 (__typeof__(word))((on) ? (word) | UINT64_C(1) << (bit)                   \
						 : (word) & ~(UINT64_C(1) << (bit))),              \
			 __ATOMIC_RELEASE)

/* One more or one less: 1 when that was the first, -1 when it was the last, else 0. */
static int count(uint32_t *counter, bool on)
{
	if (on)
		return (*counter)++ == 0;
	return --*counter == 0 ? -1 : 0;
}

/* The same of VRFs, which are no more than an octet holds. */
static bool turns(uint8_t *counter, bool on)
{
	*counter = (uint8_t)(on ? *counter + 1 : *counter - 1);
	return *counter == on;
}

/* A number for each prefix of up to length bits of a word of so many. */
static uint32_t prefix_number(uint32_t word, unsigned bits, unsigned length)
{
	return UINT32_C(1) << length | word >> (bits - length);
}

/* ---- IPv4 ----------------------------------------------------------------------------- */

/* The cells of one block that a prefix of 17 bits or more covers, or is in. */
static void deep_change(struct reach *r, uint32_t block, uint32_t address, unsigned length, bool on)
{
	uint32_t first = block << 8 | (address >> 8 & 0xff);
	uint32_t n = length < 24 ? UINT32_C(1) << (24 - length) : 1;

	if (length > 24) {
		uint16_t *uses = &r->ipv4_deep[first][32 - length];

		*uses = (uint16_t)(on ? *uses + 1 : *uses - 1);
		if (*uses == (on ? 1 : 0))
			SET_BIT(r->t->ipv4_deep[first], 32 - length, on);
		return;
	}
	if (!turns(&r->ipv4_middle[block][prefix_number(address >> 8 & 0xff, 8, length - 16)], on))
		return;
	for (uint32_t i = 0; i < n; i++)
		SET_BIT(r->t->ipv4_deep[first + i], 32 - length, on);
}

static uint32_t nodes_below(const struct reach *r, uint32_t cell)
{
	uint32_t n = 0;

	for (int i = 0; i < 16; i++)
		n += r->ipv4[cell][i];
	return n;
}

static void ipv4_long(struct reach *r, uint32_t address, unsigned length, bool on)
{
	uint32_t number = address >> 16, block;
	struct xdp_ipv4_cell *cell = &r->t->ipv4[number];
	int change;

	if (on && nodes_below(r, number) == 0) {
		block = space_take(&r->blocks, 1); /* all zeros: so they are left */
		if (block != 0)
			deep_change(r, block, address, length, true);
		__atomic_store_n(&cell->block, block, __ATOMIC_RELEASE);
	} else if (cell->block != 0) {
		deep_change(r, cell->block, address, length, on);
	}
	change = count(&r->ipv4[number][32 - length], on);
	if (change != 0)
		SET_BIT(cell->lengths, 32 - length, change > 0);
	if (!on && cell->block != 0 && nodes_below(r, number) == 0) {
		block = cell->block;
		__atomic_store_n(&cell->block, 0, __ATOMIC_RELEASE);
		space_leave(&r->blocks, block, 1);
	}
}

static void ipv4_change(struct reach *r, uint32_t address, unsigned length, bool on)
{
	uint32_t first = address >> 16, n = length < 16 ? UINT32_C(1) << (16 - length) : 1;

	if (length > 16) {
		ipv4_long(r, address, length, on);
		return;
	}
	if (!turns(&r->ipv4_short[prefix_number(first, 16, length)], on))
		return;
	for (uint32_t i = 0; i < n; i++)
		SET_BIT(r->t->ipv4[first + i].lengths, 32 - length, on);
}

/* ---- IPv6 ----------------------------------------------------------------------------- */

static void ipv6_set(struct xdp_tables *t, uint32_t cell, unsigned length, bool on)
{
	unsigned bit = xdp_ipv6_bit(length);

	if (length > 64)
		SET_BIT(t->ipv6_64[cell], bit, on);
	else if (length >= 48)
		SET_BIT(t->ipv6_48[cell], bit, on);
	else if (length >= 40)
		SET_BIT(t->ipv6_40[cell], bit, on);
	else if (length >= 32)
		SET_BIT(t->ipv6_32[cell], bit, on);
	else
		SET_BIT(t->ipv6_short, bit, on);
}

static void ipv6_change(struct reach *r, uint64_t first, unsigned length, bool on)
{
	uint32_t cell = xdp_ipv6_cell(first, length, r->t->seed);
	int change = count(length < 32 ? &r->ipv6_short[length] : &r->ipv6[cell][length - 32], on);

	if (change != 0)
		ipv6_set(r->t, cell, length, change > 0);
}

bool reach_has_cell(uint16_t mask)
{
	return mask < XDP_MASK_IPV6 || (box_mask_offset(mask) == 0 && box_mask_length(mask) > 0);
}

static void reach_change(struct reach *r, uint16_t mask, const uint64_t address[2], bool on)
{
	if (mask < XDP_MASK_IPV6)
		ipv4_change(r, (uint32_t)address[0], box_mask_length(mask), on);
	else if (reach_has_cell(mask))
		ipv6_change(r, address[0], box_mask_length(mask), on);
}

void reach_add(struct reach *r, uint16_t mask, const uint64_t address[2])
{
	reach_change(r, mask, address, true);
}

void reach_remove(struct reach *r, uint16_t mask, const uint64_t address[2])
{
	reach_change(r, mask, address, false);
}

/* ---- Sources -------------------------------------------------------------------------- */

enum xdp_tier reach_tier(uint16_t mask)
{
	unsigned number = mask & ~XDP_MASK_SOURCE, length = box_mask_length(number);

	if (number < XDP_MASK_IPV6)
		return length >= 24   ? XDP_TIER_IPV4_24
		       : length >= 16 ? XDP_TIER_IPV4_16
				      : XDP_TIER_IPV4_ANY;
	if (box_mask_offset(number) > 0)
		return XDP_TIER_IPV6_ANY;
	return length >= 64   ? XDP_TIER_IPV6_64
	       : length >= 48 ? XDP_TIER_IPV6_48
	       : length >= 32 ? XDP_TIER_IPV6_32
			      : XDP_TIER_IPV6_ANY;
}

static void source_change(struct reach *r, uint16_t mask, const uint64_t address[2], bool on)
{
	enum xdp_tier tier = reach_tier(mask);
	uint32_t bit = xdp_seen(tier, address[0], r->t->seed);
	int change = count(&r->seen[bit], on);

	if (change != 0)
		SET_BIT(r->t->source_seen[bit / 64], bit % 64, change > 0);
	change = count(&r->tiers[tier], on);
	if (change != 0)
		SET_BIT(r->t->source_tiers, tier, change > 0);
}

void reach_add_source(struct reach *r, uint16_t mask, const uint64_t address[2])
{
	source_change(r, mask, address, true);
}

void reach_remove_source(struct reach *r, uint16_t mask, const uint64_t address[2])
{
	source_change(r, mask, address, false);
}
