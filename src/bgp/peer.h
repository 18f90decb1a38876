/* SPDX-License-Identifier: ISC */
/* peer.h - one neighbor: octets in, octets out; inside of the layer.
 *
 *   peer.c       the neighbor: its two possible connections, state machine steps, timers,
 * collisions conn.c       one connection's octets session.c    what its messages mean advertise.c
 * routes out
 *
 * No socket and no clock: a transport carries octets, and every call from outside says what time it
 * is. A neighbor may have two connections for a moment, one that we opened and one that it opened;
 * RFC 4271 6.8 leaves one.  Each runs its own state machine.
 *
 * Whatever is called back may call into the neighbor again, but must not free it.
 */
#ifndef BGP_PEER_H
#define BGP_PEER_H

#include "bgp/fsm.h"
#include "bgp/update.h"

enum {
	BGP_CONNECT_RETRY_MS = 5000, /* RFC 4271 10 suggests 120 s; people expect a session soon */
	BGP_RETRY_FIRST_MS = 1000,   /* after an attempt that failed, doubled up to the above */
	BGP_HOLD_LONG_MS = 240000,   /* RFC 4271 8.2.2: what an OPEN may take */
	BGP_IDLE_HOLD_MS = 1000,     /* after the first failure that counts, doubled with each */
	BGP_IDLE_HOLD_MAX_MS = 60000,
	BGP_CEASE_HOLD_MS = 500,   /* at most, when the neighbor took its leave of a session */
	BGP_STABLE_MS = 10000,     /* a session that held so long clears the count of failures */
	BGP_SEND_HOLD_MS = 480000, /* RFC 9687, when the hold time is 0; else twice the hold time */
	BGP_OUT_QUEUE_MAX =
		65536, /* octets of routes that wait for the kernel: then next() is left alone */
	BGP_OUT_ROOM = BGP_OUT_QUEUE_MAX + 2 * BGP_MESSAGE_MAX, /* and what is no route */
	BGP_PUMP_MAX = 2000, /* routes taken in one go, so that others have their turn */
	BGP_EVENT_BURST = 10 /* lines about malformed input; one more each second */
};

struct bgp_conn;

/* What carries octets.  ctx is that of struct bgp_env. */
struct bgp_transport {
	/* Begins to connect; bgp_conn_up or bgp_conn_down follows, not from within.  False: at once
	 * impossible, with the reason in text of size octets. */
	bool (*connect)(void *ctx, struct bgp_conn *c, char *text, size_t size);
	/* Takes as many octets as it can; when fewer than len, bgp_conn_writable follows. */
	size_t (*send)(void *ctx, struct bgp_conn *c, const uint8_t *octets, size_t len);
	/* What was taken still goes out.  The transport forgets c. */
	void (*close)(void *ctx, struct bgp_conn *c);
};

struct bgp_env {
	const struct bgp_transport *transport;
	void *transport_ctx;
	const struct bgp_handler *handler;
	void *handler_ctx;
	struct bgp_attr_table *attrs;
};

struct bgp_conn {
	struct bgp_peer *peer;
	bool incoming; /* the neighbor opened it */
	enum bgp_state state;
	void *sock;     /* the transport's; NULL: none */
	unsigned epoch; /* one more with each end: what was begun before is over */
	struct addr local;
	struct bgp_open open; /* the neighbor's, from OPENCONFIRM on */
	struct bgp_terms terms;
	bool route_refresh;
	uint16_t hold_time;                                /* negotiated */
	msec hold_due, keepalive_due, retry_due, send_due; /* 0: does not run */
	uint8_t in[BGP_MESSAGE_MAX];                       /* the beginning of a message */
	size_t in_len;
	uint8_t *out;   /* whole messages; BGP_OUT_ROOM octets while there is a connection */
	size_t out_msg; /* the first message that is not all sent begins here */
	size_t out_sent, out_len;
};

