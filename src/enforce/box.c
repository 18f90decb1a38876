/* SPDX-License-Identifier: ISC */
/* box.c - see box.h.
 *
 * A component's ranges are alternatives, so a rule is the product of its components' ranges: a
 * record for each.  TCP flags become alternatives of `flags & mask == value`; they may need many,
 * but what operators write needs one to three.  Records of one rule may come in any order: which of
 * them matches makes no difference.
 *
 * Ports and ICMP share lanes, in different values, so that a rule that asks for both has no record
 * that fits a packet.  It knows neither maps nor other rules.
 */
#include "enforce/box.h"

#include <string.h>

#include "enforce/plan.h"

/* ---- Prefixes ------------------------------------------------------------------------- */

unsigned box_mask_length(unsigned number)
{
	return number < XDP_MASK_IPV6 ? number - XDP_MASK_IPV4
				      : (number - XDP_MASK_IPV6) % XDP_MASK_LENGTHS;
}

unsigned box_mask_offset(unsigned number)
{
	return number < XDP_MASK_IPV6 ? 0 : (number - XDP_MASK_IPV6) / XDP_MASK_LENGTHS;
}

int box_mask_order(unsigned a, unsigned b)
{
	unsigned a_offset = box_mask_offset(a), b_offset = box_mask_offset(b);

	if (a_offset != b_offset)
		return (int)a_offset - (int)b_offset;
	return (int)box_mask_length(b) - (int)box_mask_length(a);
}

/* Bits from..to - 1 of 64, counted from the highest. */
static uint64_t bits(unsigned from, unsigned to)
{
	uint64_t below_from = from < 64 ? UINT64_MAX >> from : 0;
	uint64_t below_to = to < 64 ? UINT64_MAX >> to : 0;

	return from < to ? below_from & ~below_to : 0;
}

void box_mask(unsigned number, uint64_t ret[2])
{
	unsigned length = box_mask_length(number), offset = box_mask_offset(number);

	if (number < XDP_MASK_IPV6) {
		ret[0] = bits(32, 32 + length); /* an IPv4 address is the word's lower half */
		ret[1] = 0;
		return;
	}
	ret[0] = bits(offset, length);
	ret[1] = bits(offset > 64 ? offset - 64 : 0, length > 64 ? length - 64 : 0);
}

static uint64_t word(const uint8_t *octets, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v = v << 8 | octets[i];
	return v;
}

static void prefix_make(const struct flow_normal_prefix *p, bool ipv6, struct box_prefix *ret)
{
	*ret = (struct box_prefix){ 0 };
	if (!p->present)
		return;
	ret->mask = (uint16_t)(ipv6 ? XDP_MASK_IPV6 + XDP_MASK_LENGTHS * p->offset + p->len
				    : XDP_MASK_IPV4 + p->len);
	ret->address[0] = word(p->octets, ipv6 ? 8 : 4);
	ret->address[1] = ipv6 ? word(p->octets + 8, 8) : 0;
}

/* ---- TCP flags ------------------------------------------------------------------------ */

enum {
	CUBE_BITS = 6, /* flags that a rule may tell apart, to be had without a full test */
	FLAG_BITS = 12
};

struct cube {
	uint16_t mask, value;
};

struct cubes {
	unsigned count;
	bool too_many;
	struct cube list[BOX_MAX];
};

/* Of the flags that make a difference: the rule's truth table over them alone. */
struct flag_table {
	unsigned count;
	uint8_t bit[CUBE_BITS];
	uint64_t truth; /* bit i: the flags spelt by i match */
};

static bool truth_of(const uint64_t table[64], unsigned flags)
{
	return table[flags >> 6] >> (flags & 63) & 1;
}

/* Does a value match otherwise than the one that differs from it in this bit? */
static bool flag_matters(const uint64_t table[64], unsigned bit)
{
	static const uint64_t clear[6] = { 0x5555555555555555, 0x3333333333333333,
					   0x0f0f0f0f0f0f0f0f, 0x00ff00ff00ff00ff,
					   0x0000ffff0000ffff, 0x00000000ffffffff };

	for (unsigned w = 0; w < 64; w++) {
		uint64_t other = bit < 6 ? table[w] >> (1U << bit) : table[w ^ 1U << (bit - 6)];

		if ((table[w] ^ other) & (bit < 6 ? clear[bit] : UINT64_MAX))
			return true;
	}
	return false;
}

