/* SPDX-License-Identifier: ISC */
/* rib.c - keys and paths, and who hears of their changes.  See rib.h and table.h.
 *
 * Every change of a path ends in changed(): the watchers hear of the path, then of the best path if
 * that is another one now, then the neighbors' queues are looked after.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "rib/table.h"

/* ---- Entries ------------------------------------------------------------------------------- */

struct bgp_nlri rib_entry_nlri(const struct rib_entry *e)
{
	return (struct bgp_nlri){
		.family = (enum bgp_family)e->family,
		.octets = e->octets,
		.len = e->len,
	};
}

const struct rib_path *rib_entry_paths(const struct rib_entry *e)
{
	return e->paths;
}

const struct rib_path *rib_entry_best(const struct rib_entry *e)
{
	const struct rib_path *p = e->paths;

	while (p != NULL && p->valid && p->only != NULL)
		p = p->next;
	return p != NULL && p->valid ? p : NULL;
}

static uint64_t hash(const struct rib *r, const struct bgp_nlri *n)
{
	return map_hash(n->octets, n->len, r->seed + n->family);
}

static bool has_key(const struct map_node *node, const void *key)
{
	const struct rib_entry *e = (const struct rib_entry *)node;
	const struct bgp_nlri *n = key;

	return e->family == n->family && e->len == n->len &&
	       memcmp(e->octets, n->octets, n->len) == 0;
}

static struct rib_entry *find(const struct rib *r, const struct bgp_nlri *n)
{
	return (struct rib_entry *)map_find(&r->entries, hash(r, n), has_key, n);
}

const struct rib_entry *rib_find(struct rib *r, const struct bgp_nlri *n)
{
	const struct rib_entry *e = find(r, n);

	/* Without paths it waits for its withdrawals to be sent. */
	return e != NULL && e->paths != NULL ? e : NULL;
}

static struct rib_entry *entry_new(struct rib *r, const struct bgp_nlri *n)
{
	struct rib_entry *e;

	if (n->len > FLOW_NLRI_MAX || (e = calloc(1, sizeof(*e) + n->len)) == NULL)
		return NULL;
	e->family = (uint8_t)n->family;
	e->len = (uint16_t)n->len;
	if (n->len > 0)
		memcpy(e->octets, n->octets, n->len);
	if (!map_insert(&r->entries, &e->node, hash(r, n))) {
		free(e);
		return NULL;
	}
	e->prev = r->last;
	*(r->last != NULL ? &r->last->next : &r->first) = e;
	r->last = e;
	return e;
}

void rib_entry_release(struct rib *r, struct rib_entry *e)
{
	if (e->paths != NULL || e->outs != NULL)
		return;
	for (struct rib_peer *p = r->peers; p != NULL; p = p->next)
		if (p->walk == e)
			p->walk = e->next;
	*(e->prev != NULL ? &e->prev->next : &r->first) = e->next;
	*(e->next != NULL ? &e->next->prev : &r->last) = e->prev;
	map_remove(&r->entries, &e->node);
	free(e);
}

/* ---- Watchers -------------------------------------------------------------------------------- */

bool rib_watch_add(struct rib *r, const struct rib_watch *w)
{
	if (r->watches_count == RIB_WATCHES_MAX)
		return false;
	r->watches[r->watches_count++] = *w;
	return true;
}

void rib_event(struct rib *r, const char *subject, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (size_t i = 0; i < r->watches_count; i++)
		if (r->watches[i].event != NULL)
			r->watches[i].event(r->watches[i].ctx, subject, text);
}

bool rib_worth_telling(uint64_t count)
{
	while (count != 0 && count % 10 == 0)
		count /= 10;
	return count == 1;
}

static void tell_path(struct rib *r, const struct rib_path *p, bool gone)
{
	for (size_t i = 0; i < r->watches_count; i++)
		if (r->watches[i].path != NULL)
			r->watches[i].path(r->watches[i].ctx, p, gone);
}

