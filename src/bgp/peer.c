/* SPDX-License-Identifier: ISC */
/* peer.c - a neighbor: connections, steps of their machines, timers, collisions.
 *
 * RFC 4271 6.8 and 8, RFC 6286 (identifiers), RFC 9687 (send hold timer).
 *
 * Invariants:
 * 1. At most one connection is established, and handler up and down alternate.
 * 2. The slot for the neighbor's connection is Idle or has a socket; the slot for ours is also the
 * place where a neighbor without any connection waits (Connect, Active).
 * 3. Without a connection, a neighbor that runs has a timer, or is passive and waits.
 */
#include "bgp/peer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const uint8_t bgp_collision[21] = { 0xff,
				    0xff,
				    0xff,
				    0xff,
				    0xff,
				    0xff,
				    0xff,
				    0xff,
				    0xff,
				    0xff,
				    0xff,
				    0xff,
				    0xff,
				    0xff,
				    0xff,
				    0xff,
				    0,
				    21,
				    BGP_MSG_NOTIFICATION,
				    BGP_CEASE,
				    BGP_CEASE_COLLISION };

const char *bgp_state_name(enum bgp_state s)
{
	static const char *const names[BGP_STATES] = { "idle",     "connect",     "active",
						       "opensent", "openconfirm", "established" };

	return (unsigned)s < BGP_STATES ? names[s] : "-";
}

/* ---- Events for people ---------------------------------------------------------------------- */

static void tell(struct bgp_peer *p, const char *fmt, va_list ap)
{
	char text[400];

	vsnprintf(text, sizeof(text), fmt, ap);
	p->env.handler->event(p->env.handler_ctx, p, text);
}

void bgp_peer_event(struct bgp_peer *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(p, fmt, ap);
	va_end(ap);
}

/* One line a second, and a few at once: a neighbor must not fill our log. */
static bool may_complain(struct bgp_peer *p)
{
	msec seconds = (p->now - p->events_at) / 1000;

	if (seconds > 0) {
		p->events_left = seconds >= BGP_EVENT_BURST ? BGP_EVENT_BURST
							    : p->events_left + (unsigned)seconds;
		if (p->events_left > BGP_EVENT_BURST)
			p->events_left = BGP_EVENT_BURST;
		p->events_at = p->now;
	}
	if (p->events_left == 0) {
		p->events_dropped++;
		return false;
	}
	p->events_left--;
	return true;
}

void bgp_peer_complain(struct bgp_peer *p, const char *fmt, ...)
{
	va_list ap;

	if (!may_complain(p))
		return;
	if (p->events_dropped > 0)
		bgp_peer_event(p, "%llu more lines like the following were left out",
			       (unsigned long long)p->events_dropped);
	p->events_dropped = 0;
	va_start(ap, fmt);
	tell(p, fmt, ap);
	va_end(ap);
}

/* ---- Timers ------------------------------------------------------------------------------------
 */

/* RFC 4271 10: 0.75 to 1 of the time. */
static msec jittered(struct bgp_peer *p, msec time)
{
	p->random ^= p->random << 13;
	p->random ^= p->random >> 7;
	p->random ^= p->random << 17;
	return time - time / 4 * (p->random >> 32) / UINT32_MAX;
}

static void hold_restart(struct bgp_conn *c)
{
	c->hold_due = c->hold_time > 0 ? c->peer->now + 1000 * (msec)c->hold_time : 0;
}

static void keepalive_restart(struct bgp_conn *c)
{
	msec interval = 1000 * (msec)c->hold_time / 3;

	c->keepalive_due = c->hold_time > 0 ? c->peer->now + jittered(c->peer, interval) : 0;
}

/* The first time, doubled n times, but not above most. */
static msec doubled(msec first, unsigned n, msec most)
{
	msec wait = first << (n < 10 ? n : 10);

	return wait < most ? wait : most;
}

/* While a connection is tried: how long; after that: until it is tried again, which is soon at
 * first, as a neighbor that restarts refuses for a moment only. */
