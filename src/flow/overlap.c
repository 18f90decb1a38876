/* SPDX-License-Identifier: ISC */
/* overlap.c - two rules as sets of packets: do they meet, does one cover the other?
 *
 * Each question is a search (search.c) for a packet that is in one set and not in another.  With
 * two rules it has no bound to run into, so that these answers are always exact.
 */
#include "flow/algebra.h"

static const struct flow_view *one(const void *ctx, size_t i)
{
	(void)i;
	return ctx;
}

/* A packet of all and not of `none` (which may be NULL). */
static bool find(const struct flow_view *a, const struct flow_view *b, const struct flow_view *none,
		 struct flow_witness *w)
{
	struct flow_question q = { .all_of = { a, b },
				   .all_count = b != NULL ? 2 : 1,
				   .none_of = one,
				   .ctx = none,
				   .none_count = none != NULL ? 1 : 0 };
	struct flow_point p;

	if (flow_search(&q, &p) != FLOW_YES)
		return false;
	flow_witness_write(&p, w);
	return true;
}

bool flow_views_overlap(const struct flow_view *a, const struct flow_view *b,
			struct flow_witness *w)
{
	return find(a, b, NULL, w);
}

bool flow_view_covers(const struct flow_view *a, const struct flow_view *b, struct flow_witness *w)
{
	return !find(b, NULL, a, w);
}

bool flow_possible(const struct flow_normal *n, struct flow_witness *w)
{
	struct flow_view v;

	flow_view_make(n, &v);
	return find(&v, NULL, NULL, w);
}

bool flow_overlap(const struct flow_normal *a, const struct flow_normal *b, struct flow_witness *w)
{
	struct flow_view x, y;

	flow_view_make(a, &x);
	flow_view_make(b, &y);
	return flow_views_overlap(&x, &y, w);
}

bool flow_covers(const struct flow_normal *a, const struct flow_normal *b, struct flow_witness *w)
{
	struct flow_view x, y;

	flow_view_make(a, &x);
	flow_view_make(b, &y);
	return flow_view_covers(&x, &y, w);
}

bool flow_equal(const struct flow_normal *a, const struct flow_normal *b, struct flow_witness *w)
{
	return flow_covers(a, b, w) && flow_covers(b, a, w);
}
