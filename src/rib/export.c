/* SPDX-License-Identifier: ISC */
/* export.c - what a neighbor is told.
 *
 * Of an entry's paths a neighbor may be told those of ours that are for it or for everyone, and,
 * being a route-reflector client, what other clients sent (RFC 4456 6; the RFC also passes on to
 * and from neighbors that are no clients, here the word in the file decides).  One is told: a path
 * for it alone before one for everyone, then in the order of the decision.
 *
 * A change puts the entry at the end of the neighbor's queue, once.  When there is room to send,
 * rib_export_next takes the first and compares what the neighbor should have now with what it was
 * told.  So a changed action is one announcement, what changed twice goes out once, and what was
 * queued first goes out first.  After its session came up the table is walked with a cursor;
 * changes meanwhile go through the queue, and whoever sees an entry second finds nothing to do.
 * When memory is out for an out, the walk begins anew and stands in for the queue.
 *
 * What cannot be told for want of memory is withdrawn: the neighbor has what we say it has.
 */
#include <stdlib.h>
#include <string.h>

#include "rib/table.h"

enum {
	NO_ADVERTISE_LEN = 4,
	/* A path came in one message; room for one more AS or cluster. */
	LIST_ROOM = BGP_MESSAGE_MAX + 16
};

/* ---- May it be told?
 * -------------------------------------------------------------------------------- */

static const uint8_t *originator(const struct rib_path *path)
{
	return path->attrs->has_originator_id ? path->attrs->originator_id
					      : path->origin->peer->remote_id;
}

/* RFC 1997: what carries it is not for our neighbors. */
static bool no_advertise(const struct bgp_attrs *a)
{
	static const uint8_t community[NO_ADVERTISE_LEN] = { 0xff, 0xff, 0xff, 0x02 };
	struct rd r = rd_over(a->communities.at, a->communities.len);

	while (rd_left(&r) >= sizeof(community))
		if (memcmp(rd_take(&r, sizeof(community)), community, sizeof(community)) == 0)
			return true;
	return false;
}

static bool reflects_to(const struct rib_peer *p, const struct rib_path *path)
{
	const struct rib_peer *from = path->origin->peer;

	return from != p && from->conf.route_reflector_client && p->conf.route_reflector_client &&
	       rib_peer_internal(from) && rib_peer_internal(p) &&
	       memcmp(originator(path), p->remote_id, sizeof(p->remote_id)) != 0 &&
	       !no_advertise(path->attrs);
}

static bool for_everyone(const struct rib_peer *p, const struct rib_path *path)
{
	return path->only == NULL && (path->origin->peer == NULL || reflects_to(p, path));
}

/* The path this neighbor should have; NULL: none. */
static const struct rib_path *choose(const struct rib_peer *p, const struct rib_entry *e)
{
	const struct rib_path *found = NULL;

	for (const struct rib_path *path = e->paths; path != NULL && path->valid;
	     path = path->next) {
		if (path->only == p)
			return path;
		if (found == NULL && for_everyone(p, path))
			found = path;
	}
	return found;
}

/* ---- As it is told
 * ------------------------------------------------------------------------------------ */

const uint8_t *rib_cluster_id(const struct rib_peer *p)
{
	static const uint8_t none[4];

	return memcmp(p->rib->conf.cluster_id, none, sizeof(none)) != 0 ? p->rib->conf.cluster_id
									: p->bgp.router_id;
}

/* 0.0.0.0 in a path of ours: the session's own address. */
static void own_next_hop(const struct rib_peer *p, struct bgp_attrs *draft)
{
	static const uint8_t self[4];

	if (draft->next_hop_len != sizeof(self) || memcmp(draft->next_hop, self, sizeof(self)) != 0)
		return;
	draft->next_hop_len = (uint8_t)addr_octets(&p->local);
	memcpy(draft->next_hop, p->local.octets, draft->next_hop_len);
}

static void internal_preference(struct bgp_attrs *draft)
{
	/* RFC 4271 5.1.5: internal neighbors are always told one. */
	if (!draft->has_local_pref) {
		draft->has_local_pref = true;
		draft->local_pref = 100;
	}
}

static void ours(const struct rib_peer *p, const struct rib_path *path, struct bgp_attrs *draft,
		 struct wr *w)
{
	own_next_hop(p, draft);
	if (rib_peer_internal(p)) {
		internal_preference(draft);
		return;
	}
	draft->has_local_pref = false;
	draft->local_pref = 0;
	bgp_as_path_prepend(path->attrs, p->bgp.local_as, w);
	draft->as_path = (struct bgp_octets){ .at = w->base, .len = (uint16_t)wr_len(w) };
}

