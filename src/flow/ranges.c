/* SPDX-License-Identifier: ISC */
/* ranges.c - see ranges.h. */
#include "flow/ranges.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	const struct flow_range *x = a, *y = b;

	if (x->lo != y->lo)
		return x->lo < y->lo ? -1 : 1;
	return (x->item > y->item) - (x->item < y->item);
}

void flow_ranges_index(struct flow_ranges *r)
{
	uint32_t most = 0;

	if (r->count > 1)
		qsort(r->at, r->count, sizeof(r->at[0]), compare);
	for (r->bounded = 0; r->bounded < r->count; r->bounded++) {
		struct flow_range *x = &r->at[r->bounded];

		if (x->lo == FLOW_RANGE_ANY)
			return;
		most = x->hi > most ? x->hi : most;
		x->most = most;
	}
}

/* The first of the bounded that may reach lo. */
static size_t first_reaching(const struct flow_ranges *r, uint32_t lo)
{
	size_t from = 0, to = r->bounded;

	while (from < to) {
		size_t mid = (from + to) / 2;

		if (r->at[mid].most < lo)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

/* The first of the bounded that begins behind hi. */
static size_t first_behind(const struct flow_ranges *r, uint32_t hi)
{
	size_t from = 0, to = r->bounded;

	while (from < to) {
		size_t mid = (from + to) / 2;

		if (r->at[mid].lo <= hi)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

struct flow_range_run flow_ranges_meeting(const struct flow_ranges *r, uint32_t lo, uint32_t hi)
{
	size_t at = first_reaching(r, lo), end = first_behind(r, hi);

	return (struct flow_range_run){
		.at = r->at + at,
		.end = r->at + (end > at ? end : at),
		.any = r->at + r->bounded,
		.any_end = r->at + r->count,
		.lo = lo,
	};
}

size_t flow_range_run_count(const struct flow_range_run *run)
{
	return (size_t)(run->end - run->at) + (size_t)(run->any_end - run->any);
}

const struct flow_range *flow_range_run_next(struct flow_range_run *run)
{
	while (run->at < run->end) {
		const struct flow_range *x = run->at++;

		if (x->hi >= run->lo)
			return x;
	}
	return run->any < run->any_end ? run->any++ : NULL;
}