static bool flag_table_make(const uint64_t table[64], struct flag_table *ret)
{
	*ret = (struct flag_table){ 0 };
	for (unsigned bit = 0; bit < FLAG_BITS; bit++) {
		if (!flag_matters(table, bit))
			continue;
		if (ret->count == CUBE_BITS)
			return false;
		ret->bit[ret->count++] = (uint8_t)bit;
	}
	for (unsigned i = 0; i < 1U << ret->count; i++) {
		unsigned flags = 0;

		for (unsigned b = 0; b < ret->count; b++)
			flags |= (i >> b & 1) << ret->bit[b];
		ret->truth |= (uint64_t)truth_of(table, flags) << i;
	}
	return true;
}

static void cube_add(const struct flag_table *t, unsigned mask, unsigned value, struct cubes *ret)
{
	struct cube c = { .mask = XDP_FLAGS_NOTHING };

	if (ret->count == BOX_MAX) {
		ret->too_many = true;
		return;
	}
	for (unsigned b = 0; b < t->count; b++) {
		c.mask = (uint16_t)(c.mask | (mask >> b & 1) << t->bit[b]);
		c.value = (uint16_t)(c.value | (value >> b & 1) << t->bit[b]);
	}
	ret->list[ret->count++] = c;
}

/* The lowest flag that decides among those with i & mask == value; 0: none does, and *ret_any says
 * whether all match. */
static unsigned cube_differs(const struct flag_table *t, struct cube c, bool *ret_any)
{
	unsigned differs = 0;

	*ret_any = false;
	for (unsigned i = 0; i < 1U << t->count; i++) {
		if ((i & c.mask) != c.value)
			continue;
		*ret_any |= t->truth >> i & 1;
		for (unsigned b = 0; b < t->count; b++)
			if (!(c.mask >> b & 1) &&
			    (t->truth >> i & 1) != (t->truth >> (i ^ 1U << b) & 1))
				differs |= 1U << b;
	}
	return differs & (~differs + 1);
}

/* What matches: all flags, none, or one half and the other. */
static void cubes_split(const struct flag_table *t, struct cubes *ret)
{
	struct cube halves[CUBE_BITS + 1] = { { 0 } };
	unsigned left = 1;

	while (left > 0) {
		struct cube c = halves[--left];
		bool any;
		unsigned differs = cube_differs(t, c, &any);

		if (differs != 0) {
			c.mask = (uint16_t)(c.mask | differs);
			halves[left++] = c;
			c.value = (uint16_t)(c.value | differs);
			halves[left++] = c;
		} else if (any) {
			cube_add(t, c.mask, c.value, ret);
		}
	}
}

/* False: it takes a full test. */
static bool cubes_make(const struct flow_normal *n, struct cubes *ret)
{
	struct flag_table t;

	*ret = (struct cubes){ .count = 1 };
	if (!n->has_tcp_flags)
		return true;
	if (!flag_table_make(n->tcp_flags, &t))
		return false;
	ret->count = 0;
	cubes_split(&t, ret);
	return !ret->too_many;
}

/* ---- Ranges --------------------------------------------------------------------------- */

/* One component's alternatives, moved to where its lane has them. */
struct ranges {
	const struct flow_span *spans;
	struct flow_span one; /* all, when the rule does not ask */
	unsigned count;
	uint32_t move;
	bool asked;
};

enum range {
	RANGE_PROTOCOL,
	RANGE_LENGTH,
	RANGE_DESTINATION,
	RANGE_SOURCE,
	RANGE_PORT,
	RANGE_LABEL,
	RANGES
};

static const struct {
	uint8_t type, other; /* other: shares the lane, behind XDP_PORT_ICMP */
	uint32_t max;
} range_rows[RANGES] = {
	[RANGE_PROTOCOL] = { FLOW_PROTOCOL, 0, XDP_PROTOCOL_UNKNOWN },
	[RANGE_LENGTH] = { FLOW_PACKET_LENGTH, 0, 0x1ffff },
	[RANGE_DESTINATION] = { FLOW_DESTINATION_PORT, FLOW_ICMP_CODE, 0x1ffff },
	[RANGE_SOURCE] = { FLOW_SOURCE_PORT, FLOW_ICMP_TYPE, 0x1ffff },
	[RANGE_PORT] = { FLOW_PORT, 0, UINT32_MAX },
	[RANGE_LABEL] = { FLOW_LABEL, 0, UINT32_MAX },
};