static void retry_restart(struct bgp_conn *c)
{
	struct bgp_peer *p = c->peer;
	msec wait = BGP_CONNECT_RETRY_MS;

	if (c->state == BGP_ACTIVE)
		wait = doubled(BGP_RETRY_FIRST_MS, p->attempts++, BGP_CONNECT_RETRY_MS);
	c->retry_due = p->now + jittered(p, wait);
}

/* RFC 4271 8.1.1, DampPeerOscillations: one end of a session is no oscillation, and the neighbor
 * may come back at once; nor is a Cease a fault, but who takes leave again and again is held off a
 * little, so that no routes come and go hundreds of times a second. */
static msec idle_hold(const struct bgp_peer *p, bool was_up)
{
	msec most = was_up && p->took_leave ? BGP_CEASE_HOLD_MS : BGP_IDLE_HOLD_MAX_MS;

	if (was_up && p->failures == 0)
		return 0;
	return doubled(BGP_IDLE_HOLD_MS, p->failures - (was_up ? 1 : 0), most);
}

/* False: there is nothing to wait for. */
static bool damp(struct bgp_peer *p, bool was_up)
{
	msec wait = idle_hold(p, was_up);

	p->failures++;
	p->took_leave = false;
	if (wait > 0)
		p->restart_due = p->now + jittered(p, wait);
	return wait > 0;
}

/* ---- The end of a connection --------------------------------------------------------------------
 */

static struct bgp_conn *other_of(struct bgp_conn *c)
{
	return c == &c->peer->active ? &c->peer->passive : &c->peer->active;
}

static bool alive(const struct bgp_conn *c)
{
	return c->state != BGP_IDLE;
}

/* A slot that is done with leaves the neighbor where it should be: with the other connection,
 * waiting, or idle for a while. */
static void settle(struct bgp_conn *c, unsigned todo)
{
	struct bgp_peer *p = c->peer;

	if (c->incoming && c->state < BGP_OPENSENT)
		c->state = BGP_IDLE;
	/* While the other connection lives this one has nothing to wait for. */
	if (c->state == BGP_ACTIVE && p->passive.state >= BGP_OPENSENT)
		c->state = BGP_IDLE;
	if (c->state == BGP_IDLE)
		c->retry_due = 0;
	if (alive(c) || alive(other_of(c)) || !p->running || p->restart_due != 0)
		return;
	if ((todo & BGP_DO_DAMP) != 0 && damp(p, (todo & BGP_DO_DOWN) != 0))
		return;
	p->active.state = BGP_ACTIVE;
	if (!p->conf.passive)
		retry_restart(&p->active);
}

static void remember(struct bgp_peer *p, const char *why)
{
	snprintf(p->last_down, sizeof(p->last_down), "%s", why);
}

static void session_down(struct bgp_conn *c, const char *why)
{
	struct bgp_peer *p = c->peer;

	if (p->now - p->since >= BGP_STABLE_MS)
		p->failures = 0;
	p->since = p->now;
	remember(p, why);
	bgp_peer_event(p, "down: %s", why);
	p->env.handler->down(p->env.handler_ctx, p, p->last_down);
}

/* A connection that is not through yet, as COLLISION does it in Connect and Active. */
static void abandon(struct bgp_conn *c)
{
	if (c->state != BGP_CONNECT && c->state != BGP_ACTIVE)
		return;
	c->state = BGP_IDLE;
	bgp_conn_close(c);
}

static void session_up(struct bgp_conn *c)
{
	struct bgp_peer *p = c->peer;
	char buf[200];
	struct str s = str_over(buf, sizeof(buf));

	p->since = p->now;
	p->was_up = true;
	p->attempts = 0;
	p->trouble[0] = '\0';
	for (unsigned f = 0; f < BGP_FAMILIES; f++)
		if ((c->terms.families & 1u << f) != 0)
			str_addf(&s, "%s%s", s.len > 0 ? ", " : "", bgp_families[f].name);
	/* A connection of ours that is not through yet is not needed any more; one that is waits
	 * for the neighbor's OPEN, and goes by the rules of 6.8. */
	abandon(other_of(c));
	bgp_peer_event(p, "up: %s; hold time %u s", buf, c->hold_time);
	p->env.handler->up(p->env.handler_ctx, p);
}