static void tell_best(struct rib *r, const struct rib_entry *e, const struct rib_path *best)
{
	for (size_t i = 0; i < r->watches_count; i++)
		if (r->watches[i].best != NULL)
			r->watches[i].best(r->watches[i].ctx, e, best);
}

/* ---- Paths ----------------------------------------------------------------------------------- */

struct best {
	const struct rib_path *path;
	const struct bgp_attrs *attrs; /* kept by the caller until changed() has compared */
};

static struct best best_of(const struct rib_entry *e)
{
	const struct rib_path *p = rib_entry_best(e);

	return (struct best){ .path = p, .attrs = p != NULL ? p->attrs : NULL };
}

static void changed(struct rib *r, struct rib_path *p, struct best before, bool gone)
{
	struct best after = best_of(p->entry);

	tell_path(r, p, gone);
	if (after.path != before.path || after.attrs != before.attrs)
		tell_best(r, p->entry, after.path);
	rib_export_changed(r, p->entry);
}

static void count(const struct rib_path *p, size_t by)
{
	struct rib_peer *peer = p->origin->peer;

	if (peer == NULL)
		return;
	peer->counts.family[p->entry->family].received += by;
	if (p->valid)
		peer->counts.family[p->entry->family].accepted += by;
}

struct rib_path *rib_path_find(const struct rib_entry *e, const struct rib_origin *o,
			       const struct rib_peer *only)
{
	struct rib_path *p = e->paths;

	while (p != NULL && (p->origin != o || p->only != only))
		p = p->next;
	return p;
}

static msec time_now(const struct rib *r)
{
	return r->now != NULL ? r->now(r->now_ctx) : 0;
}

