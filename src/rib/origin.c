/* SPDX-License-Identifier: ISC */
/* origin.c - paths of ours: what a file, a person or a program wants announced.
 *
 * They always count.  Two origins may want one rule; each has its own path, and withdrawing one
 * leaves the other.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rib/table.h"

const char *rib_origin_name(const struct rib_origin *o)
{
	return o->name;
}

bool rib_origin_is_peer(const struct rib_origin *o)
{
	return o->peer != NULL;
}

struct rib_origin *rib_origin_find(const struct rib *r, const char *name)
{
	struct rib_origin *o = r->origins;

	while (o != NULL && strcmp(o->name, name) != 0)
		o = o->next;
	return o;
}

struct rib_origin *rib_origin_local(struct rib *r, const char *name)
{
	struct rib_origin *o = rib_origin_find(r, name);

	/* A name that is cut short would be somebody else's. */
	if (o != NULL || strlen(name) >= RIB_ORIGIN_NAME_MAX || r->origins_count >= RIB_ORIGINS_MAX)
		return o;
	if ((o = calloc(1, sizeof(*o))) == NULL)
		return NULL;
	(void)snprintf(o->name, sizeof(o->name), "%s", name);
	o->next = r->origins;
	r->origins = o;
	r->origins_count++;
	return o;
}

enum rib_done rib_announce(struct rib *r, struct rib_origin *o, struct rib_peer *only,
			   const char *name, const struct bgp_nlri *n, struct bgp_attrs *attrs)
{
	struct rib_path draft = {
		.origin = o,
		.only = only,
		.attrs = attrs,
		.name = (char *)name, /* copied, not kept */
		.valid = true,
	};

	return rib_path_set(r, &draft, n);
}

enum rib_done rib_withdraw(struct rib *r, struct rib_origin *o, struct rib_peer *only,
			   const struct bgp_nlri *n)
{
	const struct rib_entry *e = rib_find(r, n);
	struct rib_path *p = e != NULL ? rib_path_find(e, o, only) : NULL;

	if (p == NULL)
		return RIB_SAME;
	rib_path_drop(r, p);
	return RIB_DONE;
}

/* The oldest first: those behind them were announced later. */
static size_t drop_some(struct rib *r, const struct rib_origin *o, uint64_t until, size_t most)
{
	size_t n = 0;

	for (; n < most && o->oldest != NULL && o->oldest->said <= until; n++)
		rib_path_drop(r, o->oldest);
	return n;
}

size_t rib_withdraw_some(struct rib *r, struct rib_origin *o, uint64_t until, size_t most)
{
	size_t n = 0;

	if (o != NULL)
		return drop_some(r, o, until, most);
	for (o = r->origins; o != NULL; o = o->next)
		n += drop_some(r, o, until, most - n);
	return n;
}

size_t rib_withdraw_all(struct rib *r, struct rib_origin *o)
{
	return rib_withdraw_some(r, o, r->last_said, SIZE_MAX);
}

uint64_t rib_said(const struct rib *r)
{
	return r->last_said;
}

static void put_numbers(struct wr *w, const uint32_t *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		wr_u32(w, numbers[i]);
}

static struct bgp_octets octets(const void *at, size_t len)
{
	return (struct bgp_octets){ .at = at, .len = (uint16_t)len };
}

struct bgp_attrs *rib_flow_attrs(struct rib *r, const struct flow_then *then)
{
	uint8_t communities[FLOW_EXT_MAX * 4], large[FLOW_EXT_MAX * 12];
	struct wr c = wr_over(communities, sizeof(communities));
	struct wr l = wr_over(large, sizeof(large));
	struct bgp_attrs draft = { .origin = BGP_ORIGIN_IGP };

	put_numbers(&c, then->community, then->community_count);
	for (size_t i = 0; i < then->large_count; i++)
		put_numbers(&l, then->large[i], 3);
	draft.communities = octets(communities, wr_len(&c));
	draft.large = octets(large, wr_len(&l));
	draft.ext = octets(then->ext, then->ext_count * sizeof(then->ext[0]));
	draft.ext6 = octets(then->ext6, then->ext6_count * sizeof(then->ext6[0]));
	/* Of `next-hop self` only the session knows the address: 0.0.0.0 until then. */
	draft.next_hop_len = then->next_hop_self ? 4 : (uint8_t)addr_octets(&then->next_hop);
	if (!then->next_hop_self)
		memcpy(draft.next_hop, then->next_hop.octets, draft.next_hop_len);
	return bgp_attrs_intern(r->attrs, &draft);
}