/* RFC 4456 8; all else stays as it came. */
static void reflected(const struct rib_peer *p, const struct rib_path *path,
		      struct bgp_attrs *draft, struct wr *w)
{
	internal_preference(draft);
	memcpy(draft->originator_id, originator(path), sizeof(draft->originator_id));
	draft->has_originator_id = true;
	wr_bytes(w, rib_cluster_id(p), 4);
	wr_bytes(w, path->attrs->cluster_list.at, path->attrs->cluster_list.len);
	draft->cluster_list = (struct bgp_octets){ .at = w->base, .len = (uint16_t)wr_len(w) };
}

/* A new reference; NULL: nothing is to be told (or memory is out). */
static struct bgp_attrs *wanted(const struct rib_peer *p, const struct rib_entry *e)
{
	const struct rib_path *path = choose(p, e);
	uint8_t room[LIST_ROOM];
	struct wr w = wr_over(room, sizeof(room));
	struct bgp_attrs draft;

	if (path == NULL)
		return NULL;
	draft = *path->attrs;
	(path->origin->peer == NULL ? ours : reflected)(p, path, &draft, &w);
	return wr_ok(&w) ? bgp_attrs_intern(p->rib->attrs, &draft) : NULL;
}

/* ---- Outs and the two lists of a neighbor
 * ------------------------------------------------------------- */

static void list_add(struct rib_out_list *l, struct rib_out *o)
{
	o->next = NULL;
	o->prev = l->tail;
	*(l->tail != NULL ? &l->tail->next : &l->head) = o;
	l->tail = o;
	l->count++;
}

static void list_remove(struct rib_out_list *l, struct rib_out *o)
{
	*(o->prev != NULL ? &o->prev->next : &l->head) = o->next;
	*(o->next != NULL ? &o->next->prev : &l->tail) = o->prev;
	l->count--;
}

/* The first of the queue; it is among the told then. */
static struct rib_out *queue_take(struct rib_peer *p)
{
	struct rib_out *o = p->queue.head;

	if (o == NULL)
		return NULL;
	p->queue.head = o->next;
	*(o->next != NULL ? &o->next->prev : &p->queue.tail) = NULL;
	p->queue.count--;
	o->queued = false;
	list_add(&p->told, o);
	return o;
}

static void queue_add(struct rib_out *o)
{
	if (o->queued)
		return;
	list_remove(&o->peer->told, o);
	o->queued = true;
	list_add(&o->peer->queue, o);
}

static struct rib_out *out_find(const struct rib_peer *p, const struct rib_entry *e)
{
	struct rib_out *o = e->outs;

	while (o != NULL && o->peer != p)
		o = o->entry_next;
	return o;
}

static struct rib_out *out_new(struct rib_peer *p, struct rib_entry *e, bool queued)
{
	struct rib_out *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return NULL;
	o->peer = p;
	o->entry = e;
	o->queued = queued;
	o->entry_next = e->outs;
	e->outs = o;
	list_add(queued ? &p->queue : &p->told, o);
	return o;
}

/* What was sent, as the count of it, changes only here. */
static void set_sent(struct rib_out *o, struct bgp_attrs *attrs)
{
	size_t *advertised = &o->peer->counts.family[o->entry->family].advertised;

	*advertised += (size_t)(attrs != NULL) - (size_t)(o->sent != NULL);
	if (o->sent != NULL)
		bgp_attrs_unref(o->peer->rib->attrs, o->sent);
	o->sent = attrs;
}

/* The entry goes too when nothing holds it any more. */
static void out_free(struct rib_out *o)
{
	struct rib_entry *e = o->entry;
	struct rib_peer *p = o->peer;
	struct rib_out **at = &e->outs;

	while (*at != o)
		at = &(*at)->entry_next;
	*at = o->entry_next;
	list_remove(o->queued ? &p->queue : &p->told, o);
	set_sent(o, NULL);
	free(o);
	rib_entry_release(p->rib, e);
}

/* ---- Queueing
 * ------------------------------------------------------------------------------------------- */

static void wake(const struct rib_peer *p)
{
	if (p->speaker != NULL)
		bgp_speaker_kick(p->speaker, p->session);
}

static bool speaks(const struct rib_peer *p, unsigned family)
{
	return p->up && (p->families >> family & 1) != 0;
}

