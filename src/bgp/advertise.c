/* SPDX-License-Identifier: ISC */
/* advertise.c - routes from the handler's queue into messages, as far as there is room.
 *
 * Invariant: a route is asked for only when a message of the largest size still fits, so that
 * nothing taken is ever put back.
 */
#include "bgp/peer.h"

/* A message that is being filled, and a reference to what its routes share: the handler may give
 * the attributes up as soon as it is asked again. */
struct filling {
	struct bgp_conn *conn;
	struct bgp_attrs *held;
	struct bgp_pack pack;
};

static void release(struct filling *f)
{
	if (f->held != NULL)
		bgp_attrs_unref(f->conn->peer->env.attrs, f->held);
	f->held = NULL;
}

static void end_message(struct filling *f)
{
	size_t len = bgp_pack_close(&f->pack);

	if (len > 0 && bgp_conn_put(f->conn, f->pack.octets, len))
		f->conn->peer->updates_out++;
	release(f);
}

static void end_of_rib(struct filling *f, enum bgp_family family)
{
	uint8_t buf[64];
	struct wr w = wr_over(buf, sizeof(buf));

	end_message(f);
	bgp_end_of_rib_write(&w, family);
	if (wr_ok(&w) && bgp_conn_put(f->conn, buf, wr_len(&w)))
		f->conn->peer->updates_out++;
}

static bool packed(struct filling *f, const struct bgp_out *o)
{
	enum bgp_packed got = bgp_pack_add(&f->pack, o);

	if (got == BGP_PACK_FULL) {
		end_message(f);
		got = bgp_pack_add(&f->pack, o);
	}
	if (got != BGP_PACKED)
		return false;
	if (f->held == NULL && o->attrs != NULL)
		f->held = bgp_attrs_ref((struct bgp_attrs *)o->attrs);
	return true;
}

static void add_route(struct filling *f, const struct bgp_out *o)
{
	struct bgp_peer *p = f->conn->peer;
	struct bgp_out without = { .kind = BGP_OUT_UNREACH, .nlri = o->nlri };

	if (packed(f, o))
		return;
	/* Better none than the one that the neighbor may hold from before, with other attributes.
	 * What does not fit into a withdrawal either was never sent. */
	if (o->kind == BGP_OUT_REACH)
		packed(f, &without);
	p->unsent++;
	bgp_peer_complain(
		p, "%s of %zu octets does not fit into a message with its attributes, not sent",
		bgp_families[o->nlri.family].name, o->nlri.len);
}

static bool has_room(const struct bgp_conn *c)
{
	return bgp_conn_queued(c) + BGP_MESSAGE_MAX <= BGP_OUT_QUEUE_MAX;
}

bool bgp_peer_pump(struct bgp_peer *p, msec now)
{
	struct filling f;
	struct bgp_out o;
	bool more = true;

	p->now = now;
	f.conn = bgp_peer_established(p);
	if (f.conn == NULL)
		return false;
	f.held = NULL;
	bgp_pack_init(&f.pack, &f.conn->terms);
	for (unsigned n = 0; more && n < BGP_PUMP_MAX && has_room(f.conn); n++) {
		more = p->env.handler->next(p->env.handler_ctx, p, &o);
		if (!more || (f.conn->terms.families & 1u << o.nlri.family) == 0)
			continue;
		if (o.kind == BGP_OUT_END_OF_RIB)
			end_of_rib(&f, o.nlri.family);
		else
			add_route(&f, &o);
	}
	end_message(&f);
	bgp_conn_flush(f.conn);
	return more && has_room(f.conn);
}
