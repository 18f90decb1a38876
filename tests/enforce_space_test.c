/* SPDX-License-Identifier: ISC */
/* Numbers handed out in blocks, against a plain array of who has which. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "enforce/space.h"

enum {
	SIZE = 1000, /* no power of two */
	TAKEN_MAX = SIZE,
	STEPS = 200000
};

enum owner {
	FREE,
	TAKEN,
	LEAVING
};

struct block {
	uint32_t first, n;
};

struct play {
	struct space space;
	uint8_t owner[SIZE];
	struct block taken[TAKEN_MAX];
	size_t count;
	uint32_t seed;
};

static uint32_t below(struct play *p, uint32_t n)
{
	p->seed = p->seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(p->seed >> 8) * n >> 24);
}

static uint32_t rounded(uint32_t n)
{
	uint32_t size = 1;

	while (size < n)
		size *= 2;
	return size;
}

static void own(struct play *p, const struct block *b, enum owner from, enum owner to)
{
	for (uint32_t i = b->first; i < b->first + rounded(b->n); i++) {
		assert_true(i > 0 && i < SIZE);
		assert_int_equal(p->owner[i], from);
		p->owner[i] = to;
	}
}

static uint32_t owned_by(const struct play *p, enum owner who)
{
	uint32_t n = 0;

	for (uint32_t i = 1; i < SIZE; i++)
		n += p->owner[i] == who;
	return n;
}

/* Is there a free block of this size where one may begin? */
static bool fits(const struct play *p, uint32_t size)
{
	for (uint32_t first = 0; first + size <= SIZE; first += size) {
		uint32_t i = 0;

		while (i < size && first + i > 0 && p->owner[first + i] == FREE)
			i++;
		if (i == size)
			return true;
	}
	return false;
}

static void take_one(struct play *p)
{
	struct block b = { .n = 1 + (below(p, 4) ? below(p, 4) : below(p, 130)) };
	bool there = fits(p, rounded(b.n));

	b.first = space_take(&p->space, b.n);
	assert_int_equal(b.first != 0, there);
	if (b.first == 0)
		return;
	assert_int_equal(b.first % rounded(b.n), 0);
	own(p, &b, FREE, TAKEN);
	p->taken[p->count++] = b;
}

static void let_go(struct play *p)
{
	uint32_t i = p->count > 0 ? below(p, (uint32_t)p->count) : 0;
	struct block b = p->taken[i];

	if (p->count == 0)
		return;
	p->taken[i] = p->taken[--p->count];
	if (below(p, 2)) {
		own(p, &b, TAKEN, FREE);
		space_give_back(&p->space, b.first, b.n);
	} else {
		own(p, &b, TAKEN, LEAVING);
		space_leave(&p->space, b.first, b.n);
	}
}

static void wait_for_grace(struct play *p)
{
	space_grace(&p->space);
	for (uint32_t i = 1; i < SIZE; i++)
		if (p->owner[i] == LEAVING)
			p->owner[i] = FREE;
}

static void test_agrees_with_an_array(void **state)
{
	static struct play p;

	(void)state;
	for (uint32_t seed = 1; seed <= 4; seed++) {
		memset(&p, 0, sizeof(p));
		p.seed = seed;
		assert_true(space_init(&p.space, SIZE));
		for (int i = 0; i < STEPS / 4; i++) {
			/* Now it fills, now it empties. */
			if (below(&p, 100) < (i / 1000 % 2 ? 30u : 65u))
				take_one(&p);
			else
				let_go(&p);
			if (below(&p, 20) == 0)
				wait_for_grace(&p);
			assert_int_equal(p.space.available, owned_by(&p, FREE));
		}
		assert_int_equal(p.space.lost, 0);
		while (p.count > 0)
			let_go(&p);
		wait_for_grace(&p);
		/* All is in one piece again. */
		assert_int_equal(p.space.available, SIZE - 1);
		assert_int_equal(space_take(&p.space, 256) % 256, 0);
		space_done(&p.space);
	}
}

static void test_what_is_in_use_is_not_handed_out(void **state)
{
	uint8_t in_use[64] = { 0 };
	struct space s;
	uint32_t n;

	(void)state;
	for (int i = 0; i < 64; i += 3)
		in_use[i] = 1;
	assert_true(space_init_used(&s, in_use, 64));
	for (unsigned left = 42; left > 0; left--) {
		n = space_take(&s, 1);
		assert_true(n > 0 && n < 64 && !in_use[n]);
		in_use[n] = 1;
	}
	assert_int_equal(space_take(&s, 1), 0);
	space_done(&s);
}

static void test_the_reserve_is_for_who_may(void **state)
{
	struct space s;

	(void)state;
	assert_true(space_init(&s, 16));
	s.reserve = 4;
	for (int i = 0; i < 11; i++)
		assert_true(space_take(&s, 1) != 0);
	assert_int_equal(space_take(&s, 1), 0);
	s.may_use_reserve = true;
	for (int i = 0; i < 4; i++)
		assert_true(space_take(&s, 1) != 0);
	assert_int_equal(space_take(&s, 1), 0);
	space_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agrees_with_an_array),
		cmocka_unit_test(test_what_is_in_use_is_not_handed_out),
		cmocka_unit_test(test_the_reserve_is_for_who_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