/* ---- Steps
 * --------------------------------------------------------------------------------------- */

static bool send_notification(struct bgp_conn *c, enum bgp_state before, unsigned todo,
			      const struct bgp_notification *given, struct bgp_notification *ret)
{
	if ((todo & BGP_DO_NOTIFY_GIVEN) != 0 && given != NULL)
		*ret = *given;
	else if ((todo & BGP_DO_NOTIFY_FSM) != 0)
		bgp_fault(ret, BGP_FSM_ERROR, (uint8_t)(before - BGP_OPENSENT + 1), NULL, 0);
	else if ((todo & BGP_DO_NOTIFY_HOLD) != 0)
		bgp_fault(ret, BGP_HOLD_EXPIRED, 0, NULL, 0);
	else
		return false;
	bgp_conn_notify(c, ret);
	return true;
}

/* Why a connection ended, in the words of the caller or of the NOTIFICATION that was sent. */
static const char *reason(bool notified, const struct bgp_notification *n, const char *why,
			  char *buf, size_t size)
{
	struct str s = str_over(buf, size);

	if (why != NULL)
		return why;
	if (!notified)
		return "closed";
	if (n->code == BGP_HOLD_EXPIRED || n->code == BGP_SEND_HOLD_EXPIRED) {
		bgp_notification_print(n, &s);
		return buf;
	}
	str_add(&s, "sent NOTIFICATION ");
	bgp_notification_print(n, &s);
	return buf;
}

static void end_connection(struct bgp_conn *c, enum bgp_event ev, enum bgp_state before,
			   unsigned todo, const struct bgp_notification *given, const char *why)
{
	struct bgp_peer *p = c->peer;
	struct bgp_notification n;
	char buf[320];
	bool notified = send_notification(c, before, todo, given, &n);
	const char *text = reason(notified, &n, why, buf, sizeof(buf));

	bgp_conn_close(c);
	if ((todo & BGP_DO_DOWN) != 0) {
		session_down(c, text);
	} else if (before >= BGP_OPENSENT && ev != BGP_EV_COLLISION && ev != BGP_EV_TCP_DOWN &&
		   ev != BGP_EV_STOP && other_of(c)->state < BGP_OPENSENT) {
		/* It never came up, but why is what people want to know. */
		remember(p, text);
		bgp_peer_event(p, "no session: %s", text);
	}
}

/* Said once, not every few seconds. */
static void cannot_connect(struct bgp_peer *p, const char *why)
{
	if (strcmp(p->trouble, why) == 0)
		return;
	snprintf(p->trouble, sizeof(p->trouble), "%s", why);
	bgp_peer_event(p, "cannot connect: %s", p->trouble);
}

/* What fails at once goes where TCP_DOWN leads from Connect. */
static void connect_again(struct bgp_conn *c)
{
	struct bgp_peer *p = c->peer;
	char text[80] = "";

	if (p->env.transport->connect(p->env.transport_ctx, c, text, sizeof(text)))
		return;
	c->state = BGP_ACTIVE;
	retry_restart(c);
	cannot_connect(p, text);
}

static void start_timers(struct bgp_conn *c, unsigned todo)
{
	if ((todo & BGP_DO_HOLD_LONG) != 0)
		c->hold_due = c->peer->now + BGP_HOLD_LONG_MS;
	if ((todo & BGP_DO_HOLD) != 0)
		hold_restart(c);
	if ((todo & BGP_DO_KEEPALIVE) != 0)
		keepalive_restart(c);
	if ((todo & BGP_DO_RETRY) != 0 && !c->incoming && !c->peer->conf.passive)
		retry_restart(c);
}

