/* SPDX-License-Identifier: ISC */
/* The rules read back out of the classifier's tables: equal to what was put there, and each kind of
 * damage is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "enforce/index.h"
#include "enforce/plan.h"
#include "enforce/readback.h"

enum {
	RULES = 600,
	NLRI_ROOM = 2 * XDP_STORE_OCTETS
};

/* The kernel, as far as the index sees it. */
struct kernel {
	struct xdp_tables *t;
	struct xdp_store *store;
	struct xdp_rule *full;
	struct index *index;
	struct index_rule *entry[RULES + 1]; /* by slot */
	struct flow_nlri nlri[RULES + 1];
	unsigned vrf[RULES + 1];
	uint8_t octets[RULES + 1][NLRI_ROOM];
	int fresh[RULES + 1]; /* the round in which the slot's rule came or went */
	/* What readback said: */
	unsigned found, faults;
	uint32_t slot; /* the last one with a fault */
	const char *fault;
};

static bool write_full(void *ctx, uint32_t number, const struct flow_nlri *n, struct err *e)
{
	struct kernel *k = ctx;

	return plan_rule_make(n, &k->full[number], e);
}

static bool read_full(void *ctx, uint32_t number, struct xdp_rule *ret)
{
	const struct kernel *k = ctx;

	if (number >= XDP_FULL)
		return false;
	*ret = k->full[number];
	return true;
}

static bool grace(void *ctx, struct err *e)
{
	(void)ctx;
	(void)e;
	return true;
}

static void found(void *ctx, uint32_t slot, const struct flow_nlri *n, unsigned vrf,
		  const char *fault)
{
	struct kernel *k = ctx;

	k->found++;
	if (fault == NULL) {
		assert_true(slot <= RULES && flow_nlri_equal(n, &k->nlri[slot]));
		assert_int_equal(vrf, k->vrf[slot]);
		return;
	}
	k->faults++;
	k->slot = slot;
	k->fault = fault;
}

static void look(struct kernel *k)
{
	struct readback_kernel r = {
		.t = k->t, .store = k->store, .ctx = k, .read_full = read_full, .found = found
	};

	k->found = k->faults = 0;
	k->fault = NULL;
	assert_true(readback(&r));
}

static uint32_t random_state;

static uint32_t below(uint32_t n)
{
	random_state = random_state * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(random_state >> 8) * n >> 24);
}

/* Component octets: `destination`, `source` IPv4 prefixes, or an IPv6 one, with something behind
 * that makes each rule another one. */
static size_t make_nlri(uint8_t *o, uint32_t slot, enum flow_family family)
{
	size_t n = 0;
	unsigned len = 8 * below(5);

	if (family == FLOW_IPV6) {
		static const uint8_t lens[] = { 16, 32, 48, 64, 96, 128 };
		uint8_t l = lens[below(6)], offset = below(4) == 0 ? 8 : 0;

		o[n++] = 1;
		o[n++] = l;
		o[n++] = offset;
		for (unsigned i = 0; i < (l - offset) / 8u; i++)
			o[n++] = (uint8_t)(i < 2 ? 0x20 : below(3));
	} else if (below(8) != 0) {
		o[n++] = 1;
		o[n++] = (uint8_t)len;
		for (unsigned i = 0; i < len / 8; i++)
			o[n++] = (uint8_t)(i == 0 ? 192 : below(3));
	}
	if (family == FLOW_IPV4 && below(3) == 0) {
		len = 8 + 8 * below(4);
		o[n++] = 2;
		o[n++] = (uint8_t)len;
		for (unsigned i = 0; i < len / 8; i++)
			o[n++] = (uint8_t)(i == 0 ? 198 : below(2));
	}
	if (below(2) == 0) { /* protocol =6 or =17 */
		o[n++] = 3;
		o[n++] = 0x81;
		o[n++] = below(2) ? 6 : 17;
	}
	/* destination-port =slot, and with some =1 =3 ... as well, so that it is a full test */
	o[n++] = 5;
	for (unsigned i = 0; slot % 50 == 0 && i < 18; i++) {
		o[n++] = 0x01;
		o[n++] = (uint8_t)(2 * i + 1);
	}
	o[n++] = 0x91;
	o[n++] = (uint8_t)(4 + slot / 256);
	o[n++] = (uint8_t)slot;
	if (below(10) == 0) { /* dscp =10: an extra */
		o[n++] = 11;
		o[n++] = 0x81;
		o[n++] = 10;
	}
	assert_true(n <= NLRI_ROOM);
	return n;
}

