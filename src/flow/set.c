/* SPDX-License-Identifier: ISC */
/* set.c - many rules in an order: which of them meets a rule, which are shadowed.
 *
 * Rules are kept as views, their spans behind them in the same block.  They are sorted by
 * destination and by source, each key with its parent, the key before it that contains it: the
 * rules whose prefix meets another prefix are a run of keys (inside it) and a chain of parents
 * (around it).  A prefix with an offset is no run of addresses and is kept as ::/0 there.  They are
 * sorted by each of the other fields too, as ranges (ranges.h) from their first to their last value
 * there.  A question goes through the rules that meet it in one of these orders, the one that has
 * the fewest.
 *
 * Rules that differ in nothing but addresses are of one class.  Addresses vary apart from all other
 * fields, so that a rule meets another one when both prefixes do and the classes do; thousands of
 * protected sessions are a few classes, each asked once.  Before a class is asked in earnest the
 * kinds of packets that it can match and the ranges of all its fields are compared.
 *
 * What it is not good at: thousands of classes, each of which meets the rule asked for in its
 * prefixes, in a kind of packet and in the range of every field, and yet has no packet in common
 * with it; then each is asked, some 200 ns.
 */
#include <stdlib.h>

#include "flow/algebra.h"
#include "flow/ranges.h"

enum {
	NO_KEY = UINT32_MAX,
	SIDES = 2,
	FIELDS = 8,
	FEW = 16,            /* rules that are sooner asked than another order is looked at */
	VERDICTS_MAX = 1024, /* classes whose answer is remembered in one question */
	NEAR_MAX = 512       /* rules that may together shadow one */
};

struct entry {
	struct flow_view view;
	uint64_t hash; /* of all but addresses */
	bool more;
};

/* What of a rule is looked at first, so small that thousands are soon gone through. */
struct brief {
	uint32_t kinds, class;
};

struct key {
	uint64_t bits[2];
	uint32_t entry, parent, depth; /* how many parents */
	uint8_t family, len;
};

/* `port` is none of them: it speaks of two fields. */
static const uint8_t fields[FIELDS] = {
	FLOW_PROTOCOL,  FLOW_DESTINATION_PORT, FLOW_SOURCE_PORT, FLOW_ICMP_TYPE,
	FLOW_ICMP_CODE, FLOW_PACKET_LENGTH,    FLOW_DSCP,        FLOW_LABEL,
};

/* From the first to the last value of each field; and the kinds of packets that it fits, a bit
 * each, those of IPv6 behind those of IPv4. */
struct hull {
	uint32_t lo[FIELDS], hi[FIELDS], kinds;
	uint32_t entry; /* one of the class */
};

struct flow_set {
	size_t capacity, count, classes;
	uint32_t kinds; /* of all rules together */
	struct entry *entries;
	struct brief *briefs;
	struct key *keys[SIDES];
	struct flow_ranges ranges[FIELDS];
	struct hull *hulls;
	uint32_t *slots; /* of classes by hash, 0 free, else class + 1 */
	size_t mask;
	uint8_t *free, *end;
};

static size_t aligned(size_t n)
{
	return (n + 15) / 16 * 16;
}

static size_t slot_count(size_t capacity)
{
	size_t n = 16;

	while (n < 2 * capacity)
		n *= 2;
	return n;
}

size_t flow_set_room(const struct flow_normal *n)
{
	return aligned(n->span_count * sizeof(n->spans[0])) +
	       (n->has_tcp_flags ? sizeof(n->tcp_flags) : 0);
}

size_t flow_set_size(size_t rules, size_t rooms)
{
	return aligned(sizeof(struct flow_set)) + aligned(rules * sizeof(struct entry)) +
	       aligned(rules * sizeof(struct brief)) + SIDES * aligned(rules * sizeof(struct key)) +
	       FIELDS * aligned(rules * sizeof(struct flow_range)) +
	       aligned(rules * sizeof(struct hull)) +
	       aligned(slot_count(rules) * sizeof(uint32_t)) + rooms;
}

static void *take(uint8_t **at, size_t octets)
{
	void *ret = *at;

	*at += aligned(octets);
	return ret;
}

struct flow_set *flow_set_init(void *memory, size_t size, size_t capacity)
{
	uint8_t *at = memory;
	struct flow_set *s;

