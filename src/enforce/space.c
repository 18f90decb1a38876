/* SPDX-License-Identifier: ISC */
/* space.c - see space.h.
 *
 * A buddy system: a block of 2^n entries begins at a multiple of 2^n, is split when no smaller one
 * is free, and joined with its other half when both are.  A block that was joined stays in its
 * class's list; `free` tells that it is none any more.
 */
#include "enforce/space.h"

#include <stdlib.h>

static unsigned class_of(uint32_t n)
{
	unsigned class = 0;

	while ((UINT32_C(1) << class) < n)
		class ++;
	return class;
}

static bool push(struct space_blocks *b, uint32_t first, unsigned class)
{
	if (b->count == b->room) {
		size_t room = b->room > 0 ? b->room * 2 : 64;
		struct space_block *list = realloc(b->list, room * sizeof(*list));

		if (list == NULL)
			return false;
		b->list = list;
		b->room = room;
	}
	b->list[b->count++] = (struct space_block){ .first = first, .class = (uint8_t) class };
	return true;
}

/* Takes out of the list what is no free block, or is there twice. */
static void tidy(struct space *s, unsigned class)
{
	struct space_blocks *b = &s->list[class];
	size_t kept = 0;

	for (size_t i = 0; i < b->count; i++)
		if (s->free[b->list[i].first] == class + 1) {
			s->free[b->list[i].first] = 0;
			b->list[kept++] = b->list[i];
		}
	for (size_t i = 0; i < kept; i++)
		s->free[b->list[i].first] = (uint8_t)(class + 1);
	b->count = kept;
}

static void add_free(struct space *s, uint32_t first, unsigned class)
{
	if (s->list[class].count > 64 + 4 * s->live[class])
		tidy(s, class);
	if (!push(&s->list[class], first, class)) {
		s->lost++;
		return;
	}
	s->free[first] = (uint8_t)(class + 1);
	s->live[class]++;
}

/* Joins it with its other half as long as that is free. */
static void release(struct space *s, uint32_t first, unsigned class)
{
	s->available += UINT32_C(1) << class;
	while (class + 1 < SPACE_CLASSES) {
		uint32_t other = first ^ UINT32_C(1) << class;

		if (other >= s->size || s->free[other] != class + 1)
			break;
		s->free[other] = 0;
		s->live[class]--;
		first &= ~(UINT32_C(1) << class);
		class ++;
	}
	add_free(s, first, class);
}

bool space_init_used(struct space *s, const uint8_t *in_use, uint32_t size)
{
	*s = (struct space){ .size = size, .free = calloc(size, 1) };
	if (s->free == NULL)
		return false;
	for (uint32_t i = size; i-- > 1;)
		if (in_use == NULL || !in_use[i])
			release(s, i, 0);
	return s->lost == 0;
}

bool space_init(struct space *s, uint32_t size)
{
	return space_init_used(s, NULL, size);
}

void space_done(struct space *s)
{
	for (unsigned i = 0; i < SPACE_CLASSES; i++)
		free(s->list[i].list);
	free(s->leaving.list);
	free(s->free);
}

/* A free block of this class, which is then free no more; 0: there is none. */
static uint32_t pop(struct space *s, unsigned class)
{
	struct space_blocks *b = &s->list[class];

	while (b->count > 0) {
		uint32_t first = b->list[--b->count].first;

		if (s->free[first] != class + 1)
			continue;
		s->free[first] = 0;
		s->live[class]--;
		return first;
	}
	return 0;
}

uint32_t space_take(struct space *s, uint32_t n)
{
	unsigned class = class_of(n), from = class;
	uint32_t first = 0, kept = s->may_use_reserve ? 0 : s->reserve;

	if (class >= SPACE_CLASSES || s->available < (UINT32_C(1) << class) + kept)
		return 0;
	while (from < SPACE_CLASSES && (first = pop(s, from)) == 0)
		from++;
	if (first == 0)
		return 0;
	s->available -= UINT32_C(1) << class;
	while (from-- > class) /* the first part is taken, the others are free */
		add_free(s, first + (UINT32_C(1) << from), from);
	return first;
}

void space_give_back(struct space *s, uint32_t first, uint32_t n)
{
	release(s, first, class_of(n));
}

void space_leave(struct space *s, uint32_t first, uint32_t n)
{
	s->lost += !push(&s->leaving, first, class_of(n));
}

void space_grace(struct space *s)
{
	for (size_t i = 0; i < s->leaving.count; i++)
		release(s, s->leaving.list[i].first, s->leaving.list[i].class);
	s->leaving.count = 0;
}
