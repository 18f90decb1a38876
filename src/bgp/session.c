/* SPDX-License-Identifier: ISC */
/* session.c - what the messages of a connection mean.
 *
 * RFC 4271 6 and 8.2.2, RFC 7606 (treat-as-withdraw), RFC 2918, RFC 4724 2.
 */
#include "bgp/peer.h"

#include <stdio.h>

/* ---- OPEN ---------------------------------------------------------------------------------- */

static void agree(struct bgp_conn *c)
{
	const struct bgp_peer_conf *conf = &c->peer->conf;
	const struct bgp_open *o = &c->open;

	c->terms = (struct bgp_terms){
		.internal = conf->local_as == conf->remote_as,
		.asn4 = conf->asn4 && o->asn4,
		.families = conf->families & o->families,
		.remote_as = conf->remote_as,
	};
	c->route_refresh = conf->route_refresh && o->route_refresh;
	c->hold_time = o->hold_time < conf->hold_time ? o->hold_time : conf->hold_time;
	memcpy(c->peer->remote_id, o->id, sizeof(o->id));
}

/* A wrong AS is the commonest mistake of all: say which one the neighbor has. */
static void refuse_open(struct bgp_conn *c, const struct bgp_open *o,
			const struct bgp_notification *n)
{
	char buf[160];
	struct str why = str_over(buf, sizeof(buf));

	str_add(&why, "sent NOTIFICATION ");
	bgp_notification_print(n, &why);
	if (n->subcode == BGP_OPEN_AS)
		str_addf(&why, ": it is AS %u, not %u", o->as, c->peer->conf.remote_as);
	bgp_conn_step(c, BGP_EV_FAULT, n, buf);
}

static void on_open(struct bgp_conn *c, struct rd r)
{
	struct bgp_notification fault;
	struct bgp_open o;

	if (c->state != BGP_OPENSENT) {
		bgp_conn_step(c, BGP_EV_OPEN, NULL, NULL); /* not expected */
		return;
	}
	if (!bgp_open_read(r, &o, &fault)) {
		bgp_conn_step(c, BGP_EV_FAULT, &fault, NULL);
		return;
	}
	if (!bgp_open_check(&o, &c->peer->conf, &fault)) {
		refuse_open(c, &o, &fault);
		return;
	}
	c->open = o;
	if (!bgp_peer_collide(c))
		return;
	agree(c);
	bgp_conn_step(c, BGP_EV_OPEN, NULL, NULL);
}

/* ---- UPDATE -------------------------------------------------------------------------------- */

/* Hands on a part's routes; false when the session ended meanwhile. */
static bool deliver(struct bgp_conn *c, struct bgp_update *u, enum bgp_part part,
		    struct bgp_attrs *attrs)
{
	struct bgp_peer *p = c->peer;
	struct bgp_nlri_room room;
	struct bgp_nlri n;
	unsigned epoch = c->epoch;
	enum bgp_family f;
	struct rd r = bgp_update_part(u, part, &f);
	enum bgp_nlri_read got;

	while ((got = bgp_nlri_next(&r, f, &room, &n, NULL)) == BGP_NLRI_ONE ||
	       got == BGP_NLRI_MALFORMED) {
		if (got == BGP_NLRI_MALFORMED)
			continue;
		p->env.handler->route(p->env.handler_ctx, p, &n, attrs);
		if (c->epoch != epoch)
			return false;
	}
	return true;
}

static bool deliver_announced(struct bgp_conn *c, struct bgp_update *u, enum bgp_part part)
{
	struct bgp_attr_table *table = c->peer->env.attrs;
	struct bgp_attrs *attrs = NULL;
	enum bgp_family f;
	struct rd r = bgp_update_part(u, part, &f);

	if (rd_left(&r) == 0)
		return true;
	if (u->attrs.cost < BGP_COST_WITHDRAW) {
		attrs = bgp_attrs_intern(table, bgp_update_attrs(u, part));
		if (attrs == NULL)
			bgp_peer_complain(
				c->peer,
				"out of memory: routes of an UPDATE are taken for withdrawn");
	}
	bool alive = deliver(c, u, part, attrs);
	if (attrs != NULL)
		bgp_attrs_unref(table, attrs);
	return alive;
}

