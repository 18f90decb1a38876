/* SPDX-License-Identifier: ISC */
/* search.c - a packet that some rules match and others do not, or that there is none.
 *
 * A kind of packet (shape.c) is a product of fields, and a rule is a conjunction of components of
 * one field each; only `port` speaks of two.  So what some rules match of a kind is a product
 * again: for each field a list of literals, each of them "in these spans" or "not in these spans".
 * A field that has a value left is found by leaps: each literal moves the candidate up to its next
 * value until all agree, which takes as many steps as there are spans, and builds no product.
 *
 *  1. `port` of a rule that must match holds for the source port or holds for the destination port
 *     (match.c, 10): both are tried.
 *  2. A rule that must not match is split: the packet misses its first component, or it has the
 *     first and misses the second, and so on.  `port` comes last; it is missed when both ports
 * miss. The parts are apart from each other, and the walk over them is depth first.
 *  3. A rule that asks for a field that the kind has not got does not match packets of this kind.
 *  4. With at most one rule that must not match the walk is short.  Many of them are a hard problem
 *     (addresses alone can spell satisfiability), therefore the bounds: steps, and the literals of
 *     a field.  When one is reached the answer is FLOW_TOO_COMPLEX, never a guess.
 */
#include "flow/algebra.h"

#define NONE UINT32_MAX

enum coordinate {
	LENGTH,
	DSCP,
	LABEL,
	PROTOCOL,
	SOURCE_PORT,
	DESTINATION_PORT,
	ICMP_TYPE,
	ICMP_CODE,
	COORDINATES
};

enum {
	LITERALS_MAX = FLOW_ENTANGLED_MAX + FLOW_ALL_OF_MAX + 1,
	ALL_FRAGMENTS = 0xffff,
	FLAG_WORDS = 64
};

struct literal {
	const struct flow_span *spans;
	size_t count;
	bool negated;
};

struct flag_literal {
	const uint64_t *table;
	bool negated;
};

/* How much of the lists below is in force; going back is copying an old one. */
struct state {
	uint8_t literals[COORDINATES];
	uint8_t flags;
	uint8_t nots[2];
	uint16_t fragments;
	struct flow_pattern fixed[2];
};

/* A rule that must not match, and how far it is split. */
struct split {
	size_t rule;
	size_t part; /* index into parts[] */
	bool missed; /* the packets that miss this part are done, those that have it come next */
	struct state state;
};

struct search {
	const struct flow_question *q;
	const struct flow_shape *shape; /* NULL: none chosen yet */
	enum flow_family family;
	unsigned steps;
	bool overrun;
	struct state now;
	struct literal literals[COORDINATES][LITERALS_MAX];
	struct flag_literal flags[LITERALS_MAX];
	struct flow_pattern nots[2][LITERALS_MAX]; /* the address does not fit these */
	struct split splits[FLOW_ENTANGLED_MAX];
};

/* Components in the order in which rules are split: what tells most rules apart comes first. */
static const uint8_t parts[] = {
	FLOW_DESTINATION, FLOW_SOURCE,    FLOW_PROTOCOL,  FLOW_FRAGMENT,  FLOW_DESTINATION_PORT,
	FLOW_SOURCE_PORT, FLOW_ICMP_TYPE, FLOW_ICMP_CODE, FLOW_TCP_FLAGS, FLOW_PACKET_LENGTH,
	FLOW_DSCP,        FLOW_LABEL,     FLOW_PORT
};

enum {
	PARTS = sizeof(parts)
};

static const uint8_t coordinate_of[FLOW_COMPONENTS + 1] = {
	[FLOW_PROTOCOL] = PROTOCOL,
	[FLOW_DESTINATION_PORT] = DESTINATION_PORT,
	[FLOW_SOURCE_PORT] = SOURCE_PORT,
	[FLOW_ICMP_TYPE] = ICMP_TYPE,
	[FLOW_ICMP_CODE] = ICMP_CODE,
	[FLOW_PACKET_LENGTH] = LENGTH,
	[FLOW_DSCP] = DSCP,
	[FLOW_LABEL] = LABEL,
};