	if (capacity > FLOW_SET_MAX || size < flow_set_size(capacity, 0))
		return NULL;
	s = take(&at, sizeof(*s));
	*s = (struct flow_set){ .capacity = capacity, .end = (uint8_t *)memory + size };
	s->entries = take(&at, capacity * sizeof(s->entries[0]));
	s->briefs = take(&at, capacity * sizeof(s->briefs[0]));
	for (unsigned side = 0; side < SIDES; side++)
		s->keys[side] = take(&at, capacity * sizeof(s->keys[side][0]));
	for (unsigned i = 0; i < FIELDS; i++)
		s->ranges[i].at = take(&at, capacity * sizeof(s->ranges[i].at[0]));
	s->hulls = take(&at, capacity * sizeof(s->hulls[0]));
	s->mask = slot_count(capacity) - 1;
	s->slots = take(&at, (s->mask + 1) * sizeof(s->slots[0]));
	s->free = at;
	return s;
}

size_t flow_set_count(const struct flow_set *s)
{
	return s->count;
}

/* ---- Adding --------------------------------------------------------------------------------- */

static uint64_t hash_octets(uint64_t h, const void *data, size_t n)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h;
}

enum {
	ADDRESSES = 1 << FLOW_DESTINATION | 1 << FLOW_SOURCE
};

static uint64_t class_hash(const struct flow_view *v)
{
	unsigned asks = v->asks & ~(unsigned)ADDRESSES;
	uint64_t h = hash_octets(UINT64_C(0xcbf29ce484222325), &v->family, sizeof(v->family));

	h = hash_octets(h, &asks, sizeof(asks));
	for (unsigned t = 0; t <= FLOW_COMPONENTS; t++)
		h = hash_octets(h, v->numeric[t].spans,
				v->numeric[t].count * sizeof(v->numeric[t].spans[0]));
	if (asks >> FLOW_TCP_FLAGS & 1)
		h = hash_octets(h, v->tcp_flags, 64 * sizeof(v->tcp_flags[0]));
	return asks >> FLOW_FRAGMENT & 1 ? hash_octets(h, &v->fragment, sizeof(v->fragment)) : h;
}

static bool class_equal(const struct flow_view *a, const struct flow_view *b)
{
	if (a->family != b->family || ((a->asks ^ b->asks) & ~(unsigned)ADDRESSES) != 0)
		return false;
	for (unsigned t = FLOW_PROTOCOL; t <= FLOW_COMPONENTS; t++) {
		size_t n = a->numeric[t].count;

		if (n != b->numeric[t].count ||
		    (n > 0 && memcmp(a->numeric[t].spans, b->numeric[t].spans,
				     n * sizeof(a->numeric[t].spans[0])) != 0))
			return false;
	}
	return (!(a->asks >> FLOW_FRAGMENT & 1) || a->fragment == b->fragment) &&
	       (!(a->asks >> FLOW_TCP_FLAGS & 1) ||
		memcmp(a->tcp_flags, b->tcp_flags, 64 * sizeof(a->tcp_flags[0])) == 0);
}

bool flow_set_add(struct flow_set *s, const struct flow_normal *n, bool more)
{
	struct entry *e = &s->entries[s->count];
	struct flow_span *spans = (void *)s->free;
	uint64_t *flags = (void *)(s->free + aligned(n->span_count * sizeof(spans[0])));

	if (s->count == s->capacity || (size_t)(s->end - s->free) < flow_set_room(n))
		return false;
	*e = (struct entry){ .more = more };
	flow_view_make(n, &e->view);
	memcpy(spans, n->spans, n->span_count * sizeof(spans[0]));
	for (unsigned t = 0; t <= FLOW_COMPONENTS; t++)
		if (e->view.numeric[t].spans != NULL)
			e->view.numeric[t].spans = spans + n->numeric[t].first;
	if (n->has_tcp_flags)
		memcpy(flags, n->tcp_flags, sizeof(n->tcp_flags));
	e->view.tcp_flags = n->has_tcp_flags ? flags : NULL;
	e->hash = class_hash(&e->view);
	s->free += flow_set_room(n);
	s->count++;
	return true;
}

/* ---- Index ---------------------------------------------------------------------------------- */

static unsigned ones(const uint64_t mask[2])
{
	return (unsigned)(__builtin_popcountll(mask[0]) + __builtin_popcountll(mask[1]));
}

static void prefix_mask(unsigned len, uint64_t ret[2])
{
	ret[0] = len == 0 ? 0 : len >= 64 ? UINT64_MAX : ~(UINT64_MAX >> len);
	ret[1] = len <= 64 ? 0 : len >= 128 ? UINT64_MAX : ~(UINT64_MAX >> (len - 64));
}

static struct key key_of(const struct flow_view *v, unsigned side)
{
	const struct flow_pattern *p = &v->address[side];
	struct key k = { .family = (uint8_t)v->family };
	unsigned len = ones(p->mask);
	uint64_t mask[2];