void bgp_conn_step(struct bgp_conn *c, enum bgp_event ev, const struct bgp_notification *n,
		   const char *why)
{
	enum bgp_state before = c->state;
	struct bgp_step s = bgp_fsm(before, ev);

	c->state = s.next;
	if ((s.todo & BGP_DO_CLOSE) != 0) {
		unsigned epoch = c->epoch + 1;

		end_connection(c, ev, before, s.todo, n, why);
		if (c->epoch != epoch || c->state != s.next)
			return; /* a handler began anew */
	}
	start_timers(c, s.todo);
	if (c->state == BGP_IDLE || c->state == BGP_ACTIVE)
		settle(c, s.todo);
	if ((s.todo & BGP_DO_SEND_OPEN) != 0)
		bgp_conn_send_open(c);
	if ((s.todo & BGP_DO_SEND_KEEPALIVE) != 0)
		bgp_conn_send_keepalive(c);
	if ((s.todo & BGP_DO_UP) != 0)
		session_up(c);
	if ((s.todo & BGP_DO_CONNECT) != 0)
		connect_again(c);
}

/* ---- Collisions, RFC 4271 6.8
 * ----------------------------------------------------------------------- */

struct bgp_conn *bgp_peer_established(struct bgp_peer *p)
{
	if (p->active.state == BGP_ESTABLISHED)
		return &p->active;
	return p->passive.state == BGP_ESTABLISHED ? &p->passive : NULL;
}

/* The connection that the one with the higher identifier opened stays; RFC 6286 2.3: with equal
 * ones, that of the higher AS. */
static bool ours_stays(const struct bgp_peer *p, const struct bgp_open *o)
{
	int order = memcmp(p->conf.router_id, o->id, sizeof(o->id));

	return order != 0 ? order > 0 : p->conf.local_as > o->as;
}

bool bgp_peer_collide(struct bgp_conn *c)
{
	struct bgp_peer *p = c->peer;
	struct bgp_conn *other = other_of(c), *loser;
	struct bgp_notification n;

	if (other->state == BGP_ESTABLISHED)
		loser = c;
	else if (other->state == BGP_OPENCONFIRM)
		loser = ours_stays(p, &c->open) ? &p->passive : &p->active;
	else
		return true;
	bgp_fault(&n, BGP_CEASE, BGP_CEASE_COLLISION, NULL, 0);
	bgp_conn_step(loser, BGP_EV_COLLISION, &n, NULL);
	return loser != c;
}

enum bgp_accept bgp_peer_accept(struct bgp_peer *p, void *sock, const struct addr *local, msec now)
{
	struct bgp_conn *c = &p->passive;
	struct bgp_notification n;

	p->now = now;
	if (!p->running || p->restart_due != 0 || (!alive(&p->active) && !alive(&p->passive))) {
		p->refused++;
		return BGP_REFUSED;
	}
	if (bgp_peer_established(p) != NULL || c->state == BGP_OPENCONFIRM) {
		p->refused++;
		return BGP_COLLIDES;
	}
	/* A second one while the first has said nothing: the neighbor has lost the first. */
	bgp_fault(&n, BGP_CEASE, BGP_CEASE_COLLISION, NULL, 0);
	if (alive(c))
		bgp_conn_step(c, BGP_EV_COLLISION, &n, NULL);
	if (!bgp_conn_open(c, sock, local)) {
		c->sock = NULL;
		return BGP_REFUSED;
	}
	c->state = BGP_ACTIVE;
	bgp_conn_step(c, BGP_EV_TCP_UP, NULL, NULL);
	if (p->active.state == BGP_ACTIVE)
		abandon(&p->active);
	return BGP_ACCEPTED;
}

/* ---- From the rim
 * ------------------------------------------------------------------------------------ */

