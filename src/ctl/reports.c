/* SPDX-License-Identifier: ISC */
/* reports.c - what enforcers say of their rules: in force or not, and what was counted.
 *
 * A report belongs to the connection that made it and goes with it: a number nobody stands behind
 * any more is not shown.  (The rules stay in the kernel; the enforcer reports them again on its
 * return.)  What it said is freed by and by: of 100,000 rules that would take the better part of a
 * second.
 */
#include "ctl/hub.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "flow/flow.h"

enum {
	REPORTS_MAX = 1000000, /* of all enforcers; more are refused */
	FORGET_AT_A_TIME = 256,
	KEY_MAX = 2 * FLOW_NLRI_MAX + 64
};

struct report {
	struct map_node node;
	struct reporter *by;
	struct report *prev, *next; /* of the same reporter */
	json_t *what; /* enforcer, state, reason, packets, octets, dropped-packets, dropped-octets
		       */
	size_t len;
	char key[]; /* family and NLRI hex, as said */
};

struct reports {
	struct map map;
	struct reporter *reporters;
	struct reporter *leaving; /* their connections are gone, their reports not yet */
	uv_idle_t forgetting;
};

struct key {
	const struct reporter *by; /* NULL: of any that is connected */
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

	return (k->by != NULL ? r->by == k->by : r->by->from != NULL) && r->len == k->len &&
	       memcmp(r->key, k->text, k->len) == 0;
}

/* ---- Reporters ---------------------------------------------------------------------------- */

struct reporter *reports_reporter(const struct reports *r, const struct ctl_conn *from)
{
	struct reporter *at = r->reporters;

	while (at != NULL && at->from != from)
		at = at->next;
	return at;
}

static void count(json_t *counts, const char *key, int by)
{
	json_int_t n = json_integer_value(json_object_get(counts, key)) + by;

	if (n > 0)
		(void)json_object_set_new(counts, key, json_integer(n));
	else
		(void)json_object_del(counts, key);
}

/* One rule more, or one less, of which it says so. */
static void tally(struct reporter *r, const json_t *what, int by)
{
	const char *state = json_string_value(json_object_get(what, "state"));

	count(r->states, state, by);
	if (strcmp(state, "not-enforced") == 0)
		count(r->reasons, json_string_value(json_object_get(what, "reason")), by);
}

static void drop(struct reports *all, struct report *r)
{
	tally(r->by, r->what, -1);
	*(r->prev != NULL ? &r->prev->next : &r->by->reports) = r->next;
	if (r->next != NULL)
		r->next->prev = r->prev;
	map_remove(&all->map, &r->node);
	json_decref(r->what);
	free(r);
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
	met->states = json_object();
	met->reasons = json_object();
	(void)snprintf(met->name, sizeof(met->name), "%s", name);
	(void)snprintf(met->label, sizeof(met->label), "%s", met->name);
	for (unsigned n = 2; label_is_taken(r, met->label); n++)
		(void)snprintf(met->label, sizeof(met->label), "%s#%u", met->name, n);
	met->next = r->reporters;
	r->reporters = met;
	return true;
}

/* At most so many reports of those that are leaving; false: none is left. */
static bool forget_some(struct reports *all, size_t most)
{
	for (struct reporter *r; (r = all->leaving) != NULL;) {
		for (struct report *one = r->reports, *next; one != NULL; one = next) {
			if (most-- == 0)
				return true;
			next = one->next;
			drop(all, one);
		}
		all->leaving = r->next;
		json_decref(r->states);
		json_decref(r->reasons);
		free(r);
	}
	return false;
}

static void forget_turn(uv_idle_t *idle)
{
	if (!forget_some(idle->data, FORGET_AT_A_TIME))
		(void)uv_idle_stop(idle);
}