static void store_write(struct kernel *k, uint32_t slot)
{
	const struct flow_nlri *n = &k->nlri[slot];
	size_t first = n->len < XDP_STORE_OCTETS ? n->len : XDP_STORE_OCTETS;

	k->store[slot] = (struct xdp_store){ .in_force = 1,
					     .len = (__u16)n->len,
					     .family = n->family == FLOW_IPV6 ? XDP_IPV6 : XDP_IPV4,
					     .vrf = (__u8)k->vrf[slot] };
	memcpy(k->store[slot].octets, n->octets, first);
	if (first < n->len) {
		k->store[slot].next = XDP_SLOTS + slot;
		memcpy(k->store[XDP_SLOTS + slot].octets, n->octets + first, n->len - first);
	}
}

static void add_in(struct kernel *k, unsigned vrf, uint32_t slot, enum flow_family family,
		   size_t len)
{
	struct err e = { 0 };

	k->vrf[slot] = vrf;
	k->nlri[slot] = (struct flow_nlri){
		.family = family, .vpn = vrf != 0, .octets = k->octets[slot], .len = len
	};
	assert_true(flow_nlri_check(&k->nlri[slot], &e));
	k->entry[slot] = index_add(k->index, &k->nlri[slot], vrf, slot, &e);
	if (k->entry[slot] == NULL)
		fail_msg("slot %u: %s", slot, e.text);
	store_write(k, slot);
}

static void add_nlri(struct kernel *k, uint32_t slot, enum flow_family family, size_t len)
{
	add_in(k, 0, slot, family, len);
}

static void add(struct kernel *k, uint32_t slot)
{
	static const unsigned vrfs[] = { 0, 0, 1, 5, XDP_VRFS - 1 };
	enum flow_family family = below(3) == 0 ? FLOW_IPV6 : FLOW_IPV4;
	unsigned vrf = vrfs[below(5)];
	size_t rd = vrf != 0 ? FLOW_RD_OCTETS : 0;

	memset(k->octets[slot], 0, rd);
	add_in(k, vrf, slot, family, rd + make_nlri(k->octets[slot] + rd, slot, family));
}

static void commit(struct kernel *k)
{
	struct err e = { 0 };

	if (!index_commit(k->index, &e))
		fail_msg("%s", e.text);
	index_grace(k->index);
}

static int setup(void **state)
{
	struct kernel *k = calloc(1, sizeof(*k));
	struct index_kernel ik = { .ctx = k, .write_full = write_full, .grace = grace };

	k->t = calloc(1, sizeof(*k->t));
	k->store = calloc(XDP_STORE, sizeof(*k->store));
	k->full = calloc(XDP_FULL, sizeof(*k->full));
	k->index = index_new(k->t, 0x1234567, &ik);
	random_state = 20;
	*state = k;
	return k->t == NULL || k->store == NULL || k->full == NULL || k->index == NULL;
}

static int teardown(void **state)
{
	struct kernel *k = *state;

	index_free(k->index);
	free(k->t);
	free(k->store);
	free(k->full);
	free(k);
	return 0;
}

static void add_all(struct kernel *k)
{
	for (uint32_t slot = 1; slot <= RULES; slot++)
		add(k, slot);
	commit(k);
}

static void test_what_was_put_there_is_found(void **state)
{
	struct kernel *k = *state;

	add_all(k);
	look(k);
	if (k->fault != NULL)
		fail_msg("slot %u: %s", k->slot, k->fault);
	assert_int_equal(k->found, RULES);
}

