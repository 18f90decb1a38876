/* SPDX-License-Identifier: ISC */
/* sets.c - see sets.h. */
#include "enforce/sets.h"

#include <stdlib.h>
#include <string.h>

#include "enforce/box.h"

bool sets_init(struct sets *s, struct xdp_set *table)
{
	memset(s, 0, sizeof(*s));
	s->table = table;
	return space_init(&s->space, XDP_SETS);
}

void sets_done(struct sets *s)
{
	space_done(&s->space);
}

static uint64_t set_hash(const struct xdp_set *set)
{
	uint64_t h = set->count;

	for (unsigned i = 0; i < set->count; i++)
		h = (h ^ set->mask[i]) * 0x9e3779b97f4a7c15;
	return h;
}

static uint32_t find(const struct sets *s, const struct xdp_set *set, uint64_t hash)
{
	for (uint32_t i = 1; i < XDP_SETS; i++)
		if (s->refs[i] > 0 && s->hash[i] == hash && s->table[i].count == set->count &&
		    memcmp(s->table[i].mask, set->mask, set->count * sizeof(set->mask[0])) == 0)
			return i;
	return 0;
}

bool sets_need(struct sets *s, const struct sets_uses *u, uint32_t *ret)
{
	struct xdp_set set = { 0 };
	uint32_t number;
	uint64_t hash;

	*ret = 0;
	if (u->count == 0)
		return true;
	if (u->count > XDP_SET_MAX)
		return false;
	for (unsigned i = 0; i < u->count; i++)
		set.mask[set.count++] = u->list[i].mask;
	hash = set_hash(&set);
	number = find(s, &set, hash);
	if (number == 0) {
		number = space_take(&s->space, 1);
		if (number == 0)
			return false;
		s->table[number] = set;
		s->hash[number] = hash;
	}
	s->refs[number]++;
	*ret = number;
	return true;
}

void sets_drop(struct sets *s, uint32_t number)
{
	if (number != 0 && --s->refs[number] == 0)
		space_leave(&s->space, number, 1);
}

void sets_grace(struct sets *s)
{
	space_grace(&s->space);
}

/* Where the mask is, or would be. */
static unsigned position(const struct sets_uses *u, uint16_t mask)
{
	unsigned i = 0;

	while (i < u->count && box_mask_order(u->list[i].mask, mask) < 0)
		i++;
	return i;
}

uint32_t sets_used(const struct sets_uses *u, uint16_t mask)
{
	unsigned i = position(u, mask);

	return i < u->count && u->list[i].mask == mask ? u->list[i].uses : 0;
}

bool sets_use(struct sets_uses *u, uint16_t mask)
{
	unsigned i = position(u, mask);

	if (i < u->count && u->list[i].mask == mask) {
		u->list[i].uses++;
		return true;
	}
	if (u->count == u->room) {
		unsigned room = u->room > 0 ? 2 * u->room : 2;
		void *list = realloc(u->list, room * sizeof(u->list[0]));

		if (list == NULL)
			return false;
		u->list = list;
		u->room = room;
	}
	memmove(u->list + i + 1, u->list + i, (u->count - i) * sizeof(u->list[0]));
	u->list[i].mask = mask;
	u->list[i].uses = 1;
	u->count++;
	return true;
}

void sets_unuse(struct sets_uses *u, uint16_t mask)
{
	unsigned i = position(u, mask);

	if (i == u->count || u->list[i].mask != mask || --u->list[i].uses > 0)
		return;
	u->count--;
	memmove(u->list + i, u->list + i + 1, (u->count - i) * sizeof(u->list[0]));
}
