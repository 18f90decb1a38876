/* SPDX-License-Identifier: ISC */
/* bgp_lone.h - one neighbor of ours, and a test in the place of the other end, of the sockets and
 * of the clock. */
#ifndef TESTS_BGP_LONE_H
#define TESTS_BGP_LONE_H

#include <stdio.h>
#include <stdlib.h>

#include "bgp/peer.h"
#include "tests/hex.h"

enum {
	LONE_SENT_MAX = 1 << 18,
	OURS = 0,   /* the connection that we opened */
	THEIRS = 1, /* that the other end opened */
	THIRD = 2,
	SOCKS
};

struct lone {
	struct bgp_attr_table *attrs;
	struct bgp_peer *peer;
	msec now;
	bool no_route; /* connecting fails at once */
	size_t room;   /* octets the sockets still take */
	unsigned connects;
	struct lone_sock {
		bool open;
		uint8_t sent[LONE_SENT_MAX];
		size_t len;
	} socks[SOCKS];
	unsigned ups, downs, routes, withdrawn, ends, refreshes, events;
	struct bgp_nlri last;
	uint8_t last_octets[FLOW_NLRI_MAX];
	char down_why[320], event[400];
	unsigned to_send, sent; /* routes in the queue */
	const struct bgp_attrs *send_attrs;
	bool remove_in_route; /* the handler ends the session at the first route */
};

static bool lone_connect(void *ctx, struct bgp_conn *c, char *text, size_t size)
{
	struct lone *l = ctx;

	l->connects++;
	if (l->no_route) {
		snprintf(text, size, "network is unreachable");
		return false;
	}
	l->socks[OURS].open = true;
	l->socks[OURS].len = 0;
	c->sock = &l->socks[OURS];
	return true;
}

static size_t lone_send(void *ctx, struct bgp_conn *c, const uint8_t *octets, size_t len)
{
	struct lone *l = ctx;
	struct lone_sock *k = c->sock;
	size_t n = len < l->room ? len : l->room;

	if (!k->open || k->len + n > LONE_SENT_MAX)
		abort();
	memcpy(k->sent + k->len, octets, n);
	k->len += n;
	l->room -= n;
	return n;
}

static void lone_close(void *ctx, struct bgp_conn *c)
{
	struct lone_sock *k = c->sock;

	(void)ctx;
	if (!k->open)
		abort();
	k->open = false;
}

static void lone_up(void *ctx, struct bgp_peer *p)
{
	struct lone *l = ctx;

	(void)p;
	if (l->ups++ != l->downs)
		abort(); /* twice up without a down */
}

static void lone_down(void *ctx, struct bgp_peer *p, const char *why)
{
	struct lone *l = ctx;

	(void)p;
	if (++l->downs != l->ups)
		abort();
	snprintf(l->down_why, sizeof(l->down_why), "%s", why);
}

static void lone_route(void *ctx, struct bgp_peer *p, const struct bgp_nlri *n,
		       struct bgp_attrs *attrs)
{
	struct lone *l = ctx;

	if (attrs != NULL)
		l->routes++;
	else
		l->withdrawn++;
	memcpy(l->last_octets, n->octets, n->len);
	l->last = *n;
	l->last.octets = l->last_octets;
	if (l->remove_in_route)
		bgp_peer_stop(p, BGP_CEASE_REMOVED, l->now);
}

static void lone_end_of_rib(void *ctx, struct bgp_peer *p, enum bgp_family f)
{
	struct lone *l = ctx;

	(void)p;
	(void)f;
	l->ends++;
}

static void lone_refresh(void *ctx, struct bgp_peer *p, enum bgp_family f)
{
	struct lone *l = ctx;

	(void)p;
	(void)f;
	l->refreshes++;
}

static bool lone_next(void *ctx, struct bgp_peer *p, struct bgp_out *ret)
{
	static uint8_t prefix[5] = { 32, 10 };
	struct lone *l = ctx;

	(void)p;
	if (l->sent == l->to_send)
		return false;
	prefix[2] = (uint8_t)(l->sent >> 16);
	prefix[3] = (uint8_t)(l->sent >> 8);
	prefix[4] = (uint8_t)l->sent++;
	*ret = (struct bgp_out){ BGP_OUT_REACH,
				 { BGP_IPV4_UNICAST, prefix, sizeof(prefix) },
				 l->send_attrs };
	return true;
}

static void lone_event(void *ctx, struct bgp_peer *p, const char *text)
{
	struct lone *l = ctx;

	(void)p;
	l->events++;
	snprintf(l->event, sizeof(l->event), "%s", text);
}

static const struct bgp_transport lone_transport = { lone_connect, lone_send, lone_close };
static const struct bgp_handler lone_handler = { lone_up,         lone_down,    lone_route,
						 lone_end_of_rib, lone_refresh, lone_next,
						 lone_event };

