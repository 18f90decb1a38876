/* SPDX-License-Identifier: ISC */
/* update.c - what an UPDATE says.
 *
 * RFC 4271 4.3 and 6.3, RFC 4760, RFC 7606 3 to 5 and 7, RFC 8955 4, RFC 4724 2 (End-of-RIB).
 *
 * Invariants:
 * 1. The whole message is checked before anybody hears of a route in it.
 * 2. The strongest cost of all its faults is what it costs.
 * A flow rule that is malformed within its own length costs the routes of the message (RFC 7606 2:
 * treat-as-withdraw), one whose length runs past its field costs the session (5.3).
 *
 * What it does not do: look for loops (the RIB's), and RFC 4271 6.3's comparison of the first AS
 * for flow rules, which route servers pass on.
 */
#include "bgp/update.h"

/* ---- One route ---------------------------------------------------------------------------- */

static enum bgp_nlri_read next_prefix(struct rd *r, enum bgp_family f, struct bgp_nlri_room *room,
				      struct bgp_nlri *ret, struct err *e)
{
	unsigned max = bgp_families[f].flow_family == FLOW_IPV6 ? 128 : 32;
	size_t offset = rd_offset(r);
	unsigned bits = rd_u8(r);
	size_t octets = (bits + 7) / 8;

	if (bits > max) {
		err_at(e, 0, offset, "prefix length %u", bits);
		return BGP_NLRI_OVERRUN;
	}
	const uint8_t *prefix = rd_take(r, octets);
	if (prefix == NULL) {
		err_at(e, 0, offset, "prefix is cut short");
		return BGP_NLRI_OVERRUN;
	}
	room->prefix[0] = (uint8_t)bits;
	memcpy(room->prefix + 1, prefix, octets);
	/* RFC 4271 4.3: the value of the trailing bits is irrelevant. */
	if (bits % 8 != 0)
		room->prefix[octets] &= (uint8_t)(0xff << (8 - bits % 8));
	*ret = (struct bgp_nlri){ f, room->prefix, 1 + octets };
	return BGP_NLRI_ONE;
}

static enum bgp_nlri_read next_flow(struct rd *r, enum bgp_family f, struct bgp_nlri *ret,
				    struct err *e)
{
	const struct bgp_family_type *t = &bgp_families[f];
	struct flow_nlri flow;
	bool overrun = false;

	if (!flow_nlri_read(r, t->flow_family, t->vpn, &flow, &overrun, e))
		return overrun ? BGP_NLRI_OVERRUN : BGP_NLRI_MALFORMED;
	*ret = (struct bgp_nlri){ f, flow.octets, flow.len };
	return BGP_NLRI_ONE;
}

enum bgp_nlri_read bgp_nlri_next(struct rd *r, enum bgp_family f, struct bgp_nlri_room *room,
				 struct bgp_nlri *ret, struct err *e)
{
	if (rd_left(r) == 0)
		return BGP_NLRI_END;
	return bgp_families[f].flow ? next_flow(r, f, ret, e) : next_prefix(r, f, room, ret, e);
}

void bgp_nlri_write(struct wr *w, const struct bgp_nlri *n)
{
	if (!bgp_families[n->family].flow) {
		wr_bytes(w, n->octets, n->len);
		return;
	}
	struct flow_nlri flow = bgp_flow_nlri(n);
	flow_nlri_write(w, &flow);
}

/* ---- Parts -------------------------------------------------------------------------------- */

static const struct bgp_mp *mp_of(const struct bgp_update *u, enum bgp_part part)
{
	return part == BGP_PART_MP_REACH ? &u->attrs.reach : &u->attrs.unreach;
}

struct rd bgp_update_part(const struct bgp_update *u, enum bgp_part part,
			  enum bgp_family *ret_family)
{
	static const struct rd nothing;

