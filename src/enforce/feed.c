/* SPDX-License-Identifier: ISC */
/* feed.c - see feed.h; the lines are described in ctl/client.h.
 *
 * A hub that has just started does not know all its rules yet.  So of the rules that are in force:
 * 1. what the present epoch has named and a later snapshot of it lacks, goes at once;
 * 2. what only an earlier epoch has named stays until the hub says `settled`, then it goes;
 * 3. a change that breaks off with the connection is never put in force; the next snapshot
 *    says how things are.
 */
#include "enforce/feed.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

enum {
	FEED_EXT_OCTETS = 4096 /* no attribute has more */
};

struct feed_family {
	const char *name;
	enum flow_family family;
	bool vpn;
};

static const struct feed_family families[] = {
	{ "ipv4-flow", FLOW_IPV4, false },
	{ "ipv6-flow", FLOW_IPV6, false },
	{ "ipv4-flow-vpn", FLOW_IPV4, true },
	{ "ipv6-flow-vpn", FLOW_IPV6, true },
};

static const struct feed_family *find_family(const char *name)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (strcmp(families[i].name, name) == 0)
			return &families[i];
	return NULL;
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text != NULL ? text : "";
}

/* Hex of whole pieces; the number of them, or -1. */
static int hex_pieces(const json_t *o, const char *key, size_t piece, uint8_t *out)
{
	const char *hex = text_of(o, key);
	size_t len = 0;

	if (!hex_parse(hex, strlen(hex), out, FEED_EXT_OCTETS, &len) || len % piece != 0)
		return -1;
	return (int)(len / piece);
}

static bool read_nlri(const json_t *o, uint8_t room[FLOW_NLRI_MAX + 2], struct flow_nlri *ret,
		      struct err *e)
{
	const struct feed_family *family = find_family(text_of(o, "family"));
	const char *hex = text_of(o, "nlri");
	size_t len = 0;
	struct rd r;

	if (family == NULL)
		return err_at(e, 0, 0, "a rule of unknown family \"%s\"", text_of(o, "family"));
	if (!hex_parse(hex, strlen(hex), room, FLOW_NLRI_MAX + 2, &len))
		return err_at(e, 0, 0, "a rule whose nlri is no hex");
	r = rd_over(room, len);
	if (!flow_nlri_read(&r, family->family, family->vpn, ret, NULL, e))
		return false;
	return rd_left(&r) == 0 || err_at(e, 0, 0, "octets behind the nlri");
}

/* Of a rule: of 8 octets, and of 20. */
struct communities {
	int n, n6;
	uint8_t ext[FEED_EXT_OCTETS], ext6[FEED_EXT_OCTETS];
};

static bool read_communities(const json_t *o, struct communities *ret, struct err *e)
{
	ret->n = hex_pieces(o, "ext", 8, ret->ext);
	ret->n6 = hex_pieces(o, "ext6", 20, ret->ext6);
	return (ret->n >= 0 && ret->n6 >= 0) ||
	       err_at(e, 0, 0, "a rule whose communities are no hex of whole communities");
}

static bool read_actions(const json_t *o, const struct communities *c, struct flow_actions *ret,
			 struct err *e)
{
	const char *hop = text_of(o, "next-hop");
	struct addr next_hop;

	if (*hop != '\0' && !addr_parse(hop, strlen(hop), &next_hop))
		return err_at(e, 0, 0, "a rule whose next-hop is no address");
	flow_actions_read(c->ext, (size_t)c->n, c->ext6, (size_t)c->n6,
			  *hop != '\0' ? &next_hop : NULL, ret);
	return true;
}

/* ---- Events --------------------------------------------------------------------------- */

static void set_confirmed(struct rule *r, void *ctx)
{
	const bool *confirmed = ctx;

	r->confirmed = *confirmed;
}

static bool on_hello(struct feed *f, const json_t *o, const char *kernel_epoch, struct err *e)
{
	const char *epoch = text_of(o, "epoch");
	bool same = strcmp(epoch, kernel_epoch) == 0;

	if (*epoch == '\0' || strlen(epoch) >= sizeof(f->epoch))
		return err_at(e, 0, 0, "a hello without a usable epoch");
	if (same || strcmp(epoch, f->epoch) != 0)
		ruleset_each(f->rules, set_confirmed, &same);
	(void)snprintf(f->epoch, sizeof(f->epoch), "%s", epoch);
	f->settled = json_is_true(json_object_get(o, "settled"));
	return true;
}