/* ---- Views ---------------------------------------------------------------------------------- */

static struct flow_pattern pattern_of(const struct flow_normal_prefix *p)
{
	struct flow_pattern ret = { .mask = { 0 } };

	for (unsigned half = 0; half < 2; half++) {
		unsigned first = 64 * half, from = p->offset > first ? p->offset - first : 0,
			 to = p->len > first ? p->len - first : 0;

		for (unsigned i = 0; i < 8; i++)
			ret.bits[half] = ret.bits[half] << 8 | p->octets[8 * half + i];
		if (from < 64 && to > from)
			ret.mask[half] =
				UINT64_MAX >> from & (to >= 64 ? UINT64_MAX : ~(UINT64_MAX >> to));
		ret.bits[half] &= ret.mask[half];
	}
	return ret;
}

void flow_view_make(const struct flow_normal *n, struct flow_view *ret)
{
	unsigned asks = 0;

	*ret = (struct flow_view){ .family = n->family };
	if (n->destination.present) {
		asks |= 1 << FLOW_DESTINATION;
		ret->address[FLOW_TO] = pattern_of(&n->destination);
	}
	if (n->source.present) {
		asks |= 1 << FLOW_SOURCE;
		ret->address[FLOW_FROM] = pattern_of(&n->source);
	}
	for (unsigned t = FLOW_PROTOCOL; t <= FLOW_COMPONENTS; t++) {
		if (!n->numeric[t].present)
			continue;
		asks |= 1U << t;
		ret->numeric[t].spans = n->spans + n->numeric[t].first;
		ret->numeric[t].count = n->numeric[t].count;
	}
	asks |= n->has_tcp_flags ? 1 << FLOW_TCP_FLAGS : 0;
	asks |= n->has_fragment ? 1 << FLOW_FRAGMENT : 0;
	ret->tcp_flags = n->tcp_flags;
	ret->fragment = n->fragment;
	ret->asks = (uint16_t)asks;
}

/* ---- Numbers -------------------------------------------------------------------------------- */

