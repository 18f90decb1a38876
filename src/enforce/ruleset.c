/* SPDX-License-Identifier: ISC */
/* ruleset.c - see ruleset.h.  A rule is what its NLRI's octets say; family, kind and VRF belong to
 * the key.
 */
#include "enforce/ruleset.h"

#include <stdlib.h>
#include <string.h>

#include "enforce/box.h"

static struct rule *rule_of(struct map_node *n)
{
	return (struct rule *)((char *)n - offsetof(struct rule, node));
}

static uint64_t key_hash(const struct ruleset *rs, const struct flow_nlri *n)
{
	return map_hash(n->octets, n->len, rs->seed ^ ((uint64_t)n->family << 1 | n->vpn));
}

static bool nlri_equal(const struct map_node *n, const void *key)
{
	const struct rule *r = (const struct rule *)((const char *)n - offsetof(struct rule, node));

	return flow_nlri_equal(&r->nlri, key);
}

static bool xdp_match_fits(const struct flow_nlri *n, struct err *e)
{
	struct box_rule compiled;

	return box_make(n, &compiled, e);
}

const struct plan_able plan_able_xdp = { .match = xdp_match_fits, .then = plan_then_make };

void ruleset_init(struct ruleset *rs, uint64_t seed)
{
	*rs = (struct ruleset){ .seed = seed, .able = &plan_able_xdp };
}

struct rule *ruleset_find_any(const struct ruleset *rs, const struct flow_nlri *n)
{
	struct map_node *found = map_find(&rs->map, key_hash(rs, n), nlri_equal, n);

	return found != NULL ? rule_of(found) : NULL;
}

static struct rule *find_sibling(struct rule *any, unsigned vrf)
{
	struct rule *r = any;

	while (r != NULL && r->vrf != vrf)
		r = r->sibling != any ? r->sibling : NULL;
	return r;
}

struct rule *ruleset_find_in(const struct ruleset *rs, const struct flow_nlri *n, unsigned vrf)
{
	return find_sibling(ruleset_find_any(rs, n), vrf);
}

struct rule *ruleset_find(const struct ruleset *rs, const struct flow_nlri *n)
{
	return ruleset_find_in(rs, n, 0);
}

static bool match_fits(const struct plan_able *able, const struct flow_nlri *n, unsigned vrf,
		       struct err *e)
{
	if (!able->match(n, e))
		return false;
	return !n->vpn || vrf != 0 || err_at(e, 0, 0, "no VRF here imports its route targets");
}

static struct rule *rule_new(const struct ruleset *rs, const struct flow_nlri *n, unsigned vrf)
{
	struct rule *r = calloc(1, sizeof(*r) + n->len);
	struct err e = { 0 };

	if (r == NULL)
		return NULL;
	memcpy(r->octets, n->octets, n->len);
	r->nlri = *n;
	r->nlri.octets = r->octets;
	r->sibling = r;
	r->slot = r->action = r->source = -1;
	r->origin = 1;
	r->in = rs;
	r->vrf = vrf;
	r->match_ok = match_fits(rs->able, &r->nlri, vrf, &e);
	if (!r->match_ok)
		r->why_match = strdup(e.text);
	return r;
}

static void rule_free(struct rule *r)
{
	if (r == NULL)
		return;
	free(r->why_match);
	free(r->why_then);
	free(r->why_table);
	free(r->why_merged);
	free(r);
}

struct rule *ruleset_need_in(struct ruleset *rs, const struct flow_nlri *n, unsigned vrf)
{
	struct rule *any = ruleset_find_any(rs, n), *r = find_sibling(any, vrf);

	if (r != NULL)
		return r;
	if (rs->map.count >= RULESET_KNOWN_MAX) {
		rs->too_many++;
		return NULL;
	}
	r = rule_new(rs, n, vrf);
	if (r == NULL || !map_insert(&rs->map, &r->node, key_hash(rs, n))) {
		rule_free(r);
		return NULL;
	}
	if (any != NULL) {
		r->sibling = any->sibling;
		any->sibling = r;
	}
	return r;
}

struct rule *ruleset_need(struct ruleset *rs, const struct flow_nlri *n)
{
	return ruleset_need_in(rs, n, 0);
}

