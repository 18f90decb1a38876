/* SPDX-License-Identifier: ISC */
/* rules.c - see rules.h.
 *
 * Invariants: by_nlri has at least twice as many slots as there are rules, a power of two; every
 * rule stands in it once.  A then of the conf is zero behind what its counts say.
 *
 * 100,000 rules of the usual size take about 10 MB.
 */
#include "conf/rules.h"

#include <stdlib.h>
#include <string.h>

enum {
	ROOM_FIRST = 8
};

/* ---- By NLRI ------------------------------------------------------------------------------- */

static uint64_t hash_of(const struct conf_rule *r)
{
	return map_hash(r->nlri, r->nlri_len, (uint64_t)r->family << 1 | r->vpn);
}

static bool same_nlri(const struct conf_rule *a, const struct conf_rule *b)
{
	return a->family == b->family && a->vpn == b->vpn && a->nlri_len == b->nlri_len &&
	       memcmp(a->nlri, b->nlri, a->nlri_len) == 0;
}

/* Its slot, or the free one where it would stand. */
static uint32_t *slot_of(const struct conf_neighbor *n, const struct conf_rule *r)
{
	size_t i = hash_of(r) & n->by_nlri.mask;

	while (n->by_nlri.slots[i] != 0 && !same_nlri(&n->rules[n->by_nlri.slots[i] - 1], r))
		i = (i + 1) & n->by_nlri.mask;
	return &n->by_nlri.slots[i];
}

struct conf_rule *rules_find(const struct conf_neighbor *n, const struct conf_rule *r)
{
	uint32_t at = n->by_nlri.slots == NULL ? 0 : *slot_of(n, r);

	return at == 0 ? NULL : &n->rules[at - 1];
}

/* Room for one more. */
static bool grow(struct conf_neighbor *n, size_t *room)
{
	size_t bigger = *room == 0 ? ROOM_FIRST : 2 * *room;
	struct conf_rule *rules;
	uint32_t *slots;

	if (n->rule_count < *room)
		return true;
	rules = realloc(n->rules, bigger * sizeof(*rules));
	if (rules == NULL)
		return false;
	n->rules = rules;
	slots = calloc(2 * bigger, sizeof(*slots));
	if (slots == NULL)
		return false;
	free(n->by_nlri.slots);
	n->by_nlri.slots = slots;
	n->by_nlri.mask = 2 * bigger - 1;
	*room = bigger;
	for (size_t i = 0; i < n->rule_count; i++)
		*slot_of(n, &n->rules[i]) = (uint32_t)i + 1;
	return true;
}

/* Octets and name in one block. */
static bool copy(const struct conf_rule *r, struct conf_rule *ret)
{
	size_t name = r->name != NULL ? strlen(r->name) + 1 : 0;
	uint8_t *block = malloc(r->nlri_len + name + 1);

	if (block == NULL)
		return false;
	*ret = *r;
	ret->nlri = block;
	memcpy(block, r->nlri, r->nlri_len);
	ret->name = name > 0 ? (char *)block + r->nlri_len : NULL;
	if (name > 0)
		memcpy(ret->name, r->name, name);
	return true;
}

bool rules_add(struct conf_neighbor *n, size_t *room, const struct conf_rule *r)
{
	if (!grow(n, room) || !copy(r, &n->rules[n->rule_count]))
		return false;
	*slot_of(n, r) = (uint32_t)++n->rule_count;
	return true;
}

bool rules_replace(struct conf_rule *old, const struct conf_rule *r)
{
	uint8_t *before = old->nlri;

	if (!copy(r, old))
		return false;
	free(before);
	return true;
}

void rules_free(struct conf_neighbor *n)
{
	for (size_t i = 0; i < n->rule_count; i++)
		free(n->rules[i].nlri);
	free(n->rules);
	free(n->by_nlri.slots);
	n->rules = NULL;
	n->rule_count = 0;
	n->by_nlri.slots = NULL;
}

/* ---- Then blocks --------------------------------------------------------------------------- */

struct then_node {
	struct map_node node;
	struct flow_then then;
};

static bool says_nothing(const struct flow_then *t)
{
	return t->ext_count == 0 && t->ext6_count == 0 && t->community_count == 0 &&
	       t->large_count == 0 && t->next_hop.family == ADDR_NONE && !t->next_hop_self;
}