static void set_unseen(struct rule *r, void *ctx)
{
	(void)ctx;
	r->seen = false;
}

static bool on_begin(struct feed *f, const json_t *o, const char *kernel_epoch, struct err *e)
{
	(void)kernel_epoch;
	if (f->in_change) {
		f->broken = true;
		return err_at(e, 0, 0, "a begin inside a change");
	}
	f->in_change = true;
	f->snapshot = json_is_true(json_object_get(o, "snapshot"));
	if (f->snapshot)
		ruleset_each(f->rules, set_unseen, NULL);
	return true;
}

/* A source by its name, in one word. */
static uint32_t origin_of(const char *name)
{
	return (uint32_t)map_hash(name, strlen(name), 0) | 2;
}

static void set_origin(const struct feed *f, struct rule *r, uint32_t origin)
{
	r->origin = origin;
	r->source = -1;
	for (size_t i = 0; i < f->source_count; i++)
		if (origin_of(f->sources[i].name) == origin)
			r->source = (int)i;
	r->monitor = r->source >= 0 && f->sources[r->source].monitor;
}

static void found(struct rule *r, void *ctx)
{
	set_origin(ctx, r, r->origin);
}

void feed_found(struct feed *f)
{
	ruleset_each(f->rules, found, f);
}

static void unwant(struct feed *f, struct rule *r)
{
	r->wanted = r->seen = false;
	ruleset_touch(f->rules, r);
}

static bool want(struct feed *f, const struct flow_nlri *n, unsigned vrf, uint32_t origin,
		 const struct flow_actions *actions, struct err *e)
{
	struct rule *r = ruleset_need_in(f->rules, n, vrf);

	if (r == NULL)
		return err_at(e, 0, 0, "no room for a rule beyond %d", RULESET_KNOWN_MAX);
	set_origin(f, r, origin);
	rule_set_then(r, actions);
	r->wanted = r->seen = r->confirmed = true;
	ruleset_touch(f->rules, r);
	return true;
}

static bool has_target(const struct communities *c, const struct flow_target *t)
{
	const uint8_t *all = t->len == 8 ? c->ext : c->ext6;
	int n = t->len == 8 ? c->n : c->n6;

	for (int i = 0; i < n; i++)
		if (memcmp(all + (size_t)i * t->len, t->octets, t->len) == 0)
			return true;
	return false;
}

/* One that has no interface is there for others to redirect to. */
static bool imports(const struct enforce_vrf *v, const struct communities *c)
{
	for (size_t k = 0; k < v->import_count && v->interface_count > 0; k++)
		if (has_target(c, &v->imports[k]))
			return true;
	return false;
}

/* The numbers of the VRFs that a rule is for; 0 when there is none. */
struct importers {
	size_t count;
	uint8_t vrf[ENFORCE_VRFS_MAX];
};

static void find_importers(const struct feed *f, const struct communities *c, bool vpn,
			   struct importers *ret)
{
	*ret = (struct importers){ 0 };
	for (size_t i = 0; i < f->vrf_count && vpn; i++)
		if (f->rules->vrf[i] != 0 && imports(&f->vrfs[i], c))
			ret->vrf[ret->count++] = f->rules->vrf[i];
	if (ret->count == 0)
		ret->vrf[ret->count++] = 0;
}

static bool is_among(const struct importers *to, unsigned vrf)
{
	for (size_t i = 0; i < to->count; i++)
		if (to->vrf[i] == vrf)
			return true;
	return false;
}

/* The rule is for no VRF but these. */
static void unwant_others(struct feed *f, const struct flow_nlri *n, const struct importers *to)
{
	struct rule *first = ruleset_find_any(f->rules, n), *r = first;

	if (first == NULL)
		return;
	do {
		if (!is_among(to, r->vrf))
			unwant(f, r);
		r = r->sibling;
	} while (r != first);
}

static bool add_rule(struct feed *f, const json_t *o, const struct flow_nlri *n, struct err *e)
{
	uint32_t origin = origin_of(text_of(o, "origin"));
	static struct communities c;
	struct flow_actions actions;
	struct importers to;
	bool ok = true;

	if (!read_communities(o, &c, e) || !read_actions(o, &c, &actions, e))
		return false;
	find_importers(f, &c, n->vpn, &to);
	for (size_t i = 0; ok && i < to.count; i++)
		ok = want(f, n, to.vrf[i], origin, &actions, e);
	unwant_others(f, n, ok ? &to : &(struct importers){ 0 });
	return ok;
}