void reports_forget(struct reports *r, const struct ctl_conn *from)
{
	struct reporter **at = &r->reporters, *gone;

	while (*at != NULL && (*at)->from != from)
		at = &(*at)->next;
	gone = *at;
	if (gone == NULL)
		return;
	*at = gone->next;
	gone->from = NULL;
	gone->next = r->leaving;
	r->leaving = gone;
	if (!uv_is_closing((uv_handle_t *)&r->forgetting))
		(void)uv_idle_start(&r->forgetting, forget_turn);
}

static struct report *report_new(struct reports *all, struct reporter *by, const struct key *k)
{
	struct report *r = NULL;

	if (all->map.count < REPORTS_MAX)
		r = calloc(1, sizeof(*r) + k->len);
	if (r == NULL)
		return NULL;
	r->len = k->len;
	memcpy(r->key, k->text, k->len);
	if (!map_insert(&all->map, &r->node, hash_of(k->text, k->len))) {
		free(r);
		return NULL;
	}
	r->by = by;
	r->next = by->reports;
	if (r->next != NULL)
		r->next->prev = r;
	by->reports = r;
	return r;
}

static bool store(struct reports *all, struct reporter *by, const struct key *k, json_t *what)
{
	uint64_t hash = hash_of(k->text, k->len);
	struct report *r = (struct report *)map_find(&all->map, hash, same, k);

	if (r == NULL && (r = report_new(all, by, k)) == NULL)
		return false;
	if (r->what != NULL)
		tally(by, r->what, -1);
	json_decref(r->what);
	r->what = json_incref(what);
	tally(by, what, 1);
	return true;
}

/* One rule of a report, checked: anything that is not as client.h says is refused. */
static bool take_one(struct reports *all, struct reporter *by, const char *enforcer, json_t *rule,
		     struct err *e)
{
	const char *family, *nlri, *state, *reason = "";
	json_int_t packets = 0, octets = 0, dropped_packets = 0, dropped_octets = 0;
	char text[KEY_MAX];
	struct key k = { .by = by, .text = text };
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
	stored = what != NULL && store(all, by, &k, what);
	json_decref(what);
	return stored ? true : err_at(e, 0, 0, "report: more than %d rules", REPORTS_MAX);
}

bool reports_take(struct reports *r, const struct ctl_conn *from, json_t *report, struct err *e)
{
	struct reporter *by;
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
	by = reports_reporter(r, from);
	json_array_foreach(rules, i, rule) if (!take_one(r, by, enforcer, rule, e)) return false;
	return true;
}

/* The key of a rule as enforcers say it. */
static struct key key_of(const struct bgp_nlri *n, char *text, size_t size)
{
	uint8_t octets[FLOW_NLRI_MAX + 2];
	struct str s = str_over(text, size);
	struct wr w = wr_over(octets, sizeof(octets));
	struct flow_nlri flow = bgp_flow_nlri(n);

	flow_nlri_write(&w, &flow);
	str_addf(&s, "%s ", bgp_families[n->family].token);
	str_add_hex(&s, octets, wr_len(&w));
	return (struct key){ .text = text, .len = strlen(text) };
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
			visit(ctx, one->by, one->what);
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

void reports_drop(struct reports *r, const struct bgp_nlri *n)
{
	char text[KEY_MAX];
	struct key k = key_of(n, text, sizeof(text));
	uint64_t hash = hash_of(k.text, k.len);
	struct map_node *at;

	while ((at = map_find(&r->map, hash, same, &k)) != NULL)
		drop(r, (struct report *)at);
}

/* ---- Life --------------------------------------------------------------------------------- */

struct reports *reports_new(uv_loop_t *loop)
{
	struct reports *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->forgetting.data = r;
	(void)uv_idle_init(loop, &r->forgetting);
	return r;
}

void reports_stop(struct reports *r)
{
	uv_close((uv_handle_t *)&r->forgetting, NULL);
}

void reports_free(struct reports *r)
{
	while (r->reporters != NULL)
		reports_forget(r, r->reporters->from);
	(void)forget_some(r, SIZE_MAX);
	map_done(&r->map);
	free(r);
}