static void complain_about(struct bgp_conn *c, const struct bgp_update *u)
{
	struct bgp_peer *p = c->peer;

	if (u->attrs.cost == BGP_COST_WITHDRAW) {
		p->malformed++;
		bgp_peer_complain(
			p, "malformed UPDATE, its routes are taken for withdrawn: offset %zu: %s",
			u->attrs.offset, u->attrs.why);
	} else if (u->attrs.cost == BGP_COST_DISCARD) {
		bgp_peer_complain(p, "UPDATE with an attribute left out: offset %zu: %s",
				  u->attrs.offset, u->attrs.why);
	}
	if (u->unknown_family) {
		p->ignored++;
		bgp_peer_complain(p, "UPDATE for a family that was not agreed on, ignored");
	}
}

static void on_update(struct bgp_conn *c, struct rd r)
{
	struct bgp_update u;
	char why[256];
	struct bgp_peer *p = c->peer;
	unsigned epoch = c->epoch;

	p->updates_in++;
	if (c->state != BGP_ESTABLISHED) {
		bgp_conn_step(c, BGP_EV_UPDATE, NULL, NULL); /* not expected */
		return;
	}
	if (!bgp_update_read(r, &c->terms, &u)) {
		struct str s = str_over(why, sizeof(why));

		str_add(&s, "sent NOTIFICATION ");
		bgp_notification_print(&u.attrs.fault, &s);
		str_addf(&s, ": offset %zu: %s", u.attrs.offset, u.attrs.why);
		bgp_conn_step(c, BGP_EV_FAULT, &u.attrs.fault, why);
		return;
	}
	bgp_conn_step(c, BGP_EV_UPDATE, NULL, NULL);
	complain_about(c, &u);
	if (c->epoch != epoch || !deliver(c, &u, BGP_PART_WITHDRAWN, NULL) ||
	    !deliver(c, &u, BGP_PART_MP_UNREACH, NULL) ||
	    !deliver_announced(c, &u, BGP_PART_MP_REACH) ||
	    !deliver_announced(c, &u, BGP_PART_NLRI))
		return;
	if (u.end_of_rib && u.end_family < BGP_FAMILIES &&
	    (c->terms.families & 1u << u.end_family) != 0)
		p->env.handler->end_of_rib(p->env.handler_ctx, p, u.end_family);
}

/* ---- The rest ------------------------------------------------------------------------------- */

/* A Cease that says that the session ended by somebody's will: shut down, taken from the
 * configuration, reset, configured anew (RFC 4486). */
static bool takes_leave(const struct bgp_notification *n)
{
	return n->code == BGP_CEASE &&
	       (n->subcode == BGP_CEASE_SHUTDOWN || n->subcode == BGP_CEASE_REMOVED ||
		n->subcode == BGP_CEASE_RESET || n->subcode == BGP_CEASE_CHANGED);
}

static void on_notification(struct bgp_conn *c, struct rd r)
{
	struct bgp_notification n;
	char why[320];
	struct str s = str_over(why, sizeof(why));

	bgp_notification_read(r, &n);
	str_add(&s, "received NOTIFICATION ");
	bgp_notification_print(&n, &s);
	c->peer->took_leave = c->state == BGP_ESTABLISHED && takes_leave(&n);
	bgp_conn_step(c, BGP_EV_NOTIFICATION, NULL, why);
}

/* RFC 2918 4: a family that was not agreed on is ignored; RFC 7313 5: so are the marks of an
 * enhanced refresh, which we do not offer. */
static void on_refresh(struct bgp_conn *c, struct rd r)
{
	struct bgp_refresh f = bgp_refresh_read(r);
	struct bgp_peer *p = c->peer;
	unsigned epoch = c->epoch;

	bgp_conn_step(c, BGP_EV_REFRESH, NULL, NULL);
	if (c->epoch == epoch && f.subtype == 0 && f.family < BGP_FAMILIES && c->route_refresh &&
	    (c->terms.families & 1u << f.family) != 0)
		p->env.handler->refresh(p->env.handler_ctx, p, f.family);
}

void bgp_conn_message(struct bgp_conn *c, struct bgp_header h, const uint8_t *octets)
{
	struct rd r = rd_over(octets, h.len);

	rd_take(&r, BGP_HEADER);
	switch ((enum bgp_msg_type)h.type) {
	case BGP_MSG_OPEN:
		on_open(c, r);
		break;
	case BGP_MSG_UPDATE:
		on_update(c, r);
		break;
	case BGP_MSG_NOTIFICATION:
		on_notification(c, r);
		break;
	case BGP_MSG_KEEPALIVE:
		bgp_conn_step(c, BGP_EV_KEEPALIVE, NULL, NULL);
		break;
	case BGP_MSG_ROUTE_REFRESH:
		on_refresh(c, r);
		break;
	case BGP_MSG_TYPES:
		break;
	}
}