/* We are AS 65001, 192.0.2.1; it is AS 65002, 192.0.2.2. */
static inline struct bgp_peer_conf lone_conf(void)
{
	struct bgp_peer_conf c = {
		.remote = { ADDR_IPV4, { 192, 0, 2, 2 } },
		.local = { ADDR_IPV4, { 192, 0, 2, 1 } },
		.remote_as = 65002,
		.local_as = 65001,
		.router_id = { 192, 0, 2, 1 },
		.hold_time = 90,
		.asn4 = true,
		.route_refresh = true,
		.families = (1u << BGP_FAMILIES) - 1,
	};
	return c;
}

static inline struct lone *lone_new(const struct bgp_peer_conf *c)
{
	struct lone *l = calloc(1, sizeof(*l));

	if (l == NULL)
		abort();
	l->attrs = bgp_attr_table_new();
	l->now = 1000000;
	l->room = SIZE_MAX;
	struct bgp_env env = { &lone_transport, l, &lone_handler, l, l->attrs };
	l->peer = bgp_peer_new(&env, c, l, 42);
	if (l->attrs == NULL || l->peer == NULL)
		abort();
	return l;
}

static inline void lone_free(struct lone *l)
{
	bgp_peer_stop(l->peer, BGP_CEASE_SHUTDOWN, l->now);
	bgp_peer_free(l->peer);
	bgp_attr_table_free(l->attrs);
	free(l);
}

static inline struct bgp_conn *lone_conn(struct lone *l, unsigned i)
{
	return i == OURS ? &l->peer->active : &l->peer->passive;
}

static inline void lone_put(struct lone *l, unsigned i, const void *octets, size_t len)
{
	uint8_t *exact = malloc(len > 0 ? len : 1); /* so that the sanitizer sees a step too far */

	if (exact == NULL)
		abort();
	memcpy(exact, octets, len);
	bgp_conn_input(lone_conn(l, i), exact, len, l->now);
	free(exact);
}

static inline void lone_put_hex(struct lone *l, unsigned i, const char *hex)
{
	uint8_t buf[8192];

	lone_put(l, i, buf, hex_octets(hex, buf, sizeof(buf)));
}

/* Lets the time pass, timer by timer. */
static inline void lone_wait(struct lone *l, msec time)
{
	msec until = l->now + time, due;

	while ((due = bgp_peer_due(l->peer)) != 0 && due <= until) {
		l->now = due > l->now ? due : l->now;
		bgp_peer_tick(l->peer, l->now);
	}
	l->now = until;
}

static inline void lone_connected(struct lone *l)
{
	bgp_conn_up(lone_conn(l, OURS), &l->socks[OURS], &l->peer->conf.local, l->now);
}

/* The other end connects to us. */
static inline enum bgp_accept lone_call(struct lone *l)
{
	bool was_open = l->socks[THEIRS].open;

	/* A new socket; what the old one had stays with it. */
	if (!was_open) {
		l->socks[THEIRS].open = true;
		l->socks[THEIRS].len = 0;
	}
	enum bgp_accept got =
		bgp_peer_accept(l->peer, &l->socks[THEIRS], &l->peer->conf.local, l->now);
	if (got != BGP_ACCEPTED && !was_open)
		l->socks[THEIRS].open = false;
	return got;
}

/* An OPEN of the other end: AS (4 octets), hold time, identifier, all families. */
static inline size_t lone_open(uint8_t *buf, uint32_t as, uint16_t hold_time, uint8_t id)
{
	struct bgp_peer_conf c = lone_conf();
	struct wr w = wr_over(buf, BGP_MESSAGE_MAX);

	c.local_as = as;
	c.hold_time = hold_time;
	c.router_id[3] = id;
	bgp_open_write(&w, &c);
	return wr_len(&w);
}

static inline void lone_put_open(struct lone *l, unsigned i, uint8_t id)
{
	uint8_t buf[BGP_MESSAGE_MAX];

	lone_put(l, i, buf, lone_open(buf, l->peer->conf.remote_as, 90, id));
}

#define LONE_MARKER    "ffffffffffffffffffffffffffffffff"
#define LONE_KEEPALIVE LONE_MARKER "0013 04"

/* A session that came up over our connection. */
static inline struct lone *lone_session(const struct bgp_peer_conf *c)
{
	struct lone *l = lone_new(c);

	bgp_peer_start(l->peer, l->now);
	lone_connected(l);
	lone_put_open(l, OURS, 2);
	lone_put_hex(l, OURS, LONE_KEEPALIVE);
	l->socks[OURS].len = 0;
	return l;
}

/* The last message that went out on a connection: its type, 0 for none; *ret behind its header. */
static inline uint8_t lone_last(const struct lone *l, unsigned i, struct rd *ret)
{
	size_t at = 0, last = 0;

	if (l->socks[i].len == 0)
		return 0;
	while (at < l->socks[i].len) {
		size_t len = (size_t)(l->socks[i].sent[at + 16] << 8 | l->socks[i].sent[at + 17]);

		if (len < BGP_HEADER || at + len > l->socks[i].len)
			abort(); /* a broken message */
		last = at;
		at += len;
	}
	*ret = rd_over(l->socks[i].sent + last + BGP_HEADER, l->socks[i].len - last - BGP_HEADER);
	return l->socks[i].sent[last + 18];
}

#endif
