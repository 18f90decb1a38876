/* SPDX-License-Identifier: ISC */
/* reports.c - what enforcers say of their rules: in force or not, and what was counted.
 *
 * A report belongs to the connection that made it and goes with it: a number nobody stands behind
 * any more is not shown.  (The rules stay in the kernel; the enforcer reports them again on its
 * return.)
 */
#include "ctl/hub.h"

#include <stdlib.h>
#include <string.h>

enum {
	REPORTS_MAX = 1000000, /* of all enforcers; more are refused */
	KEY_MAX = 2 * FLOW_NLRI_MAX + 64
};

struct report {
	struct map_node node;
	const struct ctl_conn *from;
	json_t *what; /* enforcer, state, reason, packets, octets, dropped-packets, dropped-octets
		       */
	size_t len;
	char key[]; /* family and NLRI hex, as said */
};

struct reports {
	struct map map;
	struct reporter *reporters;
};

struct key {
	const struct ctl_conn *from; /* NULL: of any connection */
	const char *text;
	size_t len;
};

static uint64_t hash_of(const char *text, size_t len)
{
	return map_hash(text, len, 0);
}

static bool same(const struct map_node *n, const void *key)
{
	const struct report *r = (const struct report *)n;
	const struct key *k = key;

	return (k->from == NULL || r->from == k->from) && r->len == k->len &&
	       memcmp(r->key, k->text, k->len) == 0;
}

struct reports *reports_new(void)
{
	return calloc(1, sizeof(struct reports));
}

static void drop(struct reports *all, struct report *r)
{
	map_remove(&all->map, &r->node);
	json_decref(r->what);
	free(r);
}

struct forget {
	struct reports *all;
	const struct ctl_conn *from; /* NULL: all */
};

static void forget_one(struct map_node *n, void *ctx)
{
	struct forget *f = ctx;
	struct report *r = (struct report *)n;

	if (f->from == NULL || r->from == f->from)
		drop(f->all, r);
}

struct reporter *reports_reporter(const struct reports *r, const struct ctl_conn *from)
{
	struct reporter *at = r->reporters;

	while (at != NULL && at->from != from)
		at = at->next;
	return at;
}

void reports_each_reporter(const struct reports *r, void (*visit)(struct reporter *r, void *ctx),
			   void *ctx)
{
	for (struct reporter *at = r->reporters; at != NULL; at = at->next)
		visit(at, ctx);
}

static bool label_is_taken(const struct reports *r, const char *label)
{
	for (const struct reporter *at = r->reporters; at != NULL; at = at->next)
		if (strcmp(at->label, label) == 0)
			return true;
	return false;
}

/* The number is the connection's for as long as it lasts. */
static bool meet_reporter(struct reports *r, const struct ctl_conn *from, const char *name)
{
	struct reporter *met;

	if (reports_reporter(r, from) != NULL)
		return true;
	met = calloc(1, sizeof(*met));
	if (met == NULL)
		return false;
	met->from = from;
	(void)snprintf(met->name, sizeof(met->name), "%s", name);
	(void)snprintf(met->label, sizeof(met->label), "%s", met->name);
	for (unsigned n = 2; label_is_taken(r, met->label); n++)
		(void)snprintf(met->label, sizeof(met->label), "%s#%u", met->name, n);
	met->next = r->reporters;
	r->reporters = met;
	return true;
}

static void forget_reporter(struct reports *r, const struct ctl_conn *from)
{
	struct reporter **at = &r->reporters, *gone;

	while ((gone = *at) != NULL)
		if (from == NULL || gone->from == from) {
			*at = gone->next;
			json_decref(gone->failed);
			free(gone);
		} else {
			at = &gone->next;
		}
}

void reports_forget(struct reports *r, const struct ctl_conn *from)
{
	struct forget f = { r, from };

	forget_reporter(r, from);

	map_each(&r->map, forget_one, &f);
}

void reports_free(struct reports *r)
{
	reports_forget(r, NULL);
	map_done(&r->map);
	free(r);
}

static bool store(struct reports *all, const struct key *k, json_t *what)
{
	uint64_t hash = hash_of(k->text, k->len);
	struct report *r = (struct report *)map_find(&all->map, hash, same, k);

	if (r == NULL) {
		if (all->map.count >= REPORTS_MAX || (r = calloc(1, sizeof(*r) + k->len)) == NULL)
			return false;
		r->from = k->from;
		r->len = k->len;
		memcpy(r->key, k->text, k->len);
		if (!map_insert(&all->map, &r->node, hash)) {
			free(r);
			return false;
		}
	}
	json_decref(r->what);
	r->what = json_incref(what);
	return true;
}

