/* SPDX-License-Identifier: ISC */
/* normal.c - a rule as sets of values, for comparing and planning.
 *
 * Numeric components become spans, bitmask components truth tables, prefixes bits in their place;
 * how the rule was written is gone.  Two NLRIs with equal normal forms match the same packets.
 *
 * Exact, never approximate: an operand that no field can reach (`<70000`) gives the spans it
 * means within the field.  RFC 8955 4.2.1.1: AND binds tighter than OR and its bit in the first
 * operator is ignored.  Reserved bits "MUST be ignored" (4.2.2.12), "SHOULD be treated as 0"
 * (4.2.2.11): they are cleared in operands of fragment and DSCP; the data offset in a packet's TCP
 * flags is 0 (4.2.2.9), so that an operand's bits there are kept and simply find nothing.
 *
 * An operand that has reserved bits and no others is refused: clearing them leaves 0, which
 * with the match bit is true for every packet, and nobody meant that.
 *
 * Cost, for rules come from strangers: a numeric component of n operators takes n^2 / 2 steps
 * at worst (one AND chain of `!=`), a TCP flags component 128 n.
 */
#include "flow/flow.h"

#include <stddef.h>
#include <stdlib.h>

enum {
	/* An operator adds two spans at most, and an NLRI has room for fewer than 2048 operators.
	 */
	SET_MAX = 2 * FLOW_SPANS_MAX,
	FLAG_WORDS = 64 /* of 64 bits: the truth table over 12 flags */
};

/* What a field can hold; RFC 8956 3 has packet length by RFC 8955, but IPv6's goes further. */
/* clang-format off */
static const uint32_t field_max[FLOW_COMPONENTS + 1][FLOW_FAMILIES] = {
	[FLOW_PROTOCOL]         = {   255,     255 },
	[FLOW_PORT]             = { 65535,   65535 },
	[FLOW_DESTINATION_PORT] = { 65535,   65535 },
	[FLOW_SOURCE_PORT]      = { 65535,   65535 },
	[FLOW_ICMP_TYPE]        = {   255,     255 },
	[FLOW_ICMP_CODE]        = {   255,     255 },
	[FLOW_PACKET_LENGTH]    = { 65535,   65575 },
	[FLOW_DSCP]             = {    63,      63 },
	[FLOW_LABEL]            = {     0, 0xfffff },
};

/* Bits of an operand that may not be there; 0: none is reserved. */
static const uint16_t reserved_bits[FLOW_COMPONENTS + 1][FLOW_FAMILIES] = {
	[FLOW_TCP_FLAGS] = { 0xf000, 0xf000 },
	[FLOW_DSCP]      = {   0xc0,   0xc0 },
	[FLOW_FRAGMENT]  = {   0xf0,   0xf1 },
};
/* clang-format on */

/* Sorted, disjoint, not adjacent. */
struct set {
	size_t n;
	struct flow_span spans[SET_MAX];
};

/* lo must not be below the last span's lo.  False when there is no room. */
static bool set_add(struct set *s, uint32_t lo, uint32_t hi)
{
	struct flow_span *last = s->n > 0 ? &s->spans[s->n - 1] : NULL;

	if (last != NULL && lo <= last->hi + 1) {
		last->hi = last->hi > hi ? last->hi : hi;
		return true;
	}
	if (s->n == SET_MAX)
		return false;
	s->spans[s->n++] = (struct flow_span){ lo, hi };
	return true;
}

/* The values 0..max that an operator holds for. */
static void op_set(const struct flow_op *o, uint32_t max, struct set *ret)
{
	uint64_t operand = o->value;

	ret->n = 0;
	if (o->op & FLOW_OP_LT && operand > 0)
		(void)set_add(ret, 0, operand > max ? max : (uint32_t)operand - 1);
	if (o->op & FLOW_OP_EQ && operand <= max)
		(void)set_add(ret, (uint32_t)operand, (uint32_t)operand);
	if (o->op & FLOW_OP_GT && operand < max)
		(void)set_add(ret, (uint32_t)operand + 1, max);
}

