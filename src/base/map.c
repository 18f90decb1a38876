/* SPDX-License-Identifier: ISC */
/* map.c - see map.h.
 *
 * Invariant: a node stands in slot hash & mask, and nodes of one slot stand newest first, also
 * after the table has doubled.  The hash is SipHash-1-3 (Aumasson, Bernstein), so that who does
 * not know the seed cannot aim at one slot.
 */
#include "base/map.h"

#include <stdlib.h>
#include <string.h>

enum {
	SLOTS_FIRST = 16
};

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static inline void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v2 = rotate(s->v2, 32);
}

static inline void sip_absorb(struct sip *s, uint64_t m)
{
	s->v3 ^= m;
	sip_round(s);
	s->v0 ^= m;
}

uint64_t map_hash(const void *octets, size_t len, uint64_t seed)
{
	const uint8_t *p = octets;
	uint64_t k1 = rotate(seed, 32) ^ 0x9e3779b97f4a7c15, m = 0;
	struct sip s = { seed ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
			 seed ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573 };
	size_t left = len;

	for (; left >= 8; left -= 8, p += 8) {
		memcpy(&m, p, 8);
		sip_absorb(&s, m);
	}
	m = 0;
	if (left > 0)
		memcpy(&m, p, left);
	sip_absorb(&s, m ^ (uint64_t)len << 56);
	s.v2 ^= 0xff;
	sip_round(&s);
	sip_round(&s);
	sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

struct map_node *map_find(const struct map *m, uint64_t hash, map_equal *equal, const void *key)
{
	if (m->slots == NULL)
		return NULL;
	for (struct map_node *n = m->slots[hash & m->mask]; n != NULL; n = n->next)
		if (n->hash == hash && equal(n, key))
			return n;
	return NULL;
}

/* Each old slot splits into two; its nodes keep their order. */
static void split(struct map_node *n, uint64_t bit, struct map_node **low, struct map_node **high)
{
	for (; n != NULL; n = n->next) {
		struct map_node ***tail = (n->hash & bit) != 0 ? &high : &low;

		**tail = n;
		*tail = &n->next;
	}
	*low = NULL;
	*high = NULL;
}

static bool grow(struct map *m)
{
	size_t old = m->slots == NULL ? 0 : m->mask + 1;
	size_t size = old == 0 ? SLOTS_FIRST : 2 * old;
	struct map_node **slots = calloc(size, sizeof(struct map_node *));

	if (slots == NULL)
		return false;
	for (size_t i = 0; i < old; i++)
		split(m->slots[i], old, &slots[i], &slots[i + old]);
	free(m->slots);
	m->slots = slots;
	m->mask = size - 1;
	return true;
}

bool map_insert(struct map *m, struct map_node *n, uint64_t hash)
{
	/* A full table that cannot grow goes on with longer chains. */
	if ((m->slots == NULL || m->count > m->mask) && !grow(m) && m->slots == NULL)
		return false;
	n->hash = hash;
	n->next = m->slots[hash & m->mask];
	m->slots[hash & m->mask] = n;
	m->count++;
	return true;
}

void map_remove(struct map *m, struct map_node *n)
{
	if (m->slots == NULL)
		return;
	for (struct map_node **at = &m->slots[n->hash & m->mask]; *at != NULL; at = &(*at)->next) {
		if (*at != n)
			continue;
		*at = n->next;
		n->next = NULL;
		m->count--;
		return;
	}
}

void map_each(struct map *m, void (*visit)(struct map_node *n, void *ctx), void *ctx)
{
	for (size_t i = 0; m->slots != NULL && i <= m->mask; i++) {
		for (struct map_node *n = m->slots[i], *next; n != NULL; n = next) {
			next = n->next;
			visit(n, ctx);
		}
	}
}

void map_done(struct map *m)
{
	free(m->slots);
	*m = (struct map){ 0 };
}