/* One rule of a report, checked: anything that is not as client.h says is refused. */
static bool take_one(struct reports *all, const struct ctl_conn *from, const char *enforcer,
		     json_t *rule, struct err *e)
{
	const char *family, *nlri, *state, *reason = "";
	json_int_t packets = 0, octets = 0, dropped_packets = 0, dropped_octets = 0;
	char text[KEY_MAX];
	struct key k = { .from = from, .text = text };
	json_error_t why;
	json_t *what;
	bool stored;

	if (json_unpack_ex(rule, &why, 0, "{s:s, s:s, s:s, s?s, s?I, s?I, s?I, s?I}", "family",
			   &family, "nlri", &nlri, "state", &state, "reason", &reason, "packets",
			   &packets, "octets", &octets, "dropped-packets", &dropped_packets,
			   "dropped-octets", &dropped_octets) != 0)
		return err_at(e, 0, 0, "report: %s", why.text);
	k.len = (size_t)snprintf(text, sizeof(text), "%s %s", family, nlri);
	if (k.len >= sizeof(text))
		return err_at(e, 0, 0, "report: an NLRI of %zu digits", strlen(nlri));
	what = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "enforcer", enforcer, "state",
			 state, "reason", reason, "packets", packets, "octets", octets,
			 "dropped-packets", dropped_packets, "dropped-octets", dropped_octets);
	stored = what != NULL && store(all, &k, what);
	json_decref(what);
	return stored ? true : err_at(e, 0, 0, "report: more than %d rules", REPORTS_MAX);
}

static bool are_counts(json_t *o)
{
	const char *key;
	json_t *count;

	json_object_foreach(o, key, count)
	{
		if (!json_is_integer(count))
			return false;
	}
	return json_is_object(o);
}

/* None said: those before stay. */
static bool take_failed(struct reporter *from, json_t *failed, struct err *e)
{
	if (failed == NULL)
		return true;
	if (!are_counts(failed))
		return err_at(e, 0, 0, "report: redirect-failed: expected counts by reason");
	json_decref(from->failed);
	from->failed = json_incref(failed);
	return true;
}

bool reports_take(struct reports *r, const struct ctl_conn *from, json_t *report, struct err *e)
{
	const char *enforcer;
	json_t *rules, *rule;
	json_error_t why;
	size_t i;

	if (json_unpack_ex(report, &why, 0, "{s:s, s:o}", "enforcer", &enforcer, "rules", &rules) !=
		    0 ||
	    !json_is_array(rules))
		return err_at(e, 0, 0, "report: expected {\"enforcer\":\"NAME\",\"rules\":[...]}");
	if (!meet_reporter(r, from, enforcer))
		return err_at(e, 0, 0, "out of memory");
	json_array_foreach(rules, i, rule) if (!take_one(r, from, enforcer, rule, e)) return false;
	return take_failed(reports_reporter(r, from), json_object_get(report, "redirect-failed"),
			   e);
}

/* The key of a rule as enforcers say it. */
static struct key key_of(const struct bgp_nlri *n, char *text, size_t size)
{
	json_t *hex = show_nlri_hex(n);
	struct key k = { .text = text };

	k.len = (size_t)snprintf(text, size, "%s %s", bgp_families[n->family].token,
				 json_string_value(hex));
	json_decref(hex);
	return k;
}

void reports_each_of(const struct reports *r, const struct bgp_nlri *n, reports_visit *visit,
		     void *ctx)
{
	char text[KEY_MAX];
	struct key k = key_of(n, text, sizeof(text));
	uint64_t hash = hash_of(k.text, k.len);

	for (struct map_node *at = map_find(&r->map, hash, same, &k); at != NULL; at = at->next) {
		const struct report *one = (const struct report *)at;

		if (at->hash == hash && same(at, &k))
			visit(ctx, reports_reporter(r, one->from), one->what);
	}
}

static void append_what(void *ctx, const struct reporter *r, const json_t *what)
{
	(void)r;
	(void)json_array_append_new(ctx, json_incref((json_t *)what));
}

json_t *reports_of(const struct reports *r, const struct bgp_nlri *n)
{
	json_t *list = json_array();

	reports_each_of(r, n, append_what, list);
	return list;
}

struct visiting {
	const struct reports *all;
	reports_visit *visit;
	void *ctx;
};

static void visit_one(struct map_node *n, void *ctx)
{
	const struct visiting *v = ctx;
	const struct report *one = (const struct report *)n;

	v->visit(v->ctx, reports_reporter(v->all, one->from), one->what);
}

void reports_each(struct reports *r, reports_visit *visit, void *ctx)
{
	map_each(&r->map, visit_one, &(struct visiting){ r, visit, ctx });
}

void reports_drop(struct reports *r, const struct bgp_nlri *n)
{
	char text[KEY_MAX];
	struct key k = key_of(n, text, sizeof(text));
	uint64_t hash = hash_of(k.text, k.len);
	struct map_node *at;

	while ((at = map_find(&r->map, hash, same, &k)) != NULL)
		drop(r, (struct report *)at);
}