/* The first span that ends at v or behind it. */
static size_t span_at(const struct literal *l, uint32_t v)
{
	size_t lo = 0, hi = l->count;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
#if FLOW_FAULT == 2
		bool before = l->spans[mid].hi <= v;
#else
		bool before = l->spans[mid].hi < v;
#endif
		if (before)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The least value of v and up that the literal holds for. */
static uint32_t literal_next(const struct literal *l, uint32_t v)
{
	size_t i = span_at(l, v);

	if (i == l->count)
		return l->negated ? v : NONE;
	const struct flow_span *s = &l->spans[i];

	if (l->negated)
		return v < s->lo ? v : s->hi + 1;
	return v < s->lo ? s->lo : v;
}

static uint32_t lane_next(const struct flow_lane *l, uint32_t v)
{
	uint32_t base = l->lo;

	if (v <= base)
		return base;
	base += (v - base) / l->step * l->step;
	if (base > l->last)
		base = l->last;
	if (v <= base + l->width)
		return v;
	return base < l->last ? base + l->step : NONE;
}

static uint32_t domain_next(const struct flow_domain *d, uint32_t v)
{
	uint32_t least = NONE;

	for (size_t i = 0; i < d->count; i++) {
		uint32_t next = lane_next(&d->lanes[i], v);

		if (next == v)
			return v;
		least = next < least ? next : least;
	}
	return least;
}

/* What a field can hold, where the kind of packet does not say less. */
static const struct flow_domain *domain_of(const struct search *s, unsigned coordinate)
{
	static const struct flow_lane octet[] = { { 0, 0, 1, 255 } },
				      word[] = { { 0, 0, 1, 65535 } }, dscp[] = { { 0, 0, 1, 63 } },
				      label[] = { { 0, 0, 1, 0xfffff } },
				      length[] = { { 0, 0, 1, FLOW_PACKET_MAX } };
	static const struct flow_domain wide[COORDINATES] = {
		[LENGTH] = { length, 1 },    [DSCP] = { dscp, 1 },
		[LABEL] = { label, 1 },      [PROTOCOL] = { octet, 1 },
		[SOURCE_PORT] = { word, 1 }, [DESTINATION_PORT] = { word, 1 },
		[ICMP_TYPE] = { octet, 1 },  [ICMP_CODE] = { octet, 1 },
	};

	if (s->shape != NULL && coordinate == LENGTH)
		return &s->shape->lengths;
	if (s->shape != NULL && coordinate == PROTOCOL)
		return &s->shape->protocols;
	return &wide[coordinate];
}

/* The least value of `from` and up that all literals hold for. */
static uint32_t number_find(const struct search *s, unsigned coordinate, uint32_t from)
{
	const struct flow_domain *d = domain_of(s, coordinate);
	const struct literal *l = s->literals[coordinate];
	unsigned n = s->now.literals[coordinate];
	uint32_t v = from, before;

	do {
		before = v;
		v = domain_next(d, v);
		for (unsigned i = 0; i < n && v != NONE; i++)
			v = literal_next(&l[i], v);
	} while (v != before && v != NONE);
	return v;
}

static bool add_literal(struct search *s, unsigned coordinate, const struct flow_view *v,
			unsigned type, bool negated)
{
	uint8_t *n = &s->now.literals[coordinate];

	if (*n == LITERALS_MAX) {
		s->overrun = true;
		return false;
	}
	s->literals[coordinate][(*n)++] = (struct literal){ .spans = v->numeric[type].spans,
							    .count = v->numeric[type].count,
							    .negated = negated };
	return number_find(s, coordinate, 0) != NONE;
}

/* ---- TCP flags ------------------------------------------------------------------------------ */

static uint64_t flags_word(const struct search *s, unsigned w)
{
	uint64_t word = UINT64_MAX;

	for (unsigned i = 0; i < s->now.flags; i++)
		word &= s->flags[i].negated ? ~s->flags[i].table[w] : s->flags[i].table[w];
	return word;
}

static uint32_t flags_find(const struct search *s)
{
	static const uint8_t usual[] = { 0x02, 0x10, 0x12, 0x18, 0x11, 0x04 };

	for (unsigned i = 0; i < sizeof(usual); i++)
		if (flags_word(s, 0) >> usual[i] & 1)
			return usual[i];
	for (unsigned w = 0; w < FLAG_WORDS; w++) {
		uint64_t word = flags_word(s, w);

		if (word != 0)
			return 64 * w + (uint32_t)__builtin_ctzll(word);
	}
	return NONE;
}

static bool add_flags(struct search *s, const struct flow_view *v, bool negated)
{
	if (s->now.flags == LITERALS_MAX) {
		s->overrun = true;
		return false;
	}
	s->flags[s->now.flags++] = (struct flag_literal){ v->tcp_flags, negated };
	return flags_find(s) != NONE;
}

/* ---- Addresses ------------------------------------------------------------------------------ */

static bool step(struct search *s)
{
	if (s->q->steps == 0 || ++s->steps <= s->q->steps)
		return true;
	s->overrun = true;
	return false;
}

static void fix_bit(struct flow_pattern *p, unsigned half, uint64_t bit, uint64_t value)
{
	p->mask[half] |= bit;
	p->bits[half] = (p->bits[half] & ~bit) | (value & bit);
}

/* The next way to miss one pattern: its bits that are free are taken one by one, each time with
 * those before it as the pattern has them. */
struct miss {
	struct flow_pattern before; /* what is fixed, with the bits that were already taken */
	bool only;                  /* it is missed anyway: one way, nothing fixed */
	bool done;
};

static struct miss miss_begin(const struct flow_pattern *fixed, const struct flow_pattern * not )
{
	return (struct miss){ .before = *fixed, .only = !flow_patterns_meet(fixed, not ) };
}

static bool miss_next(struct miss *m, const struct flow_pattern * not, struct flow_pattern *ret)
{
	if (m->done)
		return false;
	*ret = m->before;
	if (m->only) {
		m->done = true;
		return true;
	}
	for (unsigned half = 2; half-- > 0;) {
		uint64_t open = not ->mask[half] & ~m->before.mask[half], bit = open & -open;

		if (bit == 0)
			continue;
		fix_bit(ret, half, bit, ~not ->bits[half]);
		fix_bit(&m->before, half, bit, not ->bits[half]);
		return true;
	}
	m->done = true;
	return false;
}

/* An address that fits what is fixed and none of the patterns: *ret has bits enough fixed. */
static bool address_find(struct search *s, unsigned side, struct flow_pattern *ret)
{
	struct miss miss[LITERALS_MAX];
	unsigned n = s->now.nots[side], depth = 0;

	*ret = s->now.fixed[side];
	if (n == 0)
		return true;
	miss[0] = miss_begin(ret, &s->nots[side][0]);
	for (;;) {
		if (!step(s))
			return false;
		if (!miss_next(&miss[depth], &s->nots[side][depth], ret)) {
			if (depth-- == 0)
				return false;
		} else if (++depth == n) {
			return true;
		} else {
			miss[depth] = miss_begin(ret, &s->nots[side][depth]);
		}
	}
}

static bool add_pattern(struct search *s, unsigned side, const struct flow_pattern *p, bool negated)
{
	struct flow_pattern *fixed = &s->now.fixed[side], found;

	if (negated) {
		if (s->now.nots[side] == LITERALS_MAX) {
			s->overrun = true;
			return false;
		}
		s->nots[side][s->now.nots[side]++] = *p;
		return address_find(s, side, &found);
	}
	if (!flow_patterns_meet(fixed, p))
		return false;
	for (unsigned half = 0; half < 2; half++) {
		fixed->mask[half] |= p->mask[half];
		fixed->bits[half] |= p->bits[half];
	}
	return s->now.nots[side] == 0 || address_find(s, side, &found);
}

/* ---- Components ----------------------------------------------------------------------------- */

static bool add_fragment(struct search *s, const struct flow_view *v, bool negated)
{
#if FLOW_FAULT != 3
	s->now.fragments &= (uint16_t)(negated ? ~v->fragment : v->fragment);
#else
	(void)v;
	(void)negated;
#endif
	return (s->now.fragments & (s->shape != NULL ? s->shape->fragments : ALL_FRAGMENTS)) != 0;
}

/* From now on the packet has, or misses, this component.  False: then no packet is left (or there
 * is no room, which overrun says). */
static bool assume(struct search *s, const struct flow_view *v, unsigned type, bool negated)
{
	if (!step(s))
		return false;
	switch (type) {
	case FLOW_DESTINATION:
		return add_pattern(s, FLOW_TO, &v->address[FLOW_TO], negated);
	case FLOW_SOURCE:
		return add_pattern(s, FLOW_FROM, &v->address[FLOW_FROM], negated);
	case FLOW_FRAGMENT:
		return add_fragment(s, v, negated);
	case FLOW_TCP_FLAGS:
		return add_flags(s, v, negated);
	case FLOW_PORT: /* only missed here; see assume_ports */
#if FLOW_FAULT == 4
		return add_literal(s, DESTINATION_PORT, v, FLOW_PORT, true);
#else
		return add_literal(s, SOURCE_PORT, v, FLOW_PORT, true) &&
		       add_literal(s, DESTINATION_PORT, v, FLOW_PORT, true);
#endif
	default:
		return add_literal(s, coordinate_of[type], v, type, negated);
	}
}

static bool assume_all_but_port(struct search *s, const struct flow_view *v)
{
	for (unsigned i = 0; i < PARTS; i++)
		if (parts[i] != FLOW_PORT && v->asks >> parts[i] & 1 &&
		    !assume(s, v, parts[i], false))
			return false;
	return true;
}

/* Bit i of sides: the list of rule i's `port` holds for the source port, else the other one. */
static bool assume_ports(struct search *s, unsigned sides)
{
	for (size_t i = 0; i < s->q->all_count; i++) {
		const struct flow_view *v = s->q->all_of[i];
		unsigned at = sides >> i & 1 ? SOURCE_PORT : DESTINATION_PORT;

		if (v->asks >> FLOW_PORT & 1 && !add_literal(s, at, v, FLOW_PORT, false))
			return false;
	}
	return true;
}

/* ---- Rules that must not match -------------------------------------------------------------- */

/* Can this rule match any of the packets that are left?  Component by component, so that it may
 * say yes for addresses and ports that only several together exclude. */
static bool is_near(struct search *s, const struct flow_view *v)
{
	struct state was = s->now;
	bool near = v->family == s->family && (v->asks & ~s->shape->has) == 0;

	for (unsigned i = 0; near && i < PARTS - 1; i++)
		if (v->asks >> parts[i] & 1)
			near = assume(s, v, parts[i], false);
	s->now = was;
	return near || s->overrun;
}

/* Opens the next rule behind `from` that has to be missed; false: there is none. */
static bool open_split(struct search *s, size_t from, size_t *depth)
{
	for (size_t i = from; i < s->q->none_count && !s->overrun; i++) {
		const struct flow_view *v = s->q->none_of(s->q->ctx, i);

		if (v == NULL || !is_near(s, v))
			continue;
		if (*depth == FLOW_ENTANGLED_MAX) {
			s->overrun = true;
			return true;
		}
		s->splits[(*depth)++] = (struct split){ .rule = i, .state = s->now };
		return true;
	}
	return false;
}

/* Takes the next part of the split: s->now is then what is left in it.  False: no more parts.
 * Literals above a state are overwritten, so what comes before a part is put in place only now. */
static bool next_part(struct search *s, struct split *f)
{
	const struct flow_view *v = s->q->none_of(s->q->ctx, f->rule);

	for (; f->part < PARTS; f->part++) {
		unsigned type = parts[f->part];

		if (!(v->asks >> type & 1))
			continue;
		s->now = f->state;
		if (f->missed) { /* now the packets that have this component */
			f->missed = false;
			if (type == FLOW_PORT || !assume(s, v, type, false))
				return false;
			f->state = s->now;
			continue;
		}
		f->missed = true;
		if (assume(s, v, type, true))
			return true;
		if (s->overrun)
			return false;
		f->missed = false; /* all that are left have it */
	}
	return false;
}

/* In the kind at hand: does a packet escape all rules that must not match? */
static bool escapes(struct search *s)
{
	size_t depth = 0;

	if (!open_split(s, 0, &depth))
		return !s->overrun;
	while (depth > 0 && !s->overrun) {
		struct split *f = &s->splits[depth - 1];

		if (!next_part(s, f))
			depth--;
		else if (!open_split(s, f->rule + 1, &depth))
			return !s->overrun;
	}
	return false;
}

/* ---- The answer ----------------------------------------------------------------------------- */

static uint32_t prefer(const struct search *s, unsigned coordinate, uint32_t from)
{
	uint32_t v = number_find(s, coordinate, from);

	return v != NONE ? v : number_find(s, coordinate, 0);
}

/* Free bits are as in addresses that documents use: 198.51.100.1, 203.0.113.1, 2001:db8::1. */
static void take_address(struct search *s, unsigned side, uint64_t ret[2])
{
	static const uint64_t usual[FLOW_FAMILIES][2][2] = {
		[FLOW_IPV4] = { { UINT64_C(0xc633640100000000), 0 },
				{ UINT64_C(0xcb00710100000000), 0 } },
		[FLOW_IPV6] = { { UINT64_C(0x20010db800000000), 1 },
				{ UINT64_C(0x20010db8000f0000), 1 } },
	};
	struct flow_pattern p;

	if (!address_find(s, side, &p)) /* it was there a moment ago: only the steps can end */
		return;
	for (unsigned half = 0; half < 2; half++)
		ret[half] = (usual[s->family][side][half] & ~p.mask[half]) |
			    (p.bits[half] & p.mask[half]);
}

static void take_point(struct search *s, struct flow_point *ret)
{
	uint16_t fragments = s->now.fragments & s->shape->fragments;
	uint32_t natural = s->shape->natural;

	*ret = (struct flow_point){ .shape = s->shape };
	ret->fragment = (uint32_t)__builtin_ctz(fragments | 1U << 16);
	if (s->family == FLOW_IPV4 && ret->fragment & 4) /* its octets are a multiple of 8 */
		natural = 20 + (natural - 20 + 7) / 8 * 8;
	take_address(s, FLOW_TO, ret->address[FLOW_TO]);
	take_address(s, FLOW_FROM, ret->address[FLOW_FROM]);
	ret->length = prefer(s, LENGTH, natural);
	ret->dscp = prefer(s, DSCP, 0);
	ret->label = prefer(s, LABEL, 0);
	ret->protocol = prefer(s, PROTOCOL, 17);
	ret->source_port = prefer(s, SOURCE_PORT, 49152);
	ret->destination_port = prefer(s, DESTINATION_PORT, 7);
	ret->icmp_type = prefer(s, ICMP_TYPE, s->family == FLOW_IPV6 ? 128 : 8);
	ret->icmp_code = prefer(s, ICMP_CODE, 0);
	ret->tcp_flags = flags_find(s);
}

static bool in_shape(struct search *s, const struct flow_shape *shape, unsigned asks)
{
	s->shape = shape;
	return (asks & ~(unsigned)shape->has) == 0 && (s->now.fragments & shape->fragments) != 0 &&
	       number_find(s, PROTOCOL, 0) != NONE && number_find(s, LENGTH, 0) != NONE &&
	       escapes(s);
}

static bool in_shapes(struct search *s, unsigned asks, struct flow_point *ret)
{
	struct state was = s->now;
	size_t n;
	const struct flow_shape *shape = flow_shapes(s->family, &n);

	for (size_t i = 0; i < n && !s->overrun; i++) {
		s->now = was;
		if (in_shape(s, &shape[i], asks)) {
			s->steps = 0;
			take_point(s, ret);
			return true;
		}
	}
	s->shape = NULL;
	return false;
}

static bool search_sides(struct search *s, unsigned asks, struct flow_point *ret)
{
	struct state was = s->now;
	unsigned with_port = 0;

	for (size_t i = 0; i < s->q->all_count && i < FLOW_ALL_OF_MAX; i++)
		with_port |= (s->q->all_of[i]->asks >> FLOW_PORT & 1U) << i;
#if FLOW_FAULT == 4
	with_port = 0;
#endif
	for (unsigned sides = 0; sides <= with_port && !s->overrun; sides++) {
		if ((sides & ~with_port) != 0)
			continue;
		s->now = was;
		if (assume_ports(s, sides) && in_shapes(s, asks, ret))
			return true;
	}
	return false;
}

enum flow_answer flow_search(const struct flow_question *q, struct flow_point *ret)
{
	struct search s; /* large, and only what `now` counts is read */
	unsigned asks = 0;

	s.q = q;
	s.shape = NULL;
	s.family = q->all_of[0]->family;
	s.steps = 0;
	s.overrun = false;
	s.now = (struct state){ .fragments = ALL_FRAGMENTS };
	for (size_t i = 0; i < q->all_count; i++) {
		asks |= q->all_of[i]->asks;
		if (q->all_of[i]->family != s.family || !assume_all_but_port(&s, q->all_of[i]))
			return s.overrun ? FLOW_TOO_COMPLEX : FLOW_NO;
	}
	if (search_sides(&s, asks, ret))
		return FLOW_YES;
	return s.overrun ? FLOW_TOO_COMPLEX : FLOW_NO;
}