void rib_export_walk(struct rib_peer *p)
{
	if (!p->up)
		return;
	p->walk = p->rib->first;
	wake(p);
}

void rib_export_changed(struct rib *r, struct rib_entry *e)
{
	uint64_t round = ++r->round;

	for (struct rib_out *o = e->outs; o != NULL; o = o->entry_next) {
		o->peer->round = round;
		queue_add(o);
		wake(o->peer);
	}
	for (struct rib_peer *p = r->peers; p != NULL; p = p->next) {
		if (p->round == round || !speaks(p, e->family) || choose(p, e) == NULL)
			continue;
		if (out_new(p, e, true) != NULL)
			wake(p);
		else
			rib_export_walk(p);
	}
}

void rib_export_refresh(struct rib_peer *p, enum bgp_family f)
{
	struct rib_out *next;

	if (!speaks(p, f))
		return;
	for (struct rib_out *o = p->queue.head; o != NULL; o = o->next)
		o->resend = o->resend || o->entry->family == f;
	for (struct rib_out *o = p->told.head; o != NULL; o = next) {
		next = o->next;
		if (o->entry->family != f)
			continue;
		o->resend = true;
		queue_add(o);
	}
	wake(p);
}

void rib_export_done(struct rib_peer *p)
{
	p->walk = NULL;
	p->end_of_rib_due = 0;
	while (p->queue.head != NULL)
		out_free(p->queue.head);
	while (p->told.head != NULL)
		out_free(p->told.head);
}

/* ---- Sending
 * ---------------------------------------------------------------------------------------------- */

static void withdrawal(struct rib_out *o, struct bgp_out *ret)
{
	struct rib_peer *p = o->peer;

	/* The entry may go with its last out, the octets must not. */
	memcpy(p->withdrawn, o->entry->octets, o->entry->len);
	*ret = (struct bgp_out){ .kind = BGP_OUT_UNREACH, .nlri = rib_entry_nlri(o->entry) };
	ret->nlri.octets = p->withdrawn;
	out_free(o);
}

/* o NULL: it was told nothing of e, and should have attrs. */
static bool announcement(struct rib_peer *p, struct rib_entry *e, struct rib_out *o,
			 struct bgp_attrs *attrs, struct bgp_out *ret)
{
	if (o == NULL && (o = out_new(p, e, false)) == NULL) {
		bgp_attrs_unref(p->rib->attrs, attrs);
		return false;
	}
	set_sent(o, attrs);
	o->resend = false;
	*ret = (struct bgp_out){
		.kind = BGP_OUT_REACH,
		.nlri = rib_entry_nlri(e),
		.attrs = attrs,
	};
	return true;
}

/* Compares what p should have with what it was told; true: the difference is in *ret.  o, if there
 * is one, is not in the queue any more. */
static bool settle(struct rib_peer *p, struct rib_entry *e, struct rib_out *o, struct bgp_out *ret)
{
	struct bgp_attrs *want = wanted(p, e), *sent = o != NULL ? o->sent : NULL;

	if (want != NULL && (want != sent || o->resend))
		return announcement(p, e, o, want, ret);
	if (want != NULL) {
		bgp_attrs_unref(p->rib->attrs, want);
		return false;
	}
	if (sent != NULL) {
		withdrawal(o, ret);
		return true;
	}
	if (o != NULL)
		out_free(o);
	return false;
}

static bool next_of_walk(struct rib_peer *p, struct bgp_out *ret)
{
	while (p->walk != NULL) {
		struct rib_entry *e = p->walk;

		p->walk = e->next;
		if (speaks(p, e->family) && settle(p, e, out_find(p, e), ret))
			return true;
	}
	return false;
}

static bool next_end_of_rib(struct rib_peer *p, struct bgp_out *ret)
{
	for (int f = 0; f < BGP_FAMILIES; f++) {
		if ((p->end_of_rib_due >> f & 1) == 0)
			continue;
		p->end_of_rib_due &= ~(1U << f);
		p->counts.family[f].end_of_rib_out = true;
		*ret = (struct bgp_out){
			.kind = BGP_OUT_END_OF_RIB,
			.nlri = { .family = (enum bgp_family)f },
		};
		return true;
	}
	return false;
}

bool rib_export_next(struct rib_peer *p, struct bgp_out *ret)
{
	struct rib_out *o;

	if (!p->up)
		return false;
	while ((o = queue_take(p)) != NULL)
		if (settle(p, o->entry, o, ret))
			return true;
	return next_of_walk(p, ret) || next_end_of_rib(p, ret);
}