static void test_it_stays_so_while_rules_come_and_go(void **state)
{
	struct kernel *k = *state;
	unsigned there = RULES;

	add_all(k);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 60; i++) {
			uint32_t slot = 1 + below(RULES);

			if (k->entry[slot] == NULL)
				continue;
			index_remove(k->index, k->entry[slot]);
			k->entry[slot] = NULL;
			k->store[slot].in_force = 0;
			there--;
		}
		commit(k);
		for (int i = 0; i < 60; i++) {
			uint32_t slot = 1 + below(RULES);

			if (k->entry[slot] != NULL)
				continue;
			add(k, slot);
			there++;
		}
		commit(k);
		look(k);
		if (k->fault != NULL)
			fail_msg("round %d, slot %u: %s", round, k->slot, k->fault);
		assert_int_equal(k->found, there);
	}
}

/* DSCP has no lane in a block: nothing tells one of these records from another, nor from those of
 * other lists that lie behind them. */
static void test_a_long_list_ends_where_its_rules_do(void **state)
{
	struct kernel *k = *state;

	for (uint32_t slot = 1; slot <= 128; slot++) {
		uint8_t host = slot > 64 ? 2 : 1;
		uint8_t octets[] = { 1, 32, 192, 0, 2, host, 11, 0x81, (uint8_t)(slot % 64) };

		memcpy(k->octets[slot], octets, sizeof(octets));
		add_nlri(k, slot, FLOW_IPV4, sizeof(octets));
	}
	commit(k);
	look(k);
	assert_int_equal(k->found, 128);
	assert_int_equal(k->faults, 0);
}

static void add_range(struct kernel *k, uint32_t slot)
{
	/* source-port >=lo&<=hi, destination-port =slot */
	uint8_t lo = (uint8_t)below(100), hi = (uint8_t)(lo + below(100));
	uint8_t octets[] = {
		1, 32,   192, 0,    2, 1, 5, 0x91, (uint8_t)(slot / 256), (uint8_t)slot,
		6, 0x03, lo,  0xc5, hi
	};

	memcpy(k->octets[slot], octets, sizeof(octets));
	add_nlri(k, slot, FLOW_IPV4, sizeof(octets));
}

/* One destination: a chain of blocks that grows, shrinks and is a plain list for a while. */
static void test_so_does_a_long_list(void **state)
{
	struct kernel *k = *state;
	unsigned there = 0;

	for (int round = 0; round < 60; round++) {
		unsigned changes = 1 + below(120), adds = round % 20 < 10 ? 80 : 15;

		while (changes-- > 0) {
			uint32_t slot = 1 + below(RULES);
			bool add = below(100) < adds;

			if (add == (k->entry[slot] != NULL) || k->fresh[slot] == round + 1)
				continue;
			k->fresh[slot] = round + 1;
			there += add ? 1 : -1U;
			if (add) {
				add_range(k, slot);
				continue;
			}
			index_remove(k->index, k->entry[slot]);
			k->entry[slot] = NULL;
			k->store[slot].in_force = 0;
		}
		commit(k);
		look(k);
		if (k->fault != NULL)
			fail_msg("round %d, slot %u: %s", round, k->slot, k->fault);
		assert_int_equal(k->found, there);
	}
}

/* ---- Damage ------------------------------------------------------------------------------- */

/* A list so long that it is blocks, under one destination. */
static void add_long_list(struct kernel *k)
{
	for (uint32_t slot = 1; slot <= RULES; slot++) {
		uint8_t octets[] = {
			1, 32, 192, 0, 2, 1, 5, 0x91, (uint8_t)(slot / 256), (uint8_t)slot
		};

		memcpy(k->octets[slot], octets, sizeof(octets));
		add_nlri(k, slot, FLOW_IPV4, sizeof(octets));
	}
	commit(k);
}

static void expect_fault(struct kernel *k, const char *fault)
{
	look(k);
	assert_int_equal(k->found, RULES);
	assert_int_equal(k->faults, 1);
	assert_string_equal(k->fault, fault);
}

