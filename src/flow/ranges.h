/* SPDX-License-Identifier: ISC */
/* ranges.h - which of many ranges of one field meet a range; not for other layers.
 *
 * The ranges are sorted by their first value, each with the greatest last value up to it: those
 * that meet another range are in one run, found by two binary searches.  A range in the run may
 * still end too early, behind one that is wider; it is stepped over.
 */
#ifndef FLOW_RANGES_H
#define FLOW_RANGES_H

#include <stddef.h>
#include <stdint.h>

#define FLOW_RANGE_ANY UINT32_MAX /* lo of a range that meets all others */

struct flow_range {
	uint32_t lo, hi; /* inclusive; below FLOW_RANGE_ANY */
	uint32_t most;   /* the greatest hi up to here */
	uint32_t item;   /* the caller's */
};

struct flow_ranges {
	struct flow_range *at; /* those that meet all others come last */
	size_t count, bounded; /* in all, and without those */
};

struct flow_range_run {
	const struct flow_range *at, *end, *any, *any_end;
	uint32_t lo;
};

/* Of at[0..count), filled in but for `most`, in any order. */
void flow_ranges_index(struct flow_ranges *r);
struct flow_range_run flow_ranges_meeting(const struct flow_ranges *r, uint32_t lo, uint32_t hi);
/* How many there are at most. */
size_t flow_range_run_count(const struct flow_range_run *run);
/* The next, or NULL. */
const struct flow_range *flow_range_run_next(struct flow_range_run *run);

#endif
