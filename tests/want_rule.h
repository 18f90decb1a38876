/* SPDX-License-Identifier: ISC */
/* want_rule.h - rules that a test of a backend wants in force, and wants no more. */
#ifndef TESTS_WANT_RULE_H
#define TESTS_WANT_RULE_H

#include "enforce/ruleset.h"

static inline struct rule *want_rule(struct ruleset *rs, const struct flow_nlri *n,
				     const struct flow_actions *a)
{
	struct rule *r = ruleset_need(rs, n);

	assert_non_null(r);
	rule_set_then(r, a);
	r->wanted = true;
	ruleset_touch(rs, r);
	return r;
}

/* For ruleset_each: the rule is to go. */
static inline void unwant(struct rule *r, void *ctx)
{
	r->wanted = false;
	ruleset_touch(ctx, r);
}

#endif