struct bgp_peer {
	struct bgp_env env;
	struct bgp_peer_conf conf;
	void *user;
	void *rim; /* the speaker's */
	char name[ADDR_TEXT_MAX];
	struct bgp_conn active, passive; /* that we opened, that the neighbor opened */
	msec now;
	bool shut, running;
	msec restart_due;  /* idle until then; 0: does not run */
	unsigned failures; /* quick ones in a row */
	unsigned attempts; /* to connect in vain, in a row */
	bool took_leave;   /* the session ended by the neighbor's Cease */
	uint64_t random;
	msec since;
	bool was_up;
	uint8_t remote_id[4];
	uint64_t messages_in, messages_out, updates_in, updates_out, octets_in, octets_out;
	uint64_t malformed, refused, unsent, ignored;
	char last_down[320];
	char trouble[96]; /* why connecting failed last: said once */
	unsigned events_left;
	msec events_at;
	uint64_t events_dropped;
};

/* ---- From the rim ---------------------------------------------------------------------- */

/* seed: for jitter.  NULL when memory is out. */
struct bgp_peer *bgp_peer_new(const struct bgp_env *env, const struct bgp_peer_conf *conf,
			      void *user, uint64_t seed);
/* Without a connection only: after bgp_peer_stop. */
void bgp_peer_free(struct bgp_peer *p);
void bgp_peer_start(struct bgp_peer *p, msec now);
/* Cease with this subcode on what is open; stays idle. */
void bgp_peer_stop(struct bgp_peer *p, uint8_t cease, msec now);
void bgp_peer_shut(struct bgp_peer *p, msec now);
void bgp_peer_enable(struct bgp_peer *p, msec now);
/* True: it needed a new session, which begins a second later. */
bool bgp_peer_change(struct bgp_peer *p, const struct bgp_peer_conf *conf, msec now);
bool bgp_peer_refresh(struct bgp_peer *p, enum bgp_family f, msec now);

enum bgp_accept {
	BGP_ACCEPTED,
	BGP_REFUSED, /* we are idle */
	BGP_COLLIDES /* it has a session: send bgp_collision and close */
};

/* The neighbor opened a connection. */
enum bgp_accept bgp_peer_accept(struct bgp_peer *p, void *sock, const struct addr *local, msec now);
/* The NOTIFICATION of RFC 4271 6.8 for a connection that never began. */
extern const uint8_t bgp_collision[21];

void bgp_conn_up(struct bgp_conn *c, void *sock, const struct addr *local, msec now);
void bgp_conn_down(struct bgp_conn *c, const char *why, msec now);
void bgp_conn_input(struct bgp_conn *c, const uint8_t *octets, size_t len, msec now);
/* True: the neighbor should be pumped. */
bool bgp_conn_writable(struct bgp_conn *c, msec now);
/* Takes routes from the handler and sends them; true: there are more and there is room. */
bool bgp_peer_pump(struct bgp_peer *p, msec now);

/* When bgp_peer_tick wants to be called; 0: never. */
msec bgp_peer_due(const struct bgp_peer *p);
void bgp_peer_tick(struct bgp_peer *p, msec now);

/* ---- Between the files -------------------------------------------------------------------- */

/* One event of a connection's machine.  n: the NOTIFICATION we send where the machine says so; why:
 * for people, when the connection ends. */
void bgp_conn_step(struct bgp_conn *c, enum bgp_event ev, const struct bgp_notification *n,
		   const char *why);
struct bgp_conn *bgp_peer_established(struct bgp_peer *p);
/* RFC 4271 6.8, with c's OPEN at hand.  False: c was the one to go. */
bool bgp_peer_collide(struct bgp_conn *c);
/* An event line; those about malformed input are limited. */
void bgp_peer_event(struct bgp_peer *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void bgp_peer_complain(struct bgp_peer *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

bool bgp_conn_open(struct bgp_conn *c, void *sock, const struct addr *local);
void bgp_conn_close(struct bgp_conn *c);
/* Appends a whole message; false when there is no room. */
bool bgp_conn_put(struct bgp_conn *c, const uint8_t *octets, size_t len);
size_t bgp_conn_queued(const struct bgp_conn *c);
void bgp_conn_flush(struct bgp_conn *c);
/* Queues a NOTIFICATION in front of what has not begun to go out. */
void bgp_conn_notify(struct bgp_conn *c, const struct bgp_notification *n);
void bgp_conn_message(struct bgp_conn *c, struct bgp_header h, const uint8_t *octets);
void bgp_conn_send_open(struct bgp_conn *c);
void bgp_conn_send_keepalive(struct bgp_conn *c);

#endif