	*ret_family = BGP_IPV4_UNICAST;
	switch (part) {
	case BGP_PART_WITHDRAWN:
		return u->withdrawn;
	case BGP_PART_NLRI:
		return u->nlri;
	case BGP_PART_MP_UNREACH:
	case BGP_PART_MP_REACH:
		*ret_family = mp_of(u, part)->family;
		if (mp_of(u, part)->present && *ret_family < BGP_FAMILIES)
			return mp_of(u, part)->nlri;
		break;
	case BGP_PARTS:
		break;
	}
	return nothing;
}

const struct bgp_attrs *bgp_update_attrs(struct bgp_update *u, enum bgp_part part)
{
	struct bgp_attrs *a = &u->attrs.a;

	if (part == BGP_PART_NLRI && u->attrs.nlri_next_hop.len == 4) {
		a->next_hop_len = 4;
		memcpy(a->next_hop, u->attrs.nlri_next_hop.at, 4);
	}
	return a;
}

static void nlri_overruns(struct bgp_update *u, enum bgp_part part, const struct err *e)
{
	if (part == BGP_PART_WITHDRAWN || part == BGP_PART_NLRI) {
		bgp_attr_fault(&u->attrs, BGP_COST_RESET, e->col, BGP_UPDATE_NETWORK, NULL, 0, "%s",
			       e->text);
		return;
	}
	const struct bgp_octets *whole = &mp_of(u, part)->whole;
	bgp_attr_fault(&u->attrs, BGP_COST_RESET, e->col, BGP_UPDATE_OPTIONAL, whole->at,
		       whole->len, "%s", e->text);
}

/* Walks a part to its end; true when it holds a route, be it malformed. */
static bool check_part(struct bgp_update *u, enum bgp_part part)
{
	struct bgp_nlri_room room;
	struct bgp_nlri n;
	struct err e = { 0 };
	enum bgp_family f;
	struct rd r = bgp_update_part(u, part, &f);
	bool any = rd_left(&r) > 0;

	for (;;) {
		switch (bgp_nlri_next(&r, f, &room, &n, &e)) {
		case BGP_NLRI_END:
			return any;
		case BGP_NLRI_ONE:
			break;
		case BGP_NLRI_MALFORMED:
			bgp_attr_fault(&u->attrs, BGP_COST_WITHDRAW, e.col, BGP_UPDATE_OPTIONAL,
				       NULL, 0, "%s", e.text);
			break;
		case BGP_NLRI_OVERRUN:
			nlri_overruns(u, part, &e);
			return any;
		}
	}
}

/* ---- Checks over the whole message ---------------------------------------------------------- */

/* RFC 4271 5 and 6.3, RFC 4760 3.  LOCAL_PREF: see attr.c. */
static void check_missing(struct bgp_update *u, bool classic)
{
	static const struct {
		uint8_t type;
		const char *name;
	} mandatory[] = { { BGP_ATTR_ORIGIN, "ORIGIN" },
			  { BGP_ATTR_AS_PATH, "AS_PATH" },
			  { BGP_ATTR_NEXT_HOP, "NEXT_HOP" } };

	for (size_t i = 0; i < sizeof(mandatory) / sizeof(mandatory[0]); i++) {
		if (bgp_attr_seen(&u->attrs, mandatory[i].type) ||
		    (mandatory[i].type == BGP_ATTR_NEXT_HOP && !classic))
			continue;
		bgp_attr_fault(&u->attrs, BGP_COST_WITHDRAW, 0, BGP_UPDATE_MISSING,
			       &mandatory[i].type, 1, "%s is missing", mandatory[i].name);
	}
}

/* RFC 4271 6.3, RFC 7606 7.2: the first AS of a unicast path from outside is the neighbor's. */
static void check_first_as(struct bgp_update *u, const struct bgp_terms *t, bool classic)
{
	enum bgp_family f = u->attrs.reach.family;
	bool unicast =
		classic || (u->attrs.reach.present && f < BGP_FAMILIES && !bgp_families[f].flow);

	if (t->internal || t->remote_as == 0 || !unicast ||
	    bgp_as_path_first(&u->attrs.a) == t->remote_as)
		return;
	bgp_attr_fault(&u->attrs, BGP_COST_WITHDRAW, 0, BGP_UPDATE_AS_PATH, NULL, 0,
		       "AS path does not begin with the neighbor's AS");
}

