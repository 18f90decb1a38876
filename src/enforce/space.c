/* SPDX-License-Identifier: ISC */
/* space.c - see space.h.  Blocks are split when no smaller one is free, and never joined again. */
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

void space_init(struct space *s, uint32_t size)
{
	*s = (struct space){ .top = 1, .size = size };
}

void space_done(struct space *s)
{
	for (unsigned i = 0; i < SPACE_CLASSES; i++)
		free(s->free[i].list);
	free(s->leaving.list);
}

/* A free block of a larger class gives up its first part; the rest goes to the smaller ones. */
static uint32_t split(struct space *s, unsigned class)
{
	unsigned from = class;
	uint32_t first;

	while (from < SPACE_CLASSES && s->free[from].count == 0)
		from++;
	if (from == SPACE_CLASSES)
		return 0;
	first = s->free[from].list[--s->free[from].count].first;
	while (from-- > class)
		s->lost += !push(&s->free[from], first + (UINT32_C(1) << from), from);
	return first;
}

uint32_t space_take(struct space *s, uint32_t n)
{
	unsigned class = class_of(n);
	uint32_t first = s->top, kept = s->may_use_reserve ? 0 : s->reserve;

	if (class >= SPACE_CLASSES)
		return 0;
	if (s->free[class].count == 0 && s->size - s->top >= (UINT32_C(1) << class) + kept) {
		s->top += UINT32_C(1) << class;
		return first;
	}
	return split(s, class);
}

bool space_restore(struct space *s, const uint8_t *in_use, uint32_t n)
{
	for (uint32_t i = n; i-- > 1;)
		if (in_use[i])
			s->top = s->top > i ? s->top : i + 1;
		else if (i < s->top && !push(&s->free[0], i, 0))
			return false;
	return true;
}

void space_give_back(struct space *s, uint32_t first, uint32_t n)
{
	unsigned class = class_of(n);

	s->lost += !push(&s->free[class], first, class);
}

void space_leave(struct space *s, uint32_t first, uint32_t n)
{
	s->lost += !push(&s->leaving, first, class_of(n));
}

void space_grace(struct space *s)
{
	for (size_t i = 0; i < s->leaving.count; i++) {
		const struct space_block *b = &s->leaving.list[i];

		s->lost += !push(&s->free[b->class], b->first, b->class);
	}
	s->leaving.count = 0;
}