static struct flow_span range_at(const struct ranges *r, unsigned i)
{
	struct flow_span s = r->asked ? r->spans[i] : r->one;

	s.lo += r->move;
	s.hi += r->move;
	return s;
}

/* False: no packet has both. */
static bool range_make(const struct flow_normal *n, enum range which, struct ranges *ret)
{
	unsigned type = range_rows[which].type, other = range_rows[which].other;

	*ret = (struct ranges){ .one = { 0, range_rows[which].max }, .count = 1 };
	if (other != 0 && n->numeric[other].present) {
		if (n->numeric[type].present)
			return false;
		type = other;
		ret->move = XDP_PORT_ICMP;
	}
	if (!n->numeric[type].present) {
		ret->move = 0;
		return true;
	}
	ret->asked = true;
	ret->spans = n->spans + n->numeric[type].first;
	ret->count = n->numeric[type].count;
	return true;
}

static bool ranges_make(const struct flow_normal *n, struct ranges ret[RANGES])
{
	for (int i = 0; i < RANGES; i++)
		if (!range_make(n, i, &ret[i]))
			return false;
	return true;
}

/* From the first alternative to the last. */
static void ranges_hull(struct ranges r[RANGES])
{
	for (int i = 0; i < RANGES; i++) {
		if (r[i].asked && r[i].count > 0)
			r[i].one = (struct flow_span){ r[i].spans[0].lo,
						       r[i].spans[r[i].count - 1].hi };
		if (i == RANGE_PORT || i == RANGE_LABEL) /* the full test asks */
			r[i].one = (struct flow_span){ 0, UINT32_MAX };
		if (r[i].count > 0)
			r[i].count = 1;
		r[i].asked = false;
	}
}

/* ---- Filter --------------------------------------------------------------------------- */

enum {
	NARROW = 256 /* values of which each has its bit set, rather than all bits */
};

static bool range_has(const struct ranges *r, uint32_t value)
{
	for (unsigned i = 0; i < r->count; i++) {
		struct flow_span s = range_at(r, i);

		if (value >= s.lo && value <= s.hi)
			return true;
	}
	return false;
}

/* Bits of packets that have one of these values. */
static uint64_t filter_of(const struct ranges *r, uint32_t first, uint32_t log)
{
	uint64_t filter = 0, values = 0;

	for (unsigned i = 0; i < r->count; i++)
		values += range_at(r, i).hi - range_at(r, i).lo + UINT64_C(1);
	if (values > NARROW)
		return ((UINT64_C(1) << (1U << log)) - 1) << first;
	for (unsigned i = 0; i < r->count; i++)
		for (uint32_t v = range_at(r, i).lo; v <= range_at(r, i).hi; v++)
			filter |= xdp_filter_bit(first, log, v);
	return filter;
}

static uint64_t filter_make(const struct ranges r[RANGES])
{
	static const struct {
		uint32_t protocol;
		unsigned range;
		uint32_t first, log;
	} parts[] = {
		{ 6, RANGE_SOURCE, XDP_FILTER_TCP_SOURCE, XDP_FILTER_LOG_TCP_SOURCE },
		{ 6, RANGE_DESTINATION, XDP_FILTER_TCP_DESTINATION, XDP_FILTER_LOG_PORTS },
		{ 17, RANGE_SOURCE, XDP_FILTER_UDP_SOURCE, XDP_FILTER_LOG_PORTS },
		{ 17, RANGE_DESTINATION, XDP_FILTER_UDP_DESTINATION, XDP_FILTER_LOG_PORTS },
		{ 1, RANGE_SOURCE, XDP_FILTER_ICMP, XDP_FILTER_LOG_REST },
		{ 58, RANGE_SOURCE, XDP_FILTER_ICMP, XDP_FILTER_LOG_REST },
	};
	uint64_t filter = 0;

	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (range_has(&r[RANGE_PROTOCOL], parts[i].protocol))
			filter |= filter_of(&r[parts[i].range], parts[i].first, parts[i].log);
	for (unsigned i = 0; i < r[RANGE_PROTOCOL].count; i++) {
		struct flow_span s = range_at(&r[RANGE_PROTOCOL], i);

		for (uint32_t v = s.lo; v <= s.hi; v++)
			if (xdp_filter_bits(v, 0, 0) >> XDP_FILTER_OTHER != 0)
				filter |= xdp_filter_bits(v, 0, 0);
	}
	return filter;
}

/* ---- Boxes ---------------------------------------------------------------------------- */

