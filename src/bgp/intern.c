/* SPDX-License-Identifier: ISC */
/* intern.c - the table of path attributes: equal ones are one object.
 *
 * Invariants:
 * 1. An object is in its table exactly as long as refs > 0.
 * 2. It is one allocation: the struct, then its octets.
 * The table is as large as what holds references; those who do have caps.
 */
#include "bgp/bgp.h"

#include <stdlib.h>
#include <sys/random.h>

struct bgp_attr_table {
	struct map map;
	uint64_t seed;
};

/* Every field with octets; hash, comparison and copy read this. */
static const size_t octet_fields[] = {
	offsetof(struct bgp_attrs, as_path),      offsetof(struct bgp_attrs, aggregator),
	offsetof(struct bgp_attrs, cluster_list), offsetof(struct bgp_attrs, communities),
	offsetof(struct bgp_attrs, ext),          offsetof(struct bgp_attrs, ext6),
	offsetof(struct bgp_attrs, large),        offsetof(struct bgp_attrs, unknown),
};
enum {
	OCTET_FIELDS = sizeof(octet_fields) / sizeof(octet_fields[0]),
	FIXED_MAX = 64
};

static const struct bgp_octets *octets_of(const struct bgp_attrs *a, size_t i)
{
	return (const struct bgp_octets *)((const char *)a + octet_fields[i]);
}

static struct bgp_octets *octets_at(struct bgp_attrs *a, size_t i)
{
	return (struct bgp_octets *)((char *)a + octet_fields[i]);
}

/* The fields of fixed size in one form, without padding and without values that do not count. */
static size_t fixed(const struct bgp_attrs *a, uint8_t buf[FIXED_MAX])
{
	struct wr w = wr_over(buf, FIXED_MAX);

	wr_u8(&w, a->origin);
	wr_u8(&w, (uint8_t)(a->has_med | a->has_local_pref << 1 | a->has_originator_id << 2 |
			    a->atomic_aggregate << 3));
	wr_u32(&w, a->has_med ? a->med : 0);
	wr_u32(&w, a->has_local_pref ? a->local_pref : 0);
	if (a->has_originator_id)
		wr_bytes(&w, a->originator_id, sizeof(a->originator_id));
	wr_u8(&w, a->next_hop_len);
	wr_bytes(&w, a->next_hop, a->next_hop_len <= sizeof(a->next_hop) ? a->next_hop_len : 0);
	return wr_len(&w);
}

static uint64_t hash(const struct bgp_attrs *a, uint64_t seed)
{
	uint8_t buf[FIXED_MAX];
	uint64_t h = map_hash(buf, fixed(a, buf), seed);

	for (size_t i = 0; i < OCTET_FIELDS; i++)
		h = map_hash(octets_of(a, i)->at, octets_of(a, i)->len, h);
	return h;
}

static bool equal(const struct map_node *n, const void *key)
{
	const struct bgp_attrs *a = (const struct bgp_attrs *)n,
			       *b = key; /* node is the first member */
	uint8_t fixed_a[FIXED_MAX], fixed_b[FIXED_MAX];
	size_t len = fixed(a, fixed_a);

	if (len != fixed(b, fixed_b) || memcmp(fixed_a, fixed_b, len) != 0)
		return false;
	for (size_t i = 0; i < OCTET_FIELDS; i++) {
		const struct bgp_octets *x = octets_of(a, i), *y = octets_of(b, i);

		if (x->len != y->len || (x->len > 0 && memcmp(x->at, y->at, x->len) != 0))
			return false;
	}
	return true;
}

_Static_assert(offsetof(struct bgp_attrs, node) == 0, "equal() takes a node for its owner");

struct bgp_attr_table *bgp_attr_table_new(void)
{
	struct bgp_attr_table *t = calloc(1, sizeof(*t));

	/* Without a seed the table still works, only who fills it could aim at one slot. */
	if (t != NULL && getrandom(&t->seed, sizeof(t->seed), GRND_NONBLOCK) < 0)
		t->seed = (uintptr_t)t;
	return t;
}

void bgp_attr_table_free(struct bgp_attr_table *t)
{
	if (t == NULL)
		return;
	map_done(&t->map);
	free(t);
}

static struct bgp_attrs *copy(const struct bgp_attrs *draft)
{
	size_t len = 0;

	for (size_t i = 0; i < OCTET_FIELDS; i++)
		len += octets_of(draft, i)->len;
	struct bgp_attrs *a = malloc(sizeof(*a) + len);
	if (a == NULL)
		return NULL;
	*a = *draft;
	a->refs = 1;
	uint8_t *at = (uint8_t *)(a + 1);
	for (size_t i = 0; i < OCTET_FIELDS; i++) {
		struct bgp_octets *o = octets_at(a, i);

		if (o->len > 0)
			memcpy(at, o->at, o->len);
		o->at = at;
		at += o->len;
	}
	return a;
}

struct bgp_attrs *bgp_attrs_intern(struct bgp_attr_table *t, const struct bgp_attrs *draft)
{
	uint64_t h = hash(draft, t->seed);
	struct map_node *n = map_find(&t->map, h, equal, draft);

	if (n != NULL)
		return bgp_attrs_ref((struct bgp_attrs *)n);
	struct bgp_attrs *a = copy(draft);
	if (a == NULL)
		return NULL;
	if (!map_insert(&t->map, &a->node, h)) {
		free(a);
		return NULL;
	}
	return a;
}

struct bgp_attrs *bgp_attrs_ref(struct bgp_attrs *a)
{
	a->refs++;
	return a;
}

void bgp_attrs_unref(struct bgp_attr_table *t, struct bgp_attrs *a)
{
	if (a == NULL || --a->refs > 0)
		return;
	map_remove(&t->map, &a->node);
	free(a);
}