	prefix_mask(len, mask);
	if (mask[0] == p->mask[0] && mask[1] == p->mask[1]) {
		k.len = (uint8_t)len;
		memcpy(k.bits, p->bits, sizeof(k.bits));
	}
	return k;
}

static int key_compare(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	for (unsigned half = 0; half < 2; half++)
		if (x->bits[half] != y->bits[half])
			return x->bits[half] < y->bits[half] ? -1 : 1;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return (x->entry > y->entry) - (x->entry < y->entry);
}

static bool key_contains(const struct key *outer, const struct key *inner)
{
	uint64_t mask[2];

	prefix_mask(outer->len, mask);
	return outer->family == inner->family && outer->len <= inner->len &&
	       (((outer->bits[0] ^ inner->bits[0]) & mask[0]) |
		((outer->bits[1] ^ inner->bits[1]) & mask[1])) == 0;
}

static void index_side(struct flow_set *s, unsigned side)
{
	struct key *k = s->keys[side];

	for (size_t i = 0; i < s->count; i++) {
		k[i] = key_of(&s->entries[i].view, side);
		k[i].entry = (uint32_t)i;
	}
	if (s->count > 1)
		qsort(k, s->count, sizeof(k[0]), key_compare);
	for (size_t i = 0; i < s->count; i++) {
		uint32_t up = i > 0 ? (uint32_t)i - 1 : NO_KEY;

		while (up != NO_KEY && !key_contains(&k[up], &k[i]))
			up = k[up].parent;
		k[i].parent = up;
		k[i].depth = up == NO_KEY ? 0 : k[up].depth + 1;
	}
}

static bool domain_meets(const struct flow_domain *d, uint32_t lo, uint32_t hi)
{
	for (size_t i = 0; i < d->count; i++)
		if (d->lanes[i].lo <= hi && lo <= d->lanes[i].last + d->lanes[i].width)
			return true;
	return false;
}

static uint32_t kinds_of(const struct flow_view *v, const struct hull *h)
{
	size_t count, before = 0;
	const struct flow_shape *shapes = flow_shapes(v->family, &count);
	uint32_t kinds = 0;

	if (v->family == FLOW_IPV6)
		(void)flow_shapes(FLOW_IPV4, &before);
	for (size_t i = 0; i < count; i++) {
		const struct flow_shape *x = &shapes[i];

		if ((v->asks & ~x->has) == 0 &&
		    (!(v->asks >> FLOW_FRAGMENT & 1) || (v->fragment & x->fragments) != 0) &&
		    domain_meets(&x->protocols, h->lo[0], h->hi[0]))
			kinds |= UINT32_C(1) << (before + i);
	}
	return kinds;
}

static void hull_make(const struct flow_view *v, struct hull *ret)
{
	for (unsigned i = 0; i < FIELDS; i++) {
		size_t n = v->numeric[fields[i]].count;
		const struct flow_span *spans = v->numeric[fields[i]].spans;

		ret->lo[i] = 0;
		ret->hi[i] = UINT32_MAX;
		if (!(v->asks >> fields[i] & 1))
			continue;
		ret->lo[i] = n > 0 ? spans[0].lo : 1;
		ret->hi[i] = n > 0 ? spans[n - 1].hi : 0;
	}
	ret->kinds = kinds_of(v, ret);
}

static void index_field(struct flow_set *s, unsigned field)
{
	struct flow_ranges *r = &s->ranges[field];

	for (r->count = 0; r->count < s->count; r->count++) {
		const struct entry *e = &s->entries[r->count];
		const struct hull *h = &s->hulls[s->briefs[r->count].class];
		bool asks = e->view.asks >> fields[field] & 1;

		r->at[r->count] = (struct flow_range){ .lo = asks ? h->lo[field] : FLOW_RANGE_ANY,
						       .hi = h->hi[field],
						       .item = (uint32_t)r->count };
	}
	flow_ranges_index(r);
}

/* Which class it is; a new one if there is none. */
static uint32_t index_class(struct flow_set *s, const struct entry *e)
{
	size_t at = (e->hash ^ e->hash >> 32) & s->mask;

	for (; s->slots[at] != 0; at = (at + 1) & s->mask) {
		const struct entry *other = &s->entries[s->hulls[s->slots[at] - 1].entry];

		if (other->hash == e->hash && class_equal(&other->view, &e->view))
			return s->slots[at] - 1;
	}
	hull_make(&e->view, &s->hulls[s->classes]);
	s->hulls[s->classes].entry = (uint32_t)(e - s->entries);
	s->slots[at] = (uint32_t)++s->classes;
	return s->slots[at] - 1;
}