void bgp_conn_up(struct bgp_conn *c, void *sock, const struct addr *local, msec now)
{
	c->peer->now = now;
	if (!bgp_conn_open(c, sock, local)) {
		bgp_conn_down(c, "out of memory", now);
		return;
	}
	c->retry_due = 0;
	bgp_conn_step(c, BGP_EV_TCP_UP, NULL, NULL);
}

void bgp_conn_down(struct bgp_conn *c, const char *why, msec now)
{
	struct bgp_peer *p = c->peer;

	p->now = now;
	if (c->state == BGP_CONNECT)
		cannot_connect(p, why);
	bgp_conn_step(c, BGP_EV_TCP_DOWN, NULL, why);
}

static void conn_init(struct bgp_peer *p, struct bgp_conn *c, bool incoming)
{
	c->peer = p;
	c->incoming = incoming;
	c->state = BGP_IDLE;
}

struct bgp_peer *bgp_peer_new(const struct bgp_env *env, const struct bgp_peer_conf *conf,
			      void *user, uint64_t seed)
{
	struct bgp_peer *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->env = *env;
	p->conf = *conf;
	p->user = user;
	p->random = seed | 1;
	p->events_left = BGP_EVENT_BURST;
	addr_print(&conf->remote, p->name);
	conn_init(p, &p->active, false);
	conn_init(p, &p->passive, true);
	return p;
}

void bgp_peer_free(struct bgp_peer *p)
{
	if (p == NULL)
		return;
	free(p->active.out);
	free(p->passive.out);
	free(p);
}

static void begin(struct bgp_peer *p)
{
	p->restart_due = 0;
	bgp_conn_step(&p->active, p->conf.passive ? BGP_EV_START_PASSIVE : BGP_EV_START, NULL,
		      NULL);
}

void bgp_peer_start(struct bgp_peer *p, msec now)
{
	p->now = now;
	if (p->shut || p->running)
		return;
	p->running = true;
	p->failures = p->attempts = 0;
	begin(p);
}

void bgp_peer_stop(struct bgp_peer *p, uint8_t cease, msec now)
{
	struct bgp_notification n;

	p->now = now;
	p->running = false;
	p->restart_due = 0;
	bgp_fault(&n, BGP_CEASE, cease, NULL, 0);
	if (alive(&p->active))
		bgp_conn_step(&p->active, BGP_EV_STOP, &n, NULL);
	if (alive(&p->passive))
		bgp_conn_step(&p->passive, BGP_EV_STOP, &n, NULL);
}

void bgp_peer_shut(struct bgp_peer *p, msec now)
{
	p->shut = true;
	bgp_peer_stop(p, BGP_CEASE_SHUTDOWN, now);
}

void bgp_peer_enable(struct bgp_peer *p, msec now)
{
	p->shut = false;
	if (p->restart_due != 0) {
		p->now = now;
		p->failures = p->attempts = 0;
		begin(p);
	}
	bgp_peer_start(p, now);
}

static bool needs_new_session(const struct bgp_peer_conf *a, const struct bgp_peer_conf *b)
{
	return !addr_equal(&a->remote, &b->remote) || !addr_equal(&a->local, &b->local) ||
	       a->remote_as != b->remote_as || a->local_as != b->local_as ||
	       memcmp(a->router_id, b->router_id, sizeof(a->router_id)) != 0 ||
	       a->hold_time != b->hold_time || a->connect_port != b->connect_port ||
	       a->listen_port != b->listen_port || a->passive != b->passive || a->asn4 != b->asn4 ||
	       a->route_refresh != b->route_refresh || a->families != b->families ||
	       strcmp(a->md5, b->md5) != 0;
}

bool bgp_peer_change(struct bgp_peer *p, const struct bgp_peer_conf *conf, msec now)
{
	bool reset = needs_new_session(&p->conf, conf);

	p->now = now;
	if (reset)
		bgp_peer_stop(p, BGP_CEASE_CHANGED, now);
	p->conf = *conf;
	addr_print(&conf->remote, p->name);
	if (reset && !p->shut) {
		p->running = true;
		p->failures = p->attempts = 0;
		p->restart_due = now + BGP_IDLE_HOLD_MS;
	}
	return reset;
}

