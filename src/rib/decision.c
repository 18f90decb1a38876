/* SPDX-License-Identifier: ISC */
/* decision.c - which of an entry's paths comes first: RFC 4271 9.1.2.2 with RFC 4456 9.
 *
 * Paths fall into classes (valid, ours, local preference, length of the AS path, origin), and the
 * classes have an order.  Within a class MED counts only among paths from the same neighboring AS,
 * so that no comparison of two paths orders the class: that is done by groups.  The paths of one
 * neighboring AS form a group, sorted by MED and then by the ties; the class is its groups merged,
 * each time taking the group's head that wins the ties.  The first is what the RFC's elimination
 * leaves, the second what it leaves without the first, and so on.  It follows that leaving out a
 * whole group leaves the others in order: a change takes out one group and merges it anew.
 *
 * The RFC says "interior cost"; no metric is known here, and step e is skipped as it allows.  Ties
 * between paths of ours, which it does not know, go by the names of their origins.
 */
#include <string.h>

#include "rib/table.h"

static int by_number(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

static uint32_t local_pref(const struct rib_path *p)
{
	return p->attrs->has_local_pref ? p->attrs->local_pref : 100;
}

static int by_class(const struct rib_path *a, const struct rib_path *b)
{
	int c;

	if (a->valid != b->valid)
		return a->valid ? -1 : 1;
	if ((a->origin->peer == NULL) != (b->origin->peer == NULL))
		return a->origin->peer == NULL ? -1 : 1;
	if ((c = by_number(local_pref(b), local_pref(a))) != 0 || a->attrs == b->attrs)
		return c;
	if ((c = by_number(bgp_as_path_length(a->attrs), bgp_as_path_length(b->attrs))) != 0)
		return c;
	return by_number(a->attrs->origin, b->attrs->origin);
}

/* 0, no AS in front, stands for the local AS: RFC 4271 9.1.2.2 c. */
static bool same_group(const struct rib_path *a, const struct rib_path *b)
{
	return a->attrs == b->attrs || bgp_as_path_first(a->attrs) == bgp_as_path_first(b->attrs);
}

static uint32_t med(const struct rib_path *p)
{
	return p->attrs->has_med ? p->attrs->med : 0;
}

static int by_addresses(const struct rib_peer *a, const struct rib_peer *b)
{
	int c = addr_compare(&a->bgp.remote, &b->bgp.remote);

	return c != 0 ? c : addr_compare(&a->bgp.local, &b->bgp.local);
}

/* Paths of ours. */
static int by_origin(const struct rib_path *a, const struct rib_path *b)
{
	int c = strcmp(a->origin->name, b->origin->name);

	if (c != 0 || a->only == b->only)
		return c;
	if (a->only == NULL || b->only == NULL)
		return a->only == NULL ? -1 : 1;
	return by_addresses(a->only, b->only);
}

static const uint8_t *router_id(const struct rib_path *p)
{
	return p->attrs->has_originator_id ? p->attrs->originator_id : p->origin->peer->remote_id;
}

/* Learnt paths: external before internal, router-id, cluster list, address. */
static int by_sender(const struct rib_path *a, const struct rib_path *b)
{
	const struct rib_peer *pa = a->origin->peer, *pb = b->origin->peer;
	int c;

	if (rib_peer_internal(pa) != rib_peer_internal(pb))
		return rib_peer_internal(pa) ? 1 : -1;
	if ((c = memcmp(router_id(a), router_id(b), 4)) != 0)
		return c;
	if ((c = by_number(a->attrs->cluster_list.len, b->attrs->cluster_list.len)) != 0)
		return c;
	return by_addresses(pa, pb);
}

/* The same class is given. */
static int by_ties(const struct rib_path *a, const struct rib_path *b)
{
	int c = a->origin->peer == NULL ? by_origin(a, b) : by_sender(a, b);

	return c != 0 ? c : (a->id > b->id) - (a->id < b->id);
}

static int within_group(const struct rib_path *a, const struct rib_path *b)
{
	int c = by_number(med(a), med(b));

	return c != 0 ? c : by_ties(a, b);
}

static void insert_into_group(struct rib_path **group, struct rib_path *p)
{
	while (*group != NULL && within_group(*group, p) < 0)
		group = &(*group)->next;
	p->next = *group;
	*group = p;
}

/* Takes the class of `like` out of the list at *at; its group goes to *ret_group, the rest to
 * *ret_others, in their order.  What follows the class stays at *at. */
static void split(struct rib_path **at, const struct rib_path *like, struct rib_path **ret_group,
		  struct rib_path **ret_others)
{
	struct rib_path *p;

	while ((p = *at) != NULL && by_class(p, like) == 0) {
		struct rib_path ***to = same_group(p, like) ? &ret_group : &ret_others;

		*at = p->next;
		**to = p;
		*to = &p->next;
	}
	*ret_group = NULL;
	*ret_others = NULL;
}

/* Both are of one class; the result stands before *at. */
static void merge(struct rib_path **at, struct rib_path *a, struct rib_path *b)
{
	struct rib_path *rest = *at;

	while (a != NULL || b != NULL) {
		struct rib_path **from = b == NULL || (a != NULL && by_ties(a, b) < 0) ? &a : &b;

		*at = *from;
		*from = (*from)->next;
		at = &(*at)->next;
	}
	*at = rest;
}

static void settle(struct rib_path **list, const struct rib_path *like, struct rib_path *add)
{
	struct rib_path *group, *others;

	while (*list != NULL && by_class(*list, like) < 0)
		list = &(*list)->next;
	split(list, like, &group, &others);
	if (add != NULL)
		insert_into_group(&group, add);
	merge(list, group, others);
}

void rib_decision_insert(struct rib_path **list, struct rib_path *p)
{
	settle(list, p, p);
}

void rib_decision_remove(struct rib_path **list, struct rib_path *p)
{
	struct rib_path **at = list;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	settle(list, p, NULL);
	p->next = NULL;
}