/* Where a record in force that has this slot is. */
static struct xdp_record *record_of(struct kernel *k, uint32_t slot)
{
	for (uint32_t i = 1; i < XDP_RECORDS; i++)
		if (k->t->record[i].slot == slot)
			return &k->t->record[i];
	fail_msg("no record of slot %u", slot);
	return NULL;
}

static struct xdp_node *node_of(struct kernel *k, uint16_t mask, uint32_t address)
{
	for (uint32_t i = 1; i < XDP_NODES; i++)
		if (k->t->node[i].mask == mask && k->t->node[i].key == address)
			return &k->t->node[i];
	fail_msg("no node of mask %u", mask);
	return NULL;
}

static void test_a_changed_record(void **state)
{
	struct kernel *k = *state;

	add_long_list(k);
	record_of(k, 77)->flag_mask ^= 2;
	expect_fault(k, "its records match other packets");
	assert_int_equal(k->slot, 77);
}

static void test_a_changed_store(void **state)
{
	struct kernel *k = *state;

	add_long_list(k);
	k->store[77].octets[2] ^= 1;
	expect_fault(k, "packets find it under other prefixes");
	assert_int_equal(k->slot, 77);
}

static void test_a_rule_of_another_vrf(void **state)
{
	struct kernel *k = *state;

	add_long_list(k);
	k->store[77].vrf = 1;
	memmove(k->store[77].octets + FLOW_RD_OCTETS, k->store[77].octets, k->store[77].len);
	k->store[77].len += FLOW_RD_OCTETS;
	expect_fault(k, "packets of another VRF find it");
	assert_int_equal(k->slot, 77);
}

/* Its parent is the root of another VRF. */
static void test_a_node_of_another_vrf(void **state)
{
	struct kernel *k = *state;
	uint8_t octets[] = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 32, 192, 0, 2, 2 };

	for (uint32_t slot = 1; slot < RULES; slot++)
		add(k, slot);
	memcpy(k->octets[RULES], octets, sizeof(octets));
	add_in(k, 9, RULES, FLOW_IPV4, sizeof(octets));
	commit(k);
	node_of(k, XDP_MASK_IPV4 + 32, 0xc0000202)->parent = xdp_root(8, XDP_IPV4);
	expect_fault(k, "packets of another VRF find it");
	assert_int_equal(k->slot, RULES);
}

static void test_a_rule_without_records(void **state)
{
	struct kernel *k = *state;

	add_long_list(k);
	index_remove(k->index, k->entry[77]);
	commit(k);
	expect_fault(k, "no packet finds it");
	assert_int_equal(k->slot, 77);
}

static void test_records_without_a_rule(void **state)
{
	struct kernel *k = *state;

	add_long_list(k);
	k->store[77].in_force = 0;
	expect_fault(k, "the store has no such rule");
	assert_int_equal(k->slot, 77);
}

static void test_records_of_another_order(void **state)
{
	struct kernel *k = *state;
	struct xdp_record *a, *b, swap;

	for (uint32_t slot = 1; slot <= 8; slot++) {
		uint8_t octets[] = { 1, 24, 192, 0, 2, 5, 0x81, (uint8_t)slot };

		memcpy(k->octets[slot], octets, sizeof(octets));
		add_nlri(k, slot, FLOW_IPV4, sizeof(octets));
	}
	commit(k);
	a = record_of(k, 5);
	b = record_of(k, 6);
	swap = *a;
	*a = *b;
	*b = swap;
	look(k);
	assert_int_equal(k->found, 8);
	assert_int_equal(k->faults, 1);
	assert_string_equal(k->fault, "it is tried out of order");
}

static void test_a_block_that_leaves_a_record_out(void **state)
{
	struct kernel *k = *state;
	uint32_t row = 0;

	add_long_list(k);
	for (uint32_t i = 1; i < XDP_BLOCKS && row == 0; i++)
		row = k->t->block[i].row;
	/* One row says one value: that of one rule. */
	for (uint32_t i = row; i < XDP_ROWS; i++) {
		__u64 *words = &k->t->row[(size_t)i * XDP_ROW_WORDS];

		if (words[0] != 0) {
			words[0] = 0;
			break;
		}
	}
	expect_fault(k, "no packet finds it");
}

