/* SPDX-License-Identifier: ISC */
/* readback.c - see readback.h; how packets walk the tables is in xdp_lookup.h.
 *
 * For each node: does a packet get there (the lengths, the set of sources, the hash table), and
 * what list of records does it find?  Records of one slot in a row are a rule.
 *
 * Of a block it is checked that no record is left out at the ends of its ranges, not at each value
 * between; that a record too many is looked at does no harm, for it decides itself.
 */
#include "enforce/readback.h"

#include <stdlib.h>
#include <string.h>

#include "enforce/box.h"
#include "enforce/plan.h"
#include "enforce/reach.h"

/* What is known of a slot. */
struct seen {
	bool found;
	const char *fault; /* the first */
};

/* The node whose list is being walked. */
struct at {
	uint32_t number;
	unsigned vrf;
	bool ipv6;
	struct box_prefix destination, source;
	uint64_t filter; /* a packet without one of these bits does not get to the list */
	const char *fault;
};

struct walk {
	const struct readback_kernel *k;
	struct seen *seen; /* a slot each */
	struct at at;
	/* The rule that is being gathered: */
	uint32_t slot;
	unsigned count;
	struct xdp_record record[BOX_MAX + 1];
	const char *fault;
	/* The last in the list that was as it should be; len 0: none. */
	struct flow_nlri before;
	uint8_t octets[2][XDP_NLRI_MAX];
	unsigned now; /* which of the octets is free */
};

/* ---- The store -------------------------------------------------------------------------- */

static bool store_rule(const struct readback_kernel *k, uint32_t slot, uint8_t octets[XDP_NLRI_MAX],
		       struct flow_nlri *ret)
{
	const struct xdp_store *s = &k->store[slot];
	size_t len = s->len, at = 0;

	if (!s->in_force || len == 0 || len > XDP_NLRI_MAX)
		return false;
	*ret = (struct flow_nlri){ .family = s->family == XDP_IPV6 ? FLOW_IPV6 : FLOW_IPV4,
				   .vpn = s->vrf != 0,
				   .octets = octets,
				   .len = len };
	for (;;) {
		size_t left = len - at, some = left < XDP_STORE_OCTETS ? left : XDP_STORE_OCTETS;

		memcpy(octets + at, s->octets, some);
		at += some;
		if (at == len)
			return flow_nlri_check(ret, NULL);
		if (s->next <= XDP_SLOTS || s->next >= XDP_STORE)
			return false;
		s = &k->store[s->next];
	}
}

/* ---- A rule ----------------------------------------------------------------------------- */

static bool same_prefix(const struct box_prefix *a, const struct box_prefix *b)
{
	return a->mask == b->mask && a->address[0] == b->address[0] &&
	       a->address[1] == b->address[1];
}

static bool same_full(const struct readback_kernel *k, const struct flow_nlri *n, uint32_t number)
{
	static struct xdp_rule there, expected;

	return number != 0 && plan_rule_make(n, &expected, NULL) &&
	       k->read_full(k->ctx, number, &there) &&
	       memcmp(&there, &expected, sizeof(there)) == 0;
}

static bool same_extra(const struct walk *w, const struct flow_nlri *n, const struct box_rule *rule,
		       const struct box *b, uint32_t number)
{
	struct xdp_extra there, expected = b->extra;

	if (!b->has_extra)
		return number == 0;
	if (number == 0 || number >= XDP_EXTRAS)
		return false;
	there = w->k->t->extra[number];
	if (rule->full ? !same_full(w->k, n, there.full) : there.full != 0)
		return false;
	expected.full = there.full;
	return memcmp(&there, &expected, sizeof(there)) == 0;
}

static bool same_records(const struct walk *w, const struct flow_nlri *n,
			 const struct box_rule *rule)
{
	if (w->count != rule->count)
		return false;
	for (unsigned i = 0; i < w->count; i++) {
		struct xdp_record expected = rule->box[i].record;

		expected.slot = w->slot;
		expected.extra = w->record[i].extra;
		if (memcmp(&expected, &w->record[i], sizeof(expected)) != 0 ||
		    !same_extra(w, n, rule, &rule->box[i], w->record[i].extra))
			return false;
	}
	return true;
}

static const char *judge(const struct walk *w, const struct flow_nlri *n)
{
	struct box_rule rule;

	if (!box_make(n, &rule, NULL))
		return "the store has a rule that cannot be enforced";
	if (w->k->store[w->slot].vrf != w->at.vrf)
		return "packets of another VRF find it";
	if (rule.ipv6 != w->at.ipv6 || !same_prefix(&rule.destination, &w->at.destination) ||
	    !same_prefix(&rule.source, &w->at.source))
		return "packets find it under other prefixes";
	if (w->at.fault != NULL)
		return w->at.fault;
	if (w->fault != NULL)
		return w->fault;
	if (!same_records(w, n, &rule))
		return "its records match other packets";
	if (rule.filter & ~w->at.filter)
		return "the filter of its prefixes leaves it out";
	if (w->before.len > 0 && flow_order(&w->before, n) >= 0)
		return "it is tried out of order";
	return NULL;
}