void ruleset_touch(struct ruleset *rs, struct rule *r)
{
	if (r->touched)
		return;
	if (rs->touched_count == rs->touched_room) {
		size_t room = rs->touched_room > 0 ? 2 * rs->touched_room : 64;
		struct rule **list = realloc(rs->touched, room * sizeof(struct rule *));

		if (list == NULL) {
			rs->touched_lost = true;
			return;
		}
		rs->touched = list;
		rs->touched_room = room;
	}
	rs->touched[rs->touched_count++] = r;
	r->touched = true;
}

/* Only the one that was touched last is likely to be removed soon after. */
static void untouch(struct ruleset *rs, struct rule *r)
{
	size_t i = rs->touched_count;

	if (!r->touched)
		return;
	while (i > 0 && rs->touched[i - 1] != r)
		i--;
	rs->touched[i - 1] = rs->touched[--rs->touched_count];
}

struct rule *rule_first(struct rule *r)
{
	struct rule *first = r;

	for (struct rule *at = r->sibling; at != r; at = at->sibling)
		if (at->vrf < first->vrf)
			first = at;
	return first;
}

void ruleset_remove(struct ruleset *rs, struct rule *r)
{
	struct rule *before = r;

	while (before->sibling != r)
		before = before->sibling;
	before->sibling = r->sibling;
	untouch(rs, r);
	map_remove(&rs->map, &r->node);
	rule_free(r);
}

struct each {
	void (*visit)(struct rule *r, void *ctx);
	void *ctx;
};

static void each_node(struct map_node *n, void *ctx)
{
	const struct each *e = ctx;

	e->visit(rule_of(n), e->ctx);
}

void ruleset_each(struct ruleset *rs, void (*visit)(struct rule *r, void *ctx), void *ctx)
{
	map_each(&rs->map, each_node, &(struct each){ .visit = visit, .ctx = ctx });
}

static void free_rule(struct rule *r, void *ctx)
{
	ruleset_remove(ctx, r);
}

void ruleset_done(struct ruleset *rs)
{
	for (size_t i = 0; i < rs->touched_count; i++)
		rs->touched[i]->touched = false;
	rs->touched_count = 0;
	ruleset_each(rs, free_rule, rs);
	free(rs->touched);
	map_done(&rs->map);
}

void rule_set_then(struct rule *r, const struct flow_actions *a)
{
	struct err e = { 0 };
	uint64_t groups = 0;

	r->then_ok = r->in->able->then(r->in->able, r->nlri.family, a, &r->then, &e) &&
		     groups_of_rule(r->in->groups, a, &groups, &e);
	if (r->monitor)
		r->then = (struct plan_then){ .kind = XDP_THEN_ACCEPT,
					      .more = a->more,
					      .sample = a->sample };
	r->then.groups = groups;
	free(r->why_then);
	r->why_then = r->then_ok ? NULL : strdup(e.text);
	r->reported = false;
}

const char *rule_reason(const struct rule *r)
{
	const char *why = !r->match_ok ? r->why_match : r->why_then;

	if (r->state != RULE_NOT_ENFORCED)
		return "";
	if (r->match_ok && r->then_ok)
		return r->why_merged != NULL  ? r->why_merged
		       : r->why_table != NULL ? r->why_table
					      : "table full";
	return why != NULL ? why : "out of memory";
}

bool rule_wanted(const struct rule *r)
{
	return r->wanted && r->match_ok && r->then_ok && r->why_merged == NULL;
}

struct gather {
	struct rule **list;
	size_t count;
};

static void gather_rule(struct rule *r, void *ctx)
{
	struct gather *g = ctx;

	if (rule_wanted(r))
		g->list[g->count++] = r;
}

static int in_order(const void *a, const void *b)
{
	struct rule *const *x = a, *const *y = b;

	return flow_order(&(*x)->nlri, &(*y)->nlri);
}

struct rule **ruleset_in_order(struct ruleset *rs, size_t *ret_count)
{
	struct gather g = { .list = calloc(rs->map.count + 1, sizeof(struct rule *)) };

	if (g.list == NULL)
		return NULL;
	ruleset_each(rs, gather_rule, &g);
	qsort(g.list, g.count, sizeof(struct rule *), in_order);
	*ret_count = g.count;
	return g.list;
}