static void test_a_length_that_is_not_tried(void **state)
{
	struct kernel *k = *state;

	add_long_list(k);
	for (uint32_t i = 0; i < XDP_DEEP; i++)
		k->t->ipv4_deep[i] = 0;
	for (uint32_t i = 0; i < XDP_IPV4_CELLS; i++)
		k->t->ipv4[i].lengths &= ~1ULL;
	look(k);
	assert_int_equal(k->faults, RULES);
	assert_string_equal(k->fault, "packets do not get to its destination");
}

static void test_a_filter_that_is_too_narrow(void **state)
{
	struct kernel *k = *state;

	add_long_list(k);
	node_of(k, XDP_MASK_IPV4 + 32, 0xc0000201)->filter &= ~1ULL;
	look(k);
	assert_int_equal(k->faults, RULES);
	assert_string_equal(k->fault, "the filter of its prefixes leaves it out");
}

static void test_a_node_that_is_gone(void **state)
{
	struct kernel *k = *state;

	add_long_list(k);
	node_of(k, XDP_MASK_IPV4 + 32, 0xc0000201)->mask = XDP_MASK_GONE;
	look(k);
	assert_int_equal(k->found, RULES);
	assert_int_equal(k->faults, RULES);
	assert_string_equal(k->fault, "no packet finds it");
}

static void add_sources(struct kernel *k)
{
	for (uint32_t slot = 1; slot <= 3; slot++) {
		uint8_t octets[] = { 1, 24, 192, 0, 2, 2, 24, 198, 51, (uint8_t)slot };

		memcpy(k->octets[slot], octets, sizeof(octets));
		add_nlri(k, slot, FLOW_IPV4, sizeof(octets));
	}
	commit(k);
	look(k);
	assert_int_equal(k->faults, 0);
}

static void expect_no_source(struct kernel *k)
{
	look(k);
	assert_int_equal(k->faults, 3);
	assert_string_equal(k->fault, "packets do not get to its source");
}

static void test_a_source_that_is_not_tried(void **state)
{
	struct kernel *k = *state;

	add_sources(k);
	node_of(k, XDP_MASK_IPV4 + 24, 0xc0000200)->sources = 0;
	expect_no_source(k);
}

static void test_sources_that_are_not_seen(void **state)
{
	struct kernel *k = *state;

	add_sources(k);
	memset(k->t->source_seen, 0, sizeof(k->t->source_seen));
	expect_no_source(k);
}

static void test_sources_of_a_tier_that_is_not_looked_for(void **state)
{
	struct kernel *k = *state;

	add_sources(k);
	k->t->source_tiers = 0;
	expect_no_source(k);
}

static void test_a_changed_full_test(void **state)
{
	struct kernel *k = *state;
	uint32_t number = 1;

	add_all(k);
	while (number < XDP_FULL && k->full[number].has == 0)
		number++;
	assert_true(number < XDP_FULL);
	k->full[number].spans[0].hi++;
	expect_fault(k, "its records match other packets");
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_what_was_put_there_is_found),
		CASE(test_it_stays_so_while_rules_come_and_go),
		CASE(test_so_does_a_long_list),
		CASE(test_a_long_list_ends_where_its_rules_do),
		CASE(test_a_changed_record),
		CASE(test_a_changed_store),
		CASE(test_a_rule_of_another_vrf),
		CASE(test_a_node_of_another_vrf),
		CASE(test_a_rule_without_records),
		CASE(test_records_without_a_rule),
		CASE(test_records_of_another_order),
		CASE(test_a_block_that_leaves_a_record_out),
		CASE(test_a_length_that_is_not_tried),
		CASE(test_a_filter_that_is_too_narrow),
		CASE(test_a_node_that_is_gone),
		CASE(test_a_source_that_is_not_tried),
		CASE(test_sources_that_are_not_seen),
		CASE(test_sources_of_a_tier_that_is_not_looked_for),
		CASE(test_a_changed_full_test),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
