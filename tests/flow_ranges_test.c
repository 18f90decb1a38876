/* SPDX-License-Identifier: ISC */
/* flow_ranges_test.c - the ranges that meet a range, held against asking each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/ranges.h"
#include "tests/flow_random.h"

enum {
	ROUNDS = 2000,
	RANGES = 24,
	VALUES = 32 /* so few that ends often touch */
};

static void hold(const struct flow_ranges *r, uint32_t lo, uint32_t hi)
{
	struct flow_range_run run = flow_ranges_meeting(r, lo, hi);
	size_t most = flow_range_run_count(&run), got = 0;
	const struct flow_range *x;
	uint32_t seen = 0;

	while ((x = flow_range_run_next(&run)) != NULL) {
		assert_int_equal(seen >> x->item & 1, 0);
		seen |= UINT32_C(1) << x->item;
		got++;
	}
	assert_true(got <= most && most <= r->count);
	for (size_t i = 0; i < r->count; i++) {
		x = &r->at[i];
		assert_int_equal(seen >> x->item & 1,
				 x->lo == FLOW_RANGE_ANY || (x->lo <= hi && lo <= x->hi));
	}
}

static void a_run_has_those_that_meet_and_no_others(void **state)
{
	struct rnd r = { .state = 5 };

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct flow_range at[RANGES];
		struct flow_ranges ranges = { .at = at, .count = rnd_below(&r, RANGES + 1) };

		for (uint32_t i = 0; i < ranges.count; i++) {
			uint32_t lo = rnd_below(&r, VALUES), width = rnd_below(&r, 4);

			at[i] = (struct flow_range){ .lo = lo, .hi = lo + width, .item = i };
			if (rnd_one_in(&r, 5))
				at[i].lo = FLOW_RANGE_ANY;
		}
		flow_ranges_index(&ranges);
		for (uint32_t lo = 0; lo < VALUES; lo++)
			hold(&ranges, lo, lo + rnd_below(&r, 4));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_has_those_that_meet_and_no_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
