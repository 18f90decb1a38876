/* SPDX-License-Identifier: ISC */
/* neighbor.c - a neighbor as the RIB sees it: what it sent, and when its session comes and goes.
 *
 * A route that shows us in its AS path (RFC 4271 9.1.2), as its originator or in its cluster list
 * (RFC 4456 8) is not kept; what the neighbor said of that key before does not hold any more
 * either, so it counts as a withdrawal.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rib/table.h"

/* ---- As configured ------------------------------------------------------------------------------
 */

struct rib_peer *rib_peer_new(struct rib *r, const struct rib_peer_conf *c,
			      const struct bgp_peer_conf *bgp)
{
	struct rib_peer *p = calloc(1, sizeof(*p));
	char text[ADDR_TEXT_MAX];

	if (p == NULL)
		return NULL;
	p->rib = r;
	p->conf = *c;
	p->bgp = *bgp;
	p->origin.peer = p;
	(void)snprintf(p->origin.name, sizeof(p->origin.name), "%s",
		       addr_print(&bgp->remote, text));
	p->next = r->peers;
	r->peers = p;
	return p;
}

void rib_peer_attach(struct rib_peer *p, struct bgp_speaker *s, struct bgp_peer *bgp)
{
	p->speaker = s;
	p->session = bgp;
}

const char *rib_peer_name(const struct rib_peer *p)
{
	return p->origin.name;
}

const struct bgp_peer *rib_peer_bgp(const struct rib_peer *p)
{
	return p->session;
}

void rib_peer_counts(const struct rib_peer *p, struct rib_peer_counts *ret)
{
	*ret = p->counts;
	ret->queued = p->queue.count;
}

/* What it sent may count now, or not; and other clients may hear of it now, or not. */
static void judge_anew(struct rib_peer *p)
{
	for (struct rib_path *path = p->origin.paths; path != NULL; path = path->origin_next) {
		struct bgp_nlri n = rib_entry_nlri(path->entry);
		bool tell, valid = rib_validate(p, &n, &tell);

		if (path->valid != valid)
			rib_path_set_valid(p->rib, path, valid);
		else
			rib_export_changed(p->rib, path->entry);
	}
}

static bool same_place(const struct bgp_peer_conf *a, const struct bgp_peer_conf *b)
{
	return addr_equal(&a->remote, &b->remote) && addr_equal(&a->local, &b->local) &&
	       a->remote_as == b->remote_as && a->local_as == b->local_as;
}

void rib_peer_change(struct rib_peer *p, const struct rib_peer_conf *c,
		     const struct bgp_peer_conf *bgp)
{
	bool same_way = p->conf.route_reflector_client == c->route_reflector_client &&
			p->conf.validate == c->validate &&
			memcmp(p->bgp.router_id, bgp->router_id, sizeof(bgp->router_id)) == 0;
	bool same = same_place(&p->bgp, bgp);

	/* The decision goes by these; and the session that brought the paths ends by them. */
	if (!same)
		(void)rib_withdraw_all(p->rib, &p->origin);
	p->conf = *c;
	p->bgp = *bgp;
	/* As in most reloads. */
	if (same && same_way)
		return;
	judge_anew(p);
	rib_export_walk(p);
}

static void drop_only(struct rib_peer *p)
{
	for (struct rib_origin *o = p->rib->origins; o != NULL; o = o->next) {
		for (struct rib_path *path = o->paths, *next; path != NULL; path = next) {
			next = path->origin_next;
			if (path->only == p)
				rib_path_drop(p->rib, path);
		}
	}
}

static void drop_sent(struct rib_peer *p)
{
	(void)rib_withdraw_all(p->rib, &p->origin);
	p->fallen = false;
}

void rib_peer_free(struct rib_peer *p)
{
	struct rib_peer **at = &p->rib->peers;

	rib_peer_down(p);
	drop_sent(p);
	drop_only(p);
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	free(p);
}

/* ---- Its session
 * ---------------------------------------------------------------------------------- */

void rib_peer_up(struct rib_peer *p, const struct bgp_peer_info *info)
{
	rib_peer_down(p);
	drop_sent(p);
	memcpy(p->remote_id, info->remote_id, sizeof(p->remote_id));
	p->families = info->families;
	p->local = info->local.family != ADDR_NONE ? info->local : p->bgp.local;
	p->up = true;
	p->end_of_rib_due = info->families;
	rib_export_walk(p);
}

void rib_peer_down(struct rib_peer *p)
{
	p->up = false;
	p->fallen = true;
	rib_export_done(p);
	for (int f = 0; f < BGP_FAMILIES; f++)
		p->counts.family[f].end_of_rib_in = p->counts.family[f].end_of_rib_out = false;
}

size_t rib_prune(struct rib *r, size_t most)
{
	size_t n = 0;

	for (struct rib_peer *p = r->peers; p != NULL && n < most; p = p->next) {
		if (!p->fallen)
			continue;
		n += rib_withdraw_some(r, &p->origin, r->last_said, most - n);
		p->fallen = p->origin.paths != NULL;
	}
	return n;
}

/* ---- What it sends
 * -------------------------------------------------------------------------------- */

static bool has_id(const struct bgp_octets *list, const uint8_t id[4])
{
	struct rd r = rd_over(list->at, list->len);

	while (rd_left(&r) >= 4)
		if (memcmp(rd_take(&r, 4), id, 4) == 0)
			return true;
	return false;
}

/* Without a cluster-id in the file we go by as many names as we have router-ids. */
static bool has_our_cluster(const struct rib *r, const struct bgp_octets *list)
{
	if (list->len == 0)
		return false;
	for (const struct rib_peer *p = r->peers; p != NULL; p = p->next)
		if (has_id(list, rib_cluster_id(p)))
			return true;
	return false;
}

/* NULL: no loop. */
static const char *loop(const struct rib_peer *p, const struct bgp_attrs *a)
{
	if (bgp_as_path_has(a, p->bgp.local_as))
		return "AS_PATH";
	if (a->has_originator_id &&
	    memcmp(a->originator_id, p->bgp.router_id, sizeof(a->originator_id)) == 0)
		return "ORIGINATOR_ID";
	return has_our_cluster(p->rib, &a->cluster_list) ? "CLUSTER_LIST" : NULL;
}

static bool looped(struct rib_peer *p, const struct bgp_attrs *a)
{
	const char *where = loop(p, a);

	if (where == NULL)
		return false;
	if (rib_worth_telling(++p->counts.loops))
		rib_event(p->rib, rib_peer_name(p),
			  "refused %llu routes that were here already: %s",
			  (unsigned long long)p->counts.loops, where);
	return true;
}

static void tell_not_validated(struct rib_peer *p, const struct bgp_nlri *n)
{
	char text[400];
	struct str s = str_over(text, sizeof(text));

	bgp_nlri_print(n, &s);
	rib_event(p->rib, rib_peer_name(p), "accepted without validation: %s%s", text,
		  str_ok(&s) ? "" : " ...");
}

void rib_peer_route(struct rib_peer *p, const struct bgp_nlri *n, struct bgp_attrs *attrs)
{
	struct rib_path draft = { .origin = &p->origin, .attrs = attrs };
	bool tell;

	if (attrs == NULL || looped(p, attrs)) {
		(void)rib_withdraw(p->rib, &p->origin, NULL, n);
		return;
	}
	draft.valid = rib_validate(p, n, &tell);
	if (rib_path_set(p->rib, &draft, n) == RIB_DONE && tell)
		tell_not_validated(p, n);
}