/* a := a and b, where b is an operator's set. */
static bool set_and(struct set *a, const struct set *b, struct set *scratch)
{
	scratch->n = 0;
	for (size_t i = 0; i < a->n; i++) {
		for (size_t j = 0; j < b->n; j++) {
			struct flow_span x = a->spans[i], y = b->spans[j];
			uint32_t lo = x.lo > y.lo ? x.lo : y.lo, hi = x.hi < y.hi ? x.hi : y.hi;

			if (lo <= hi && !set_add(scratch, lo, hi))
				return false;
		}
	}
	a->n = scratch->n;
	memcpy(a->spans, scratch->spans, a->n * sizeof(a->spans[0]));
	return true;
}

/* Spans of several terms, in any order; set_sort makes a set of them again. */
static bool bag_add(struct set *bag, const struct set *term)
{
	if (term->n > SET_MAX - bag->n)
		return false;
	memcpy(bag->spans + bag->n, term->spans, term->n * sizeof(term->spans[0]));
	bag->n += term->n;
	return true;
}

static int span_compare(const void *a, const void *b)
{
	const struct flow_span *x = a, *y = b;

	return (x->lo > y->lo) - (x->lo < y->lo);
}

static void set_sort(struct set *bag)
{
	size_t n = bag->n;

	qsort(bag->spans, n, sizeof(bag->spans[0]), span_compare);
	bag->n = 0;
	for (size_t i = 0; i < n; i++)
		(void)set_add(bag, bag->spans[i].lo, bag->spans[i].hi);
}

/* The next operator with its operand's reserved bits cleared, where clearing is the rule.
 * 1: there is one; 0: the list has ended; -1: refused. */
static int next_op(struct rd *body, const struct flow_nlri *n, uint8_t type, struct flow_op *ret,
		   struct err *e)
{
	size_t at = rd_offset(body);
	uint16_t reserved = reserved_bits[type][n->family];

	if (!flow_op_next(body, ret))
		return 0;
	if (ret->value != 0 && (ret->value & ~(uint64_t)reserved) == 0) {
		(void)err_at(e, 0, at, "%s: operand 0x%x has only reserved bits",
			     flow_comp_type(type, n->family)->name[n->family],
			     (unsigned)ret->value);
		return -1;
	}
	if (type != FLOW_TCP_FLAGS)
		ret->value &= ~(uint64_t)reserved;
	return 1;
}

static bool too_many(struct err *e, const struct flow_comp *c)
{
	return err_at(e, 0, rd_offset(&c->body), "too many spans");
}

static bool numeric_set(const struct flow_nlri *n, const struct flow_comp *c, struct set *ret,
			struct err *e)
{
	struct set term, one, scratch; /* large, so not cleared */
	struct rd body = c->body;
	struct flow_op o;
	bool first = true;
	int got;

	ret->n = term.n = 0;
	while ((got = next_op(&body, n, c->type, &o, e)) > 0) {
		op_set(&o, field_max[c->type][n->family], &one);
		if ((o.op & FLOW_OP_AND) && !first) {
			if (!set_and(&term, &one, &scratch))
				return too_many(e, c);
		} else {
			if (!bag_add(ret, &term))
				return too_many(e, c);
			term.n = one.n;
			memcpy(term.spans, one.spans, one.n * sizeof(one.spans[0]));
		}
		first = false;
	}
	if (got < 0)
		return false;
	if (!bag_add(ret, &term))
		return too_many(e, c);
	set_sort(ret);
	return true;
}

static bool take_numeric(const struct flow_nlri *n, const struct flow_comp *c,
			 struct flow_normal *ret, struct err *e)
{
	struct set s;

	if (!numeric_set(n, c, &s, e))
		return false;
	if (s.n > (size_t)(FLOW_SPANS_MAX - ret->span_count))
		return too_many(e, c);
	ret->numeric[c->type].present = true;
	ret->numeric[c->type].first = ret->span_count;
	ret->numeric[c->type].count = (uint16_t)s.n;
	memcpy(ret->spans + ret->span_count, s.spans, s.n * sizeof(s.spans[0]));
	ret->span_count = (uint16_t)(ret->span_count + s.n);
	return true;
}