void flow_set_index(struct flow_set *s)
{
	for (unsigned side = 0; side < SIDES; side++)
		index_side(s, side);
	memset(s->slots, 0, (s->mask + 1) * sizeof(s->slots[0]));
	s->classes = 0;
	s->kinds = 0;
	for (size_t i = 0; i < s->count; i++) {
		uint32_t class = index_class(s, &s->entries[i]);

		s->briefs[i] = (struct brief){ s->hulls[class].kinds, class };
		s->kinds |= s->hulls[class].kinds;
	}
	for (unsigned field = 0; field < FIELDS; field++)
		index_field(s, field);
}

/* ---- Who is near ---------------------------------------------------------------------------- */

/* Rules that meet a rule in one respect: a run of ranges in a field; or, of the prefix on one side,
 * keys at..end and the chain up from `up`; or just all rules at..end. */
struct near {
	enum {
		NEAR_FIELD,
		NEAR_PREFIX,
		NEAR_ALL
	} by;
	struct flow_range_run run;
	const struct key *keys;
	struct key want;
	size_t at, end, count;
	uint32_t up;
};

static size_t key_bound(const struct flow_set *s, unsigned side, const struct key *want)
{
	size_t lo = 0, hi = s->count;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (key_compare(&s->keys[side][mid], want) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct near near_side(const struct flow_set *s, const struct flow_view *v, unsigned side)
{
	struct near n = {
		.by = NEAR_PREFIX, .keys = s->keys[side], .want = key_of(v, side), .up = NO_KEY
	};
	struct key last = n.want;
	uint64_t mask[2];

	prefix_mask(n.want.len, mask);
	last.bits[0] |= ~mask[0];
	last.bits[1] |= ~mask[1];
	last.len = UINT8_MAX;
	n.at = key_bound(s, side, &n.want);
	n.end = key_bound(s, side, &last);
	n.count = n.end - n.at;
	if (n.at > 0) {
		n.up = (uint32_t)n.at - 1;
		n.count += n.keys[n.up].depth + 1;
	}
	return n;
}

static struct near near_field(const struct flow_set *s, const struct hull *h, unsigned field)
{
	struct near n = { .by = NEAR_FIELD,
			  .run = flow_ranges_meeting(&s->ranges[field], h->lo[field],
						     h->hi[field]) };

	n.count = flow_range_run_count(&n.run);
	return n;
}

/* In the respect that has the fewest of them; when it has all, in the order that is read best. */
static struct near near_find(const struct flow_set *s, const struct flow_view *v,
			     const struct hull *h)
{
	struct near best = near_side(s, v, FLOW_TO), from = near_side(s, v, FLOW_FROM);

	if (from.count < best.count)
		best = from;
	for (unsigned i = 0; i < FIELDS && best.count > FEW; i++) {
		struct near n;

		if (!(v->asks >> fields[i] & 1))
			continue;
		n = near_field(s, h, i);
		if (n.count < best.count)
			best = n;
	}
	if (best.count >= s->count)
		best = (struct near){ .by = NEAR_ALL, .end = s->count, .count = s->count };
	return best;
}

/* The next rule, or FLOW_SET_NONE. */
static size_t near_next(struct near *n)
{
	if (n->by == NEAR_FIELD) {
		const struct flow_range *r = flow_range_run_next(&n->run);

		return r != NULL ? r->item : FLOW_SET_NONE;
	}
	while (n->by == NEAR_PREFIX && n->up != NO_KEY) {
		const struct key *k = &n->keys[n->up];

		n->up = k->parent;
		if (key_contains(k, &n->want))
			return k->entry;
	}
	if (n->at == n->end)
		return FLOW_SET_NONE;
	return n->by == NEAR_PREFIX ? n->keys[n->at++].entry : n->at++;
}

/* ---- meets ---------------------------------------------------------------------------------- */

enum verdict {
	UNKNOWN,
	APART,
	MEETS
};

struct meeting {
	const struct flow_set *set;
	struct flow_view want; /* without addresses */
	struct hull hull;
	uint8_t verdicts[VERDICTS_MAX];
};

static bool hulls_meet(const struct hull *a, const struct hull *b)
{
	if ((a->kinds & b->kinds) == 0)
		return false;
	for (unsigned i = 0; i < FIELDS; i++)
		if (a->lo[i] > b->hi[i] || b->lo[i] > a->hi[i])
			return false;
	return true;
}

static bool class_ask(const struct meeting *m, uint32_t class)
{
	struct flow_view v = m->set->entries[m->set->hulls[class].entry].view;

	v.asks &= (uint16_t)~ADDRESSES;
	return flow_views_overlap(&v, &m->want, NULL);
}

/* Of a class whose hull meets. */
static bool class_meets(struct meeting *m, uint32_t class)
{
	uint8_t *verdict = class < VERDICTS_MAX ? &m->verdicts[class] : NULL;

	if (verdict == NULL)
		return class_ask(m, class);
	if (*verdict == UNKNOWN)
		*verdict = class_ask(m, class) ? MEETS : APART;
	return *verdict == MEETS;
}

static bool any_class_meets(struct meeting *m)
{
	for (uint32_t c = 0; c < m->set->classes; c++)
		if (hulls_meet(&m->set->hulls[c], &m->hull) && class_meets(m, c))
			return true;
	return false;
}

/* Cheap tests first. */
static bool entry_meets(struct meeting *m, size_t i, const struct flow_view *v)
{
	const struct brief *b = &m->set->briefs[i];
	const struct flow_pattern *address;

	if ((b->kinds & m->hull.kinds) == 0 || !hulls_meet(&m->set->hulls[b->class], &m->hull))
		return false;
	address = m->set->entries[i].view.address;
	return flow_patterns_meet(&address[FLOW_TO], &v->address[FLOW_TO]) &&
	       flow_patterns_meet(&address[FLOW_FROM], &v->address[FLOW_FROM]) &&
	       class_meets(m, b->class);
}

size_t flow_set_meets(const struct flow_set *s, const struct flow_normal *n, struct flow_witness *w)
{
	struct meeting m = { .set = s };
	struct flow_view v;
	struct near near;
	size_t i;

	flow_view_make(n, &v);
	m.want = v;
	m.want.asks &= (uint16_t)~ADDRESSES;
	hull_make(&v, &m.hull);
	if ((m.hull.kinds & s->kinds) == 0)
		return FLOW_SET_NONE;
	near = near_find(s, &v, &m.hull);
	if (near.count > s->classes && !any_class_meets(&m))
		return FLOW_SET_NONE;
	while ((i = near_next(&near)) != FLOW_SET_NONE)
		if (entry_meets(&m, i, &v)) {
			if (w != NULL)
				(void)flow_views_overlap(&s->entries[i].view, &v, w);
			return i;
		}
	return FLOW_SET_NONE;
}

/* ---- shadowed ------------------------------------------------------------------------------- */

struct earlier {
	const struct flow_set *set;
	size_t count;
	uint32_t at[NEAR_MAX];
};

static const struct flow_view *earlier_view(const void *ctx, size_t i)
{
	const struct earlier *e = ctx;

	return &e->set->entries[e->at[i]].view;
}

/* Collects the rules before i that meet it, and finds the first that covers it.  False: there are
 * too many of them. */
static bool earlier_find(const struct flow_set *s, size_t i, struct earlier *ret, size_t *ret_by)
{
	const struct flow_view *v = &s->entries[i].view;
	struct near near = near_find(s, v, &s->hulls[s->briefs[i].class]);
	size_t j;
	bool room = true;

	*ret_by = FLOW_SET_NONE;
	ret->set = s;
	ret->count = 0;
	while ((j = near_next(&near)) != FLOW_SET_NONE) {
		const struct entry *e = &s->entries[j];

		if (j >= i || e->more || !flow_views_overlap(&e->view, v, NULL))
			continue;
		if (j < *ret_by && flow_view_covers(&e->view, v, NULL))
			*ret_by = j;
		room &= ret->count < NEAR_MAX;
		if (room)
			ret->at[ret->count++] = (uint32_t)j;
	}
	return room;
}

enum flow_answer flow_set_shadowed(const struct flow_set *s, size_t i, unsigned steps,
				   size_t *ret_by, struct flow_witness *w)
{
	struct earlier earlier;
	struct flow_question q = { .all_of = { &s->entries[i].view },
				   .all_count = 1,
				   .none_of = earlier_view,
				   .ctx = &earlier,
				   .steps = steps };
	struct flow_point p;
	bool whole = earlier_find(s, i, &earlier, ret_by);

	if (*ret_by != FLOW_SET_NONE)
		return FLOW_YES;
	if (!whole)
		return FLOW_TOO_COMPLEX;
	q.none_count = earlier.count;
	switch (flow_search(&q, &p)) {
	case FLOW_YES:
		flow_witness_write(&p, w);
		return FLOW_NO;
	case FLOW_NO:
		return FLOW_YES;
	default:
		return FLOW_TOO_COMPLEX;
	}
}