static bool same_name(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void rename_path(struct rib_path *p, const char *name)
{
	if (same_name(p->name, name))
		return;
	free(p->name);
	p->name = name != NULL ? strdup(name) : NULL;
}

/* Attributes or validity are others; the name is with them. */
static void replace(struct rib *r, struct rib_path *p, const struct rib_path *draft)
{
	struct best before = best_of(p->entry);
	struct bgp_attrs *old = p->attrs;

	rib_decision_remove(&p->entry->paths, p);
	count(p, (size_t)-1);
	p->attrs = bgp_attrs_ref(draft->attrs);
	p->valid = draft->valid;
	p->since = time_now(r);
	count(p, 1);
	rib_decision_insert(&p->entry->paths, p);
	rename_path(p, draft->name);
	changed(r, p, before, false);
	bgp_attrs_unref(r->attrs, old);
}

static enum rib_done update(struct rib *r, struct rib_path *p, const struct rib_path *draft)
{
	if (p->attrs != draft->attrs || p->valid != draft->valid) {
		replace(r, p, draft);
		return RIB_DONE;
	}
	if (same_name(p->name, draft->name))
		return RIB_SAME;
	rename_path(p, draft->name);
	tell_path(r, p, false);
	return RIB_DONE;
}

/* It was announced just now. */
static void link_path(struct rib *r, struct rib_path *p)
{
	struct rib_origin *o = p->origin;

	p->said = ++r->last_said;
	p->origin_prev = NULL;
	p->origin_next = o->paths;
	*(o->paths != NULL ? &o->paths->origin_prev : &o->oldest) = p;
	o->paths = p;
}

static void unlink_path(struct rib_path *p)
{
	struct rib_origin *o = p->origin;

	*(p->origin_prev != NULL ? &p->origin_prev->origin_next : &o->paths) = p->origin_next;
	*(p->origin_next != NULL ? &p->origin_next->origin_prev : &o->oldest) = p->origin_prev;
}

static bool add(struct rib *r, struct rib_entry *e, const struct rib_path *draft)
{
	struct best before = best_of(e);
	struct rib_path *p;

	if (r->paths >= r->paths_max || (p = calloc(1, sizeof(*p))) == NULL)
		return false;
	p->entry = e;
	p->origin = draft->origin;
	p->only = draft->only;
	p->attrs = bgp_attrs_ref(draft->attrs);
	p->valid = draft->valid;
	p->since = time_now(r);
	p->id = ++r->last_id;
	rename_path(p, draft->name);
	link_path(r, p);
	r->paths++;
	count(p, 1);
	if (e->paths == NULL)
		rib_order_insert(r, e);
	rib_decision_insert(&e->paths, p);
	changed(r, p, before, false);
	return true;
}

/* One line at the first refusal and then ever fewer: the table may stay full for long. */
static void refused(struct rib *r, const struct rib_origin *o)
{
	uint64_t *n = o->peer != NULL ? &o->peer->counts.refused : &r->refused;

	if (rib_worth_telling(++*n))
		rib_event(r, o->name, "refused %llu routes: %zu paths are held, the most is %zu",
			  (unsigned long long)*n, r->paths, r->paths_max);
}

/* Of the draft: origin, only, attrs, name and valid; nothing of it is kept but references. */
enum rib_done rib_path_set(struct rib *r, const struct rib_path *draft, const struct bgp_nlri *n)
{
	struct rib_entry *e = find(r, n);
	struct rib_path *p = e != NULL ? rib_path_find(e, draft->origin, draft->only) : NULL;

	if (p != NULL) {
		unlink_path(p);
		link_path(r, p);
		return update(r, p, draft);
	}
	if (e == NULL)
		e = entry_new(r, n);
	if (e == NULL || !add(r, e, draft)) {
		if (e != NULL)
			rib_entry_release(r, e);
		refused(r, draft->origin);
		return RIB_REFUSED;
	}
	return RIB_DONE;
}

void rib_path_set_valid(struct rib *r, struct rib_path *p, bool valid)
{
	struct rib_path draft = { .attrs = p->attrs, .name = p->name, .valid = valid };

	if (p->valid != valid)
		replace(r, p, &draft);
}

static void free_path(struct rib *r, struct rib_path *p)
{
	bgp_attrs_unref(r->attrs, p->attrs);
	free(p->name);
	free(p);
}

void rib_path_drop(struct rib *r, struct rib_path *p)
{
	struct rib_entry *e = p->entry;
	struct best before = best_of(e);

	rib_decision_remove(&e->paths, p);
	if (e->paths == NULL)
		rib_order_remove(r, e);
	unlink_path(p);
	r->paths--;
	count(p, (size_t)-1);
	changed(r, p, before, true);
	free_path(r, p);
	rib_entry_release(r, e);
}

void rib_each(const struct rib *r, enum bgp_family f,
	      bool (*visit)(void *ctx, const struct rib_entry *e), void *ctx)
{
	for (const struct rib_entry *e = r->first; e != NULL; e = e->next)
		if ((f == BGP_FAMILIES || e->family == f) && e->paths != NULL && !visit(ctx, e))
			return;
}

/* ---- The table
 * ----------------------------------------------------------------------------------- */

struct rib *rib_new(struct bgp_attr_table *attrs, const struct rib_conf *c)
{
	struct rib *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->attrs = attrs;
	r->conf = *c;
	r->paths_max = RIB_PATHS_MAX;
	if (getrandom(&r->seed, sizeof(r->seed), 0) != (ssize_t)sizeof(r->seed))
		r->seed = (uint64_t)(uintptr_t)r;
	return r;
}

void rib_free(struct rib *r)
{
	if (r == NULL)
		return;
	r->watches_count = 0;
	while (r->peers != NULL)
		rib_peer_free(r->peers);
	(void)rib_withdraw_all(r, NULL);
	for (struct rib_origin *o = r->origins, *next; o != NULL; o = next) {
		next = o->next;
		free(o);
	}
	map_done(&r->entries);
	free(r);
}

void rib_conf_set(struct rib *r, const struct rib_conf *c)
{
	if (memcmp(&r->conf, c, sizeof(*c)) == 0)
		return;
	r->conf = *c;
	for (struct rib_peer *p = r->peers; p != NULL; p = p->next)
		rib_export_walk(p);
}

void rib_clock_set(struct rib *r, msec (*now)(void *ctx), void *ctx)
{
	r->now = now;
	r->now_ctx = ctx;
}