/* The truth table of one bitmask operator over 12 bits: word w, bit b is the value w << 6 | b. */
static void op_table(const struct flow_op *o, uint64_t ret[FLAG_WORDS])
{
	bool all = o->op & FLOW_OP_MATCH;
	uint64_t low_mask = o->value & 63, high_mask = o->value >> 6, low = 0;

	for (unsigned v = 0; v < 64; v++)
		if (all ? (v & low_mask) == low_mask : (v & low_mask) != 0)
			low |= UINT64_C(1) << v;
	for (unsigned w = 0; w < FLAG_WORDS; w++) {
		if (all)
			ret[w] = (w & high_mask) == high_mask ? low : 0;
		else
			ret[w] = (w & high_mask) != 0 ? UINT64_MAX : low;
		if (o->op & FLOW_OP_NOT)
			ret[w] = ~ret[w];
	}
}

static bool bitmask_table(const struct flow_nlri *n, const struct flow_comp *c,
			  uint64_t ret[FLAG_WORDS], struct err *e)
{
	uint64_t term[FLAG_WORDS] = { 0 }, one[FLAG_WORDS];
	struct rd body = c->body;
	struct flow_op o;
	bool first = true;
	int got;

	memset(ret, 0, FLAG_WORDS * sizeof(ret[0]));
	while ((got = next_op(&body, n, c->type, &o, e)) > 0) {
		bool and = (o.op & FLOW_OP_AND) && !first;

		op_table(&o, one);
		for (unsigned w = 0; w < FLAG_WORDS; w++) {
			ret[w] |= and? 0 : term[w];
			term[w] = and? term[w] & one[w] : one[w];
		}
		first = false;
	}
	for (unsigned w = 0; w < FLAG_WORDS; w++)
		ret[w] |= term[w];
	return got == 0;
}

static bool take_bitmask(const struct flow_nlri *n, const struct flow_comp *c,
			 struct flow_normal *ret, struct err *e)
{
	uint64_t table[FLAG_WORDS];

	if (!bitmask_table(n, c, table, e))
		return false;
	if (c->type == FLOW_TCP_FLAGS) {
		ret->has_tcp_flags = true;
		memcpy(ret->tcp_flags, table, sizeof(table));
	} else {
		ret->has_fragment = true;
		ret->fragment = (uint16_t)table[0]; /* values 0..15 */
	}
	return true;
}

/* Puts the pattern's bits where they stand in the address. */
static bool take_prefix(const struct flow_nlri *n, const struct flow_comp *c,
			struct flow_normal *ret, struct err *e)
{
	struct flow_normal_prefix p = { .present = true };
	struct rd body = c->body;
	uint8_t *to;

	p.len = rd_u8(&body);
	p.offset = n->family == FLOW_IPV6 ? rd_u8(&body) : 0;
	if (!rd_ok(&body) || p.len > 8 * sizeof(p.octets) || p.offset > p.len)
		return err_at(e, 0, rd_offset(&c->body), "malformed prefix");
	for (unsigned i = p.offset; i < p.len;) {
		uint8_t octet = rd_u8(&body);

		for (unsigned b = 0; b < 8 && i < p.len; b++, i++) {
			to = &p.octets[i / 8];
			*to |= (uint8_t)((octet >> (7 - b) & 1) << (7 - i % 8));
		}
	}
	*(c->type == FLOW_SOURCE ? &ret->source : &ret->destination) = p;
	return true;
}

bool flow_normal_make(const struct flow_nlri *n, struct flow_normal *ret, struct err *e)
{
	static bool (*const take[])(const struct flow_nlri *, const struct flow_comp *,
				    struct flow_normal *, struct err *) = {
		[FLOW_PREFIX] = take_prefix,
		[FLOW_NUMERIC] = take_numeric,
		[FLOW_BITMASK] = take_bitmask,
	};
	/* The spans are most of it: only those that are counted are written, copied and read. */
	const size_t head = offsetof(struct flow_normal, spans);
	struct flow_normal normal;
	struct rd r = flow_nlri_components(n);
	struct flow_comp c;

	memset(&normal, 0, head);
	normal.family = n->family;
	if (rd_left(&r) == 0)
		return err_at(e, 0, rd_offset(&r), "no component");
	while (flow_comp_next(&r, n->family, &c))
		if (!take[flow_comp_type(c.type, n->family)->kind](n, &c, &normal, e))
			return false;
	memcpy(ret, &normal, head + normal.span_count * sizeof(normal.spans[0]));
	return true;
}