static bool on_rule(struct feed *f, const json_t *o, const char *kernel_epoch, struct err *e)
{
	uint8_t room[FLOW_NLRI_MAX + 2];
	struct flow_nlri n = { 0 };

	(void)kernel_epoch;
	if (!f->in_change)
		return err_at(e, 0, 0, "a rule outside of a change");
	if (!read_nlri(o, room, &n, e))
		return false;
	f->dirty = true;
	if (strcmp(text_of(o, "op"), "add") == 0)
		return add_rule(f, o, &n, e);
	if (strcmp(text_of(o, "op"), "remove") != 0)
		return err_at(e, 0, 0, "a rule with unknown op \"%s\"", text_of(o, "op"));
	unwant_others(f, &n, &(struct importers){ 0 });
	return true;
}

/* What a whole snapshot does not have. */
static void judge_unseen(struct rule *r, void *ctx)
{
	const struct feed *f = ctx;

	if (r->seen)
		return;
	ruleset_touch(f->rules, r);
	r->wanted = r->slot >= 0 && !r->confirmed && !f->settled;
	if (r->wanted) { /* a change that broke off may have touched it */
		r->then = r->installed;
		r->then_ok = true;
	}
}

static bool on_commit(struct feed *f, const json_t *o, const char *kernel_epoch, struct err *e)
{
	(void)o;
	(void)kernel_epoch;
	if (!f->in_change)
		return err_at(e, 0, 0, "a commit without a begin");
	if (f->snapshot) {
		ruleset_each(f->rules, judge_unseen, f);
		f->complete = f->dirty = true;
	}
	f->in_change = f->snapshot = false;
	return true;
}

static void drop_unconfirmed(struct rule *r, void *ctx)
{
	const struct feed *f = ctx;

	if (r->confirmed)
		return;
	r->wanted = false;
	ruleset_touch(f->rules, r);
}

static bool on_settled(struct feed *f, const json_t *o, const char *kernel_epoch, struct err *e)
{
	(void)kernel_epoch;
	if (strcmp(text_of(o, "epoch"), f->epoch) != 0)
		return err_at(e, 0, 0, "settled for another epoch");
	f->settled = f->dirty = true;
	/* Before a whole snapshot nothing can be missing yet. */
	if (f->complete)
		ruleset_each(f->rules, drop_unconfirmed, f);
	return true;
}

static bool on_verify(struct feed *f, const json_t *o, const char *kernel_epoch, struct err *e)
{
	char *end;

	(void)kernel_epoch;
	f->question = (struct feed_question){
		.id = (uint64_t)json_integer_value(json_object_get(o, "id")),
		.rules = (uint64_t)json_integer_value(json_object_get(o, "rules")),
		.digest = strtoull(text_of(o, "digest"), &end, 16),
	};
	return f->question.id != 0 || err_at(e, 0, 0, "a verify without an id");
}

static const struct {
	const char *name;
	bool (*on)(struct feed *f, const json_t *o, const char *kernel_epoch, struct err *e);
} events[] = {
	{ "hello", on_hello },   { "begin", on_begin },     { "rule", on_rule },
	{ "commit", on_commit }, { "settled", on_settled }, { "verify", on_verify },
};

static bool on_event(struct feed *f, const json_t *o, const char *kernel_epoch, struct err *e)
{
	const char *name = text_of(o, "event");

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (strcmp(events[i].name, name) == 0)
			return events[i].on(f, o, kernel_epoch, e);
	/* The answer to `subscribe`; and events of hubs to come. */
	if (json_is_false(json_object_get(o, "ok")))
		return err_at(e, 0, 0, "headgated refuses: %s", text_of(o, "error"));
	return true;
}

void feed_restart(struct feed *f)
{
	f->in_change = f->snapshot = f->complete = f->settled = f->broken = false;
	f->question.id = 0;
}

bool feed_line(struct feed *f, const char *line, const char *kernel_epoch, struct err *e)
{
	json_error_t why;
	json_t *o = json_loads(line, JSON_REJECT_DUPLICATES, &why);
	bool ok;

	if (o == NULL)
		ok = err_at(e, 0, 0, "a line that is no JSON: %s", why.text);
	else
		ok = on_event(f, o, kernel_epoch, e);
	json_decref(o);
	f->unreadable += !ok;
	return ok;
}

bool feed_ready(const struct feed *f)
{
	return f->complete && !f->in_change && !f->broken;
}