static bool only_unreach_seen(const struct bgp_attr_draft *d)
{
	for (unsigned type = 0; type <= UINT8_MAX; type++)
		if (bgp_attr_seen(d, (uint8_t)type) != (type == BGP_ATTR_MP_UNREACH))
			return false;
	return true;
}

static void find_end_of_rib(struct bgp_update *u, size_t attr_octets)
{
	const struct bgp_attr_draft *d = &u->attrs;

	if (rd_left(&u->withdrawn) > 0 || rd_left(&u->nlri) > 0 || d->cost != BGP_COST_NONE)
		return;
	if (attr_octets == 0) {
		u->end_of_rib = true;
		u->end_family = BGP_IPV4_UNICAST;
	} else if (only_unreach_seen(d) && rd_left(&d->unreach.nlri) == 0) {
		u->end_of_rib = true;
		u->end_family = d->unreach.family;
	}
}

/* IPv4 unicast in its own fields, though it was not agreed on. */
static void drop_classic(struct bgp_update *u, const struct bgp_terms *t)
{
	if ((t->families & 1u << BGP_IPV4_UNICAST) != 0)
		return;
	u->unknown_family |= rd_left(&u->withdrawn) > 0 || rd_left(&u->nlri) > 0;
	u->withdrawn.end = u->withdrawn.pos;
	u->nlri.end = u->nlri.pos;
}

static bool mp_is_foreign(const struct bgp_mp *mp)
{
	return mp->present && mp->family == BGP_FAMILIES;
}

/* RFC 4271 4.3: three fields, the first two with their lengths. */
static bool cut_fields(struct rd r, struct bgp_update *u, struct rd *ret_attrs)
{
	u->withdrawn = rd_sub(&r, rd_u16(&r));
	*ret_attrs = rd_sub(&r, rd_u16(&r));
	u->nlri = r;
	return rd_ok(&r);
}

bool bgp_update_read(struct rd r, const struct bgp_terms *t, struct bgp_update *u)
{
	struct rd attrs;
	bool reach, announces;

	u->unknown_family = false;
	u->end_of_rib = false;
	u->end_family = BGP_FAMILIES;
	if (!cut_fields(r, u, &attrs)) {
		bgp_attrs_read((struct rd){ 0 }, t, &u->attrs);
		bgp_attr_fault(&u->attrs, BGP_COST_RESET, rd_offset(&r), BGP_UPDATE_LIST, NULL, 0,
			       "lengths of the fields do not fit the message");
		return false;
	}
	size_t attr_octets = rd_left(&attrs);
	bgp_attrs_read(attrs, t, &u->attrs);
	reach = rd_left(&u->nlri) > 0 ||
		(u->attrs.reach.present && rd_left(&u->attrs.reach.nlri) > 0);
	/* RFC 7606 5.2: with faults in the attributes and nothing announced, we cannot be sure that
	 * we saw all routes. */
	if (!reach && u->attrs.cost == BGP_COST_WITHDRAW)
		u->attrs.cost = BGP_COST_RESET;
	find_end_of_rib(u, attr_octets);
	drop_classic(u, t);
	u->unknown_family |= mp_is_foreign(&u->attrs.reach) || mp_is_foreign(&u->attrs.unreach);
	bool classic = rd_left(&u->nlri) > 0;
	check_part(u, BGP_PART_WITHDRAWN);
	check_part(u, BGP_PART_MP_UNREACH);
	announces = check_part(u, BGP_PART_MP_REACH);
	announces |= check_part(u, BGP_PART_NLRI);
	if (announces) {
		check_missing(u, classic);
		check_first_as(u, t, classic);
	}
	return u->attrs.cost < BGP_COST_RESET;
}