static void rule_ends(struct walk *w)
{
	struct seen *s = &w->seen[w->slot];
	const char *fault = "packets find it in more than one place";
	struct flow_nlri n = { 0 };

	if (w->count == 0)
		return;
	if (!store_rule(w->k, w->slot, w->octets[w->now], &n))
		fault = "the store has no such rule";
	else if (!s->found)
		fault = judge(w, &n);
	s->found = true;
	if (s->fault == NULL)
		s->fault = fault;
	if (fault == NULL) {
		w->before = n;
		w->now = !w->now;
	}
	w->count = 0;
	w->fault = NULL;
}

/* fault: of this record. */
static void take_record(struct walk *w, const struct xdp_record *r, const char *fault)
{
	if (r->slot >= XDP_SLOTS)
		return; /* no verdict: nothing happens to what matches */
	if (w->count > 0 && w->slot != r->slot)
		rule_ends(w);
	w->slot = r->slot;
	if (w->count <= BOX_MAX)
		w->record[w->count++] = *r;
	if (w->fault == NULL)
		w->fault = fault;
}

/* ---- Lists ------------------------------------------------------------------------------ */

enum {
	LANE_VALUES = 258 * XDP_PAGE /* that a packet may have */
};

static void take_run(struct walk *w, uint32_t first, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		take_record(w, &w->k->t->record[(first + i) % XDP_RECORDS], NULL);
}

/* Of the row that a lane's value has: the words of its records. */
static const __u64 *block_row(const struct xdp_tables *t, const struct xdp_block *b, unsigned lane,
			      uint32_t value)
{
	uint32_t page = t->value[(b->value[lane] + (value >> 8)) % XDP_VALUES];
	uint32_t row = t->value[(b->value[lane] + page * XDP_PAGE + (value & 0xff)) % XDP_VALUES];

	return &t->row[(size_t)(b->row + row) % XDP_ROWS * XDP_ROW_WORDS];
}

static bool row_has(const __u64 *row, unsigned i)
{
	return (row[0] >> i / 64 & 1) && (row[1 + i / 64] >> i % 64 & 1);
}

/* Records that some packet looks at. */
static void block_candidates(const struct xdp_tables *t, const struct xdp_block *b,
			     uint64_t ret[XDP_BLOCK_WORDS])
{
	memset(ret, 0xff, XDP_BLOCK_WORDS * sizeof(ret[0]));
	for (unsigned lane = 0; lane < XDP_LANES_OF_BLOCK; lane++) {
		uint64_t any[XDP_BLOCK_WORDS] = { 0 };
		const __u64 *last = NULL;

		if (b->value[lane] == 0)
			continue;
		for (uint32_t v = 0; v < LANE_VALUES; v++) {
			const __u64 *row = block_row(t, b, lane, v);

			if (row == last)
				continue;
			last = row;
			for (int i = 0; i < XDP_BLOCK_WORDS; i++)
				any[i] |= row[0] >> i & 1 ? row[1 + i] : 0;
		}
		for (int i = 0; i < XDP_BLOCK_WORDS; i++)
			ret[i] &= any[i];
	}
}

static bool block_finds(const struct xdp_tables *t, const struct xdp_block *b, unsigned i,
			const struct xdp_record *r)
{
	for (unsigned lane = 0; lane < XDP_LANES_OF_BLOCK; lane++) {
		uint32_t lo = xdp_lane(r->lo, lane), hi = xdp_lane(r->hi, lane);

		if (lo < xdp_lane(b->lo, lane) || hi > xdp_lane(b->hi, lane))
			return false;
		if (b->value[lane] == 0 || lo >= LANE_VALUES)
			continue;
		hi = hi < LANE_VALUES ? hi : LANE_VALUES - 1;
		if (!row_has(block_row(t, b, lane, lo), i) ||
		    !row_has(block_row(t, b, lane, hi), i))
			return false;
	}
	return true;
}

static void take_block(struct walk *w, const struct xdp_block *b)
{
	const struct xdp_tables *t = w->k->t;
	uint64_t candidates[XDP_BLOCK_WORDS];

	block_candidates(t, b, candidates);
	for (unsigned i = 0; i < XDP_BLOCK_RECORDS; i++) {
		const struct xdp_record *r = &t->record[(b->first + i) % XDP_RECORDS];

		if (candidates[i / 64] >> i % 64 & 1)
			take_record(w, r,
				    block_finds(t, b, i, r) ? NULL : "its block leaves it out");
	}
}

