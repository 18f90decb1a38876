/* SPDX-License-Identifier: ISC */
/* pack.c - routes into UPDATE messages.
 *
 * RFC 4271 4.3, RFC 4760, RFC 4724 2; RFC 7606 5.1: MP_REACH or MP_UNREACH comes first, and a
 * message has one of the four fields that hold routes.  So the other attributes are written into a
 * buffer of their own at the first route, and set behind when the message is closed.
 *
 * Invariant: what leaves here is a whole message of at most 4096 octets.
 */
#include "bgp/update.h"

void bgp_pack_init(struct bgp_pack *p, const struct bgp_terms *t)
{
	p->terms = t;
	p->open = false;
}

/* IPv4 unicast has fields of its own, and no next hop but IPv4 there (RFC 8950 is not spoken). */
static bool is_classic(enum bgp_family f)
{
	return f == BGP_IPV4_UNICAST;
}

static void open_mp_reach(struct bgp_pack *p)
{
	const struct bgp_family_type *t = &bgp_families[p->family];
	const struct bgp_attrs *a = p->attrs;

	p->mp = bgp_attr_open(&p->w, BGP_ATTR_OPTIONAL | BGP_ATTR_EXTENDED, BGP_ATTR_MP_REACH);
	wr_u16(&p->w, t->afi);
	wr_u8(&p->w, t->safi);
	wr_u8(&p->w, a->next_hop_len);
	wr_bytes(&p->w, a->next_hop, a->next_hop_len);
	wr_u8(&p->w, 0);
}

static void open_mp_unreach(struct wr *w, enum bgp_family f, struct wr_hole *ret)
{
	*ret = bgp_attr_open(w, BGP_ATTR_OPTIONAL | BGP_ATTR_EXTENDED, BGP_ATTR_MP_UNREACH);
	wr_u16(w, bgp_families[f].afi);
	wr_u8(w, bgp_families[f].safi);
}

static bool next_hop_fits(enum bgp_family f, const struct bgp_attrs *a)
{
	if (is_classic(f))
		return a->next_hop_len == 4;
	if (!bgp_families[f].flow)
		return a->next_hop_len == 16 || a->next_hop_len == 32;
	return a->next_hop_len <= sizeof(a->next_hop);
}

/* Everything before the first route. */
static bool open_message(struct bgp_pack *p, const struct bgp_out *o)
{
	struct wr tail = wr_over(p->tail, sizeof(p->tail));

	p->kind = o->kind;
	p->family = o->nlri.family;
	p->attrs = o->attrs;
	if (o->kind == BGP_OUT_REACH) {
		if (!next_hop_fits(p->family, p->attrs))
			return false;
		bgp_attrs_write(&tail, p->attrs, p->terms, is_classic(p->family));
	}
	p->tail_len = wr_len(&tail);
	p->w = wr_over(p->octets, sizeof(p->octets));
	p->frame = bgp_frame_open(&p->w, BGP_MSG_UPDATE);
	if (is_classic(p->family) && o->kind == BGP_OUT_UNREACH) {
		p->list = wr_open(&p->w, 2); /* withdrawn routes */
	} else if (is_classic(p->family)) {
		wr_u16(&p->w, 0);
		wr_u16(&p->w, (uint16_t)p->tail_len);
		wr_bytes(&p->w, p->tail, p->tail_len);
		p->tail_len = 0;
	} else {
		wr_u16(&p->w, 0);
		p->list = wr_open(&p->w, 2); /* attributes */
		if (o->kind == BGP_OUT_UNREACH)
			open_mp_unreach(&p->w, p->family, &p->mp);
		else
			open_mp_reach(p);
	}
	return wr_ok(&tail) && wr_ok(&p->w);
}

/* Octets that the message still needs behind its routes. */
static size_t reserve(const struct bgp_pack *p)
{
	/* The attributes; or the attribute length behind withdrawn IPv4 routes. */
	return is_classic(p->family) ? (p->kind == BGP_OUT_UNREACH ? 2 : 0) : p->tail_len;
}

static bool add_nlri(struct bgp_pack *p, const struct bgp_nlri *n)
{
	struct wr w = p->w;

	bgp_nlri_write(&w, n);
	if (!wr_ok(&w) || wr_len(&w) + reserve(p) > sizeof(p->octets))
		return false;
	p->w = w;
	return true;
}

enum bgp_packed bgp_pack_add(struct bgp_pack *p, const struct bgp_out *o)
{
	bool same = p->kind == o->kind && p->family == o->nlri.family &&
		    (o->kind == BGP_OUT_UNREACH || p->attrs == o->attrs);

	if (p->open)
		return same && add_nlri(p, &o->nlri) ? BGP_PACKED : BGP_PACK_FULL;
	if (!open_message(p, o) || !add_nlri(p, &o->nlri))
		return BGP_PACK_TOO_LARGE;
	p->open = true;
	return BGP_PACKED;
}

size_t bgp_pack_close(struct bgp_pack *p)
{
	if (!p->open)
		return 0;
	p->open = false;
	if (!is_classic(p->family)) {
		wr_close(&p->w, p->mp);
		wr_bytes(&p->w, p->tail, p->tail_len);
		wr_close(&p->w, p->list);
	} else if (p->kind == BGP_OUT_UNREACH) {
		wr_close(&p->w, p->list);
		wr_u16(&p->w, 0);
	}
	bgp_frame_close(&p->w, p->frame);
	return wr_ok(&p->w) ? wr_len(&p->w) : 0;
}

void bgp_end_of_rib_write(struct wr *w, enum bgp_family f)
{
	struct wr_hole frame = bgp_frame_open(w, BGP_MSG_UPDATE), mp;

	wr_u16(w, 0);
	struct wr_hole list = wr_open(w, 2);
	if (!is_classic(f)) {
		open_mp_unreach(w, f, &mp);
		wr_close(w, mp);
	}
	wr_close(w, list);
	bgp_frame_close(w, frame);
}