static uint64_t then_hash(const struct flow_then *t)
{
	uint64_t h = map_hash(t->ext, t->ext_count * sizeof(t->ext[0]), t->next_hop_self);

	h = map_hash(t->ext6, t->ext6_count * sizeof(t->ext6[0]), h);
	h = map_hash(t->community, t->community_count * sizeof(t->community[0]), h);
	h = map_hash(t->large, t->large_count * sizeof(t->large[0]), h);
	return map_hash(t->next_hop.octets, addr_octets(&t->next_hop), h);
}

bool rules_then_equal(const struct flow_then *a, const struct flow_then *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return a->ext_count == b->ext_count && a->ext6_count == b->ext6_count &&
	       a->community_count == b->community_count && a->large_count == b->large_count &&
	       memcmp(a->ext, b->ext, a->ext_count * sizeof(a->ext[0])) == 0 &&
	       memcmp(a->ext6, b->ext6, a->ext6_count * sizeof(a->ext6[0])) == 0 &&
	       memcmp(a->community, b->community, a->community_count * sizeof(a->community[0])) ==
		       0 &&
	       memcmp(a->large, b->large, a->large_count * sizeof(a->large[0])) == 0 &&
	       addr_equal(&a->next_hop, &b->next_hop) && a->next_hop_self == b->next_hop_self;
}

static bool is_then(const struct map_node *n, const void *key)
{
	return rules_then_equal(&((const struct then_node *)n)->then, key);
}

/* The rest is not copied: the parser may have left anything there. */
static void copy_then(struct flow_then *to, const struct flow_then *t)
{
	to->ext_count = t->ext_count;
	to->ext6_count = t->ext6_count;
	to->community_count = t->community_count;
	to->large_count = t->large_count;
	memcpy(to->ext, t->ext, t->ext_count * sizeof(t->ext[0]));
	memcpy(to->ext6, t->ext6, t->ext6_count * sizeof(t->ext6[0]));
	memcpy(to->community, t->community, t->community_count * sizeof(t->community[0]));
	memcpy(to->large, t->large, t->large_count * sizeof(t->large[0]));
	to->next_hop = t->next_hop;
	to->next_hop_self = t->next_hop_self;
}

bool rules_then(struct conf *c, const struct flow_then *then, const struct flow_then **ret)
{
	struct then_node *n;
	uint64_t hash;

	*ret = NULL;
	if (says_nothing(then))
		return true;
	hash = then_hash(then);
	n = (struct then_node *)map_find(&c->thens, hash, is_then, then);
	if (n == NULL) {
		n = calloc(1, sizeof(*n));
		if (n == NULL)
			return false;
		copy_then(&n->then, then);
		if (!map_insert(&c->thens, &n->node, hash)) {
			free(n);
			return false;
		}
	}
	*ret = &n->then;
	return true;
}

static void free_then(struct map_node *n, void *ctx)
{
	map_remove(ctx, n);
	free(n);
}

void rules_thens_free(struct conf *c)
{
	map_each(&c->thens, free_then, &c->thens);
	map_done(&c->thens);
}

/* ---- Neighbors ----------------------------------------------------------------------------- */

int neighbor_compare(const struct conf_neighbor *a, const struct conf_neighbor *b)
{
	int by_remote = addr_compare(&a->bgp.remote, &b->bgp.remote);

	return by_remote != 0 ? by_remote : addr_compare(&a->bgp.local, &b->bgp.local);
}

static int compare_key(const void *key, const void *row)
{
	return neighbor_compare(key, *(struct conf_neighbor *const *)row);
}

struct conf_neighbor *neighbor_find(const struct conf *c, const struct conf_neighbor *n)
{
	struct conf_neighbor **at = NULL;

	if (c->neighbor_count > 0)
		at = bsearch(n, c->by_address, c->neighbor_count, sizeof(struct conf_neighbor *),
			     compare_key);
	return at != NULL ? *at : NULL;
}

bool neighbor_equal(const struct conf_neighbor *a, const struct conf_neighbor *b)
{
	const struct bgp_peer_conf *x = &a->bgp, *y = &b->bgp;

	return neighbor_compare(a, b) == 0 && x->remote_as == y->remote_as &&
	       x->local_as == y->local_as && memcmp(x->router_id, y->router_id, 4) == 0 &&
	       x->hold_time == y->hold_time && x->connect_port == y->connect_port &&
	       x->listen_port == y->listen_port && x->passive == y->passive && x->asn4 == y->asn4 &&
	       x->route_refresh == y->route_refresh && x->families == y->families &&
	       strcmp(x->md5, y->md5) == 0 && strcmp(x->description, y->description) == 0 &&
	       a->rib.route_reflector_client == b->rib.route_reflector_client &&
	       a->rib.validate == b->rib.validate;
}