static void take_list(struct walk *w, const struct xdp_node *n)
{
	const struct xdp_tables *t = w->k->t;
	uint64_t list = n->list;
	uint32_t first = (uint32_t)list, count = list >> XDP_LIST_COUNT & 0xffff;

	w->before.len = 0;
	switch (list >> XDP_LIST_KIND) {
	case XDP_LIST_NONE:
		return;
	case XDP_LIST_BLOCKS:
		for (int i = 0; i < XDP_BLOCKS_MAX && first != 0; i++) {
			take_block(w, &t->block[first % XDP_BLOCKS]);
			first = t->block[first % XDP_BLOCKS].next;
		}
		break;
	case XDP_LIST_INSIDE:
		take_record(w, &n->inside, NULL);
		take_run(w, first, count > 0 ? count - 1 : 0);
		break;
	default:
		take_run(w, first, count);
	}
	rule_ends(w);
}

/* ---- Nodes ------------------------------------------------------------------------------ */

static bool set_has(const struct xdp_tables *t, uint32_t number, uint16_t mask)
{
	const struct xdp_set *s = &t->set[number % XDP_SETS];

	for (unsigned i = 0; number != 0 && i < s->count && i < XDP_SET_MAX; i++)
		if (s->mask[i] == mask)
			return true;
	return false;
}

static bool ipv4_tries(const struct xdp_tables *t, uint32_t address, unsigned length)
{
	uint32_t cells = length < 16 ? 1U << (16 - length) : 1;
	uint32_t deep = length < 24 ? 1U << (24 - length) : 1;

	for (uint32_t i = 0; i < cells; i++) {
		const struct xdp_ipv4_cell *c = &t->ipv4[((address >> 16) + i) % XDP_IPV4_CELLS];
		uint32_t first = c->block << 8 | (address >> 8 & 0xff);

		if (c->block == 0 || length < 17) {
			if (!(c->lengths >> (32 - length) & 1))
				return false;
			continue;
		}
		for (uint32_t k = 0; k < deep; k++)
			if (!(t->ipv4_deep[(first + k) % XDP_DEEP] >> (32 - length) & 1))
				return false;
	}
	return true;
}

static bool ipv6_tries(const struct xdp_tables *t, uint64_t first, unsigned length)
{
	uint32_t cell = xdp_ipv6_cell(first, length, t->seed);
	uint64_t lengths = length > 64    ? t->ipv6_64[cell]
			   : length >= 48 ? t->ipv6_48[cell]
			   : length >= 40 ? t->ipv6_40[cell]
			   : length >= 32 ? t->ipv6_32[cell]
					  : t->ipv6_short;

	return lengths >> xdp_ipv6_bit(length) & 1;
}

/* Do all packets from this source look for it? */
static bool source_tried(const struct xdp_tables *t, const struct box_prefix *p)
{
	enum xdp_tier tier = reach_tier(p->mask);
	uint32_t bit = xdp_seen(tier, p->address[0], t->seed);

	return t->source_tiers >> tier & 1 &&
	       (tier == XDP_TIER_IPV4_ANY || tier == XDP_TIER_IPV6_ANY ||
		t->source_seen[bit / 64] >> (bit % 64) & 1);
}

/* Do all packets for this destination try its mask? */
static bool destination_tried(const struct xdp_tables *t, const struct box_prefix *p)
{
	if (p->mask < XDP_MASK_IPV6)
		return ipv4_tries(t, (uint32_t)p->address[0], box_mask_length(p->mask));
	if (!reach_has_cell(p->mask))
		return set_has(t, t->ipv6_rest, p->mask);
	return ipv6_tries(t, p->address[0], box_mask_length(p->mask));
}

/* The node that a packet which tries this mask ends up at; 0: none. */
static uint32_t probe(const struct xdp_tables *t, const struct box_prefix *p, uint16_t mask,
		      uint32_t parent)
{
	uint64_t hash = xdp_hash(p->address[0], p->address[1], mask, parent, t->seed);
	bool ipv6 = p->mask >= XDP_MASK_IPV6;
	uint32_t key = ipv6 ? (uint32_t)(hash >> 32) : (uint32_t)p->address[0];

	for (uint32_t i = 0; i < XDP_NEIGHBOURS; i++) {
		uint32_t number = ((uint32_t)hash + i) & t->node_mask & (XDP_NODES - 1);
		const struct xdp_node *n = &t->node[number];

		if (n->mask == 0)
			return 0;
		if (n->mask == mask && n->key == key && n->parent == parent &&
		    (!ipv6 || (n->address[0] == p->address[0] && n->address[1] == p->address[1])))
			return number;
	}
	return 0;
}

