/* SPDX-License-Identifier: ISC */
/* apply.c - the steps from one configuration to the next.
 *
 * A rule is who it is by neighbor and NLRI; what it then does may change, which is one
 * announcement.  Nothing is withdrawn before everything new was announced, so that no packet finds
 * a moment without its rule.  Linear in the rules: each is looked up by its hash.
 */
#include "conf/rules.h"

static const struct conf_neighbor *twin(const struct conf *of, const struct conf_neighbor *n)
{
	return of != NULL ? neighbor_find(of, n) : NULL;
}

static void settle_neighbors(const struct conf *old, const struct conf *c,
			     const struct conf_steps *steps, void *ctx)
{
	for (size_t i = 0; i < c->neighbor_count; i++)
		if (twin(old, &c->neighbors[i]) == NULL)
			steps->neighbor_add(ctx, &c->neighbors[i]);
	for (size_t i = 0; i < c->neighbor_count; i++) {
		const struct conf_neighbor *n = &c->neighbors[i], *was = twin(old, n);

		if (was != NULL && !neighbor_equal(was, n))
			steps->neighbor_change(ctx, was, n);
	}
}

static void announce(const struct conf_neighbor *was, const struct conf_neighbor *n,
		     const struct conf_steps *steps, void *ctx)
{
	for (size_t i = 0; i < n->rule_count; i++) {
		const struct conf_rule *r = &n->rules[i];
		const struct conf_rule *before = was != NULL ? rules_find(was, r) : NULL;

		if (before == NULL || !rules_then_equal(before->then, r->then))
			steps->rule_announce(ctx, n, r);
	}
}

static void withdraw(const struct conf_neighbor *was, const struct conf_neighbor *n,
		     const struct conf_steps *steps, void *ctx)
{
	for (size_t i = 0; i < was->rule_count; i++)
		if (rules_find(n, &was->rules[i]) == NULL)
			steps->rule_withdraw(ctx, n, &was->rules[i]);
}

void conf_apply(const struct conf *old, const struct conf *new_conf, const struct conf_steps *steps,
		void *ctx)
{
	size_t before = old != NULL ? old->neighbor_count : 0;

	settle_neighbors(old, new_conf, steps, ctx);
	for (size_t i = 0; i < new_conf->neighbor_count; i++)
		announce(twin(old, &new_conf->neighbors[i]), &new_conf->neighbors[i], steps, ctx);
	for (size_t i = 0; i < before; i++) {
		const struct conf_neighbor *n = twin(new_conf, &old->neighbors[i]);

		if (n != NULL)
			withdraw(&old->neighbors[i], n, steps, ctx);
	}
	for (size_t i = 0; i < before; i++)
		if (twin(new_conf, &old->neighbors[i]) == NULL)
			steps->neighbor_remove(ctx, &old->neighbors[i]);
}