static uint64_t dscp_make(const struct flow_normal *n)
{
	uint64_t truth = 0;

	if (!n->numeric[FLOW_DSCP].present)
		return UINT64_MAX;
	for (unsigned i = 0; i < n->numeric[FLOW_DSCP].count; i++) {
		struct flow_span s = n->spans[n->numeric[FLOW_DSCP].first + i];

		for (uint32_t v = s.lo; v <= s.hi && v < 64; v++)
			truth |= UINT64_C(1) << v;
	}
	return truth;
}

static void box_write(const struct flow_normal *n, const struct flow_span at[RANGES],
		      const struct cube *c, struct box *ret)
{
	*ret = (struct box){ 0 };
	ret->record.lo = XDP_LANES(at[RANGE_PROTOCOL].lo, at[RANGE_LENGTH].lo,
				   at[RANGE_DESTINATION].lo, at[RANGE_SOURCE].lo);
	ret->record.hi = XDP_LANES(at[RANGE_PROTOCOL].hi, at[RANGE_LENGTH].hi,
				   at[RANGE_DESTINATION].hi, at[RANGE_SOURCE].hi) |
			 XDP_GUARDS;
	ret->record.flag_mask = c->mask;
	ret->record.flag_value = c->value;
	ret->record.fragments = n->has_fragment ? n->fragment : UINT32_MAX;
	ret->extra = (struct xdp_extra){
		.dscp = dscp_make(n),
		.label_lo = at[RANGE_LABEL].lo,
		.label_hi = at[RANGE_LABEL].hi,
		.port_lo = at[RANGE_PORT].lo,
		.port_hi = at[RANGE_PORT].hi,
		.asks_port = n->numeric[FLOW_PORT].present,
	};
	ret->has_extra = n->numeric[FLOW_DSCP].present || n->numeric[FLOW_LABEL].present ||
			 n->numeric[FLOW_PORT].present;
}

/* All combinations, counted like the digits of a number. */
static void boxes_write(const struct flow_normal *n, const struct ranges r[RANGES],
			const struct cubes *cubes, struct box_rule *ret)
{
	for (unsigned k = 0; k < ret->count; k++) {
		struct flow_span at[RANGES];
		unsigned rest = k;

		for (int i = 0; i < RANGES; i++) {
			at[i] = range_at(&r[i], rest % r[i].count);
			rest /= r[i].count;
		}
		box_write(n, at, &cubes->list[rest % cubes->count], &ret->box[k]);
	}
}

static unsigned product(const struct ranges r[RANGES], const struct cubes *cubes)
{
	unsigned n = cubes->count;

	for (int i = 0; i < RANGES; i++) {
		if (r[i].count == 0)
			return 0;
		n = n > BOX_MAX ? n : n * r[i].count;
	}
	return n;
}

/* One box around it all. */
static void full_write(const struct flow_normal *n, struct ranges r[RANGES], struct box_rule *ret)
{
	struct cubes any = { .count = 1 };

	ranges_hull(r);
	ret->full = true;
	ret->count = 1;
	boxes_write(n, r, &any, ret);
	ret->box[0].has_extra = true;
	ret->box[0].extra.dscp = UINT64_MAX;
	ret->box[0].extra.asks_port = false;
}

static bool normal_make(const struct flow_normal *n, struct box_rule *ret, struct err *e)
{
	struct ranges r[RANGES];
	struct cubes cubes;
	bool few;

	if (!ranges_make(n, r))
		return true; /* no packet matches */
	ret->filter = filter_make(r);
	few = cubes_make(n, &cubes);
	ret->count = product(r, &cubes);
	if (ret->count == 0)
		return true;
	if (few && ret->count <= BOX_MAX) {
		boxes_write(n, r, &cubes, ret);
		return true;
	}
	if (n->span_count > XDP_SPANS_MAX)
		return err_at(e, 0, 0, "more than %d ranges of values", XDP_SPANS_MAX);
	full_write(n, r, ret);
	return true;
}

bool box_make(const struct flow_nlri *nlri, struct box_rule *ret, struct err *e)
{
	struct flow_normal n;

	if (!flow_normal_make(nlri, &n, e))
		return false;
	ret->ipv6 = n.family == FLOW_IPV6;
	ret->filter = 0;
	ret->full = false;
	ret->count = 0;
	prefix_make(&n.destination, ret->ipv6, &ret->destination);
	prefix_make(&n.source, ret->ipv6, &ret->source);
	return normal_make(&n, ret, e);
}