static bool same_mask(const struct xdp_tables *t, uint16_t number)
{
	uint64_t bits[2];

	box_mask(number, bits);
	return t->mask[number].word[0] == bits[0] && t->mask[number].word[1] == bits[1];
}

static struct box_prefix node_prefix(const struct xdp_node *n)
{
	struct box_prefix p = { .mask = n->mask & (uint16_t)~XDP_MASK_SOURCE };

	if (p.mask >= XDP_MASK_IPV6) {
		p.address[0] = n->address[0];
		p.address[1] = n->address[1];
	} else {
		p.address[0] = n->key;
	}
	return p;
}

static bool is_root(uint32_t number)
{
	uint32_t vrf = number / XDP_ROOT_STRIDE;

	return number == xdp_root(vrf, XDP_IPV4) || number == xdp_root(vrf, XDP_IPV6);
}

/* Those that are no node are left as they are. */
static bool is_node(const struct xdp_tables *t, uint32_t number)
{
	uint16_t mask = t->node[number].mask & (uint16_t)~XDP_MASK_SOURCE;

	return number != 0 && mask != 0 && t->node[number].mask != XDP_MASK_GONE &&
	       mask < XDP_MASK_IPV6 + XDP_MASK_LENGTHS * XDP_MASK_LENGTHS;
}

static bool gets_there(const struct xdp_tables *t, uint32_t number, const struct box_prefix *p)
{
	const struct xdp_node *n = &t->node[number];

	if (!same_mask(t, p->mask) || probe(t, p, n->mask, n->parent) != number)
		return false;
	if (n->mask & XDP_MASK_SOURCE)
		return source_tried(t, p) && set_has(t, t->node[n->parent].sources, p->mask);
	return destination_tried(t, p);
}

/* A destination, or a root.  False: there is no such node. */
static bool at_destination(const struct xdp_tables *t, uint32_t number, struct at *ret)
{
	uint32_t root = number;

	*ret = (struct at){ .number = number, .filter = t->node[number % XDP_NODES].filter };
	if (number < XDP_NODES && is_node(t, number) && !(t->node[number].mask & XDP_MASK_SOURCE)) {
		ret->destination = node_prefix(&t->node[number]);
		root = t->node[number].parent;
	}
	if (!is_root(root))
		return false;
	ret->vrf = root / XDP_ROOT_STRIDE;
	ret->ipv6 = root == xdp_root(ret->vrf, XDP_IPV6);
	if (root == number)
		return true;
	if (ret->ipv6 != (ret->destination.mask >= XDP_MASK_IPV6) ||
	    !gets_there(t, number, &ret->destination))
		ret->fault = "packets do not get to its destination";
	return true;
}

static bool at_node(const struct xdp_tables *t, uint32_t number, struct at *ret)
{
	const struct xdp_node *n = &t->node[number];

	if (is_root(number) || (n->mask & XDP_MASK_SOURCE) == 0)
		return at_destination(t, number, ret);
	if (!is_node(t, number) || !at_destination(t, n->parent, ret))
		return false;
	ret->source = node_prefix(n);
	ret->filter = n->filter;
	if (ret->fault == NULL && !gets_there(t, number, &ret->source))
		ret->fault = "packets do not get to its source";
	return true;
}

/* ---- All of it -------------------------------------------------------------------------- */

static void tell(struct walk *w, uint32_t slot)
{
	const struct readback_kernel *k = w->k;
	const char *fault = w->seen[slot].fault;
	struct box_rule rule;
	struct flow_nlri n;

	if (!k->store[slot].in_force && !w->seen[slot].found)
		return;
	if (!store_rule(k, slot, w->octets[0], &n)) {
		k->found(k->ctx, slot, NULL, 0, fault != NULL ? fault : "the store is damaged");
		return;
	}
	/* No packet has to find what matches none. */
	if (!w->seen[slot].found && !(box_make(&n, &rule, NULL) && rule.count == 0))
		fault = "no packet finds it";
	k->found(k->ctx, slot, &n, k->store[slot].vrf, fault);
}

bool readback(const struct readback_kernel *k)
{
	struct walk *w = calloc(1, sizeof(*w));
	struct seen *seen = calloc(XDP_SLOTS, sizeof(*seen));
	bool ok = w != NULL && seen != NULL;

	if (ok) {
		w->k = k;
		w->seen = seen;
		for (uint32_t i = 1; i < XDP_NODES; i++)
			if (at_node(k->t, i, &w->at))
				take_list(w, &k->t->node[i]);
		for (uint32_t slot = 0; slot < XDP_SLOTS; slot++)
			tell(w, slot);
	}
	free(seen);
	free(w);
	return ok;
}