bool bgp_peer_refresh(struct bgp_peer *p, enum bgp_family f, msec now)
{
	struct bgp_conn *c = bgp_peer_established(p);
	uint8_t buf[32];
	struct wr w = wr_over(buf, sizeof(buf));

	p->now = now;
	if (c == NULL || !c->route_refresh || f >= BGP_FAMILIES ||
	    (c->terms.families & 1u << f) == 0)
		return false;
	bgp_refresh_write(&w, f);
	bool done = bgp_conn_put(c, buf, wr_len(&w));
	bgp_conn_flush(c);
	return done;
}

/* ---- Time
 * --------------------------------------------------------------------------------------------- */

static msec earlier(msec a, msec b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

static msec conn_due(const struct bgp_conn *c)
{
	return earlier(earlier(c->hold_due, c->keepalive_due), earlier(c->retry_due, c->send_due));
}

msec bgp_peer_due(const struct bgp_peer *p)
{
	return earlier(p->restart_due, earlier(conn_due(&p->active), conn_due(&p->passive)));
}

static bool expired(msec *due, msec now)
{
	if (*due == 0 || *due > now)
		return false;
	*due = 0;
	return true;
}

static void send_hold_expired(struct bgp_conn *c)
{
	struct bgp_notification n;

	bgp_fault(&n, BGP_SEND_HOLD_EXPIRED, 0, NULL, 0);
	bgp_conn_step(c, BGP_EV_FAULT, &n, NULL);
}

static void conn_tick(struct bgp_conn *c, msec now)
{
	if (expired(&c->hold_due, now))
		bgp_conn_step(c, BGP_EV_HOLD_EXPIRED, NULL, NULL);
	if (expired(&c->send_due, now))
		send_hold_expired(c);
	if (expired(&c->keepalive_due, now))
		bgp_conn_step(c, BGP_EV_KEEPALIVE_EXPIRED, NULL, NULL);
	if (expired(&c->retry_due, now)) {
		if (c->state == BGP_CONNECT)
			cannot_connect(c->peer, "timed out");
		bgp_conn_step(c, alive(other_of(c)) ? BGP_EV_COLLISION : BGP_EV_RETRY_EXPIRED, NULL,
			      NULL);
	}
}

void bgp_peer_tick(struct bgp_peer *p, msec now)
{
	p->now = now;
	if (expired(&p->restart_due, now))
		begin(p);
	conn_tick(&p->active, now);
	conn_tick(&p->passive, now);
}

/* ---- For people
 * ------------------------------------------------------------------------------------------ */

void *bgp_peer_user(const struct bgp_peer *p)
{
	return p->user;
}

const char *bgp_peer_name(const struct bgp_peer *p)
{
	return p->name;
}

void bgp_peer_info(const struct bgp_peer *p, struct bgp_peer_info *ret)
{
	const struct bgp_conn *c = p->passive.state > p->active.state ? &p->passive : &p->active;
	bool up = c->state == BGP_ESTABLISHED;

	*ret = (struct bgp_peer_info){
		.conf = &p->conf,
		.state = c->state,
		.shut = p->shut,
		.families = up ? c->terms.families : 0,
		.hold_time = up ? c->hold_time : 0,
		.asn4 = up && c->terms.asn4,
		.route_refresh = up && c->route_refresh,
		.local = c->sock != NULL ? c->local : p->conf.local,
		.since = p->since,
		.messages_in = p->messages_in,
		.messages_out = p->messages_out,
		.updates_in = p->updates_in,
		.updates_out = p->updates_out,
		.octets_in = p->octets_in,
		.octets_out = p->octets_out,
		.updates_malformed = p->malformed,
		.in_queue = c->in_len,
		.out_queue = bgp_conn_queued(c),
		.last_down = p->last_down,
	};
	memcpy(ret->remote_id, p->remote_id, sizeof(ret->remote_id));
}
