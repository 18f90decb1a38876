/* SPDX-License-Identifier: ISC */
/* speaker.c - the rim: sockets and timers on libuv for all neighbors.
 *
 * Invariants:
 * 1. Memory that a callback may stand in (neighbor, socket) is freed by a close callback of the
 * loop and nowhere else, so that a handler may remove any neighbor, also the one it was called for.
 * 2. A socket whose connection ended is read and thrown away until the other end closes too, or a
 * second has passed: closing with octets unread would take the NOTIFICATION off the wire.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include "bgp/peer.h"
#include "bgp/tcp.h"

enum {
	READ_MAX = 65536, /* octets of one neighbor before the next has its turn */
	ACCEPT_MAX = 16,  /* connections likewise */
	LINGER_MS = 1000,
	LINGER_MAX = 256, /* sockets at a time; more are closed at once */
	SWEEP_MS = 200,
	LISTEN_AGAIN_MS = 5000
};

struct sock {
	struct sock *next; /* while it lingers */
	struct bgp_speaker *speaker;
	struct bgp_conn *conn; /* NULL: it lingers */
	uv_poll_t poll;
	int fd;
	bool connecting, ended;
	msec until;
};

struct listener {
	struct listener *next;
	struct bgp_speaker *speaker;
	struct addr at;
	uint16_t port;
	bool wanted; /* by bgp_speaker_listen: stays whatever the neighbors do */
	bool needed; /* by a neighbor */
	bool open;   /* else it is tried again at msec again */
	msec again;
	int fd;
	uv_poll_t poll;
};

/* What the speaker has beside each neighbor. */
struct rim {
	struct rim *next;
	struct bgp_speaker *speaker;
	struct bgp_peer *peer;
	uv_timer_t timer;
	bool kicked, gone;
};

struct bgp_speaker {
	uv_loop_t *loop;
	uint16_t port;
	struct bgp_env env;
	struct rim *rims;
	struct listener *listeners;
	struct sock *lingering;
	unsigned lingering_count;
	uv_idle_t kick;
	uv_timer_t sweep;
	unsigned handles; /* that libuv has of ours */
	uint64_t seed;
	uint64_t strangers; /* connections from no neighbor */
	bool stopping, closing;
	void (*done)(void *ctx);
	uint8_t buf[READ_MAX];
};

static msec now_of(const struct bgp_speaker *s)
{
	return uv_now(s->loop);
}

/* ---- Handles and timers ------------------------------------------------------------------------
 */

static void handle_closed(struct bgp_speaker *s)
{
	if (--s->handles == 0 && s->closing && s->done != NULL)
		s->done(s->env.handler_ctx);
}

static void own_handle_closed(uv_handle_t *h)
{
	handle_closed(h->data);
}

/* Sets the neighbor's timer to what it waits for; after every call into it. */
static void arm(struct rim *m, uv_timer_cb on_timer)
{
	msec due = bgp_peer_due(m->peer), now = now_of(m->speaker);

	if (m->gone || m->speaker->closing)
		return;
	if (due == 0)
		uv_timer_stop(&m->timer);
	else
		uv_timer_start(&m->timer, on_timer, due > now ? due - now : 0, 0);
}

static void on_timer(uv_timer_t *t)
{
	struct rim *m = t->data;

	bgp_peer_tick(m->peer, now_of(m->speaker));
	arm(m, on_timer);
}

static void on_kick(uv_idle_t *idle)
{
	struct bgp_speaker *s = idle->data;
	bool more = false;

	for (struct rim *m = s->rims; m != NULL; m = m->next) {
		if (!m->kicked || m->gone)
			continue;
		m->kicked = bgp_peer_pump(m->peer, now_of(s));
		more |= m->kicked;
		arm(m, on_timer);
	}
	if (!more)
		uv_idle_stop(idle);
}

static void kick(struct rim *m)
{
	m->kicked = true;
	if (!m->speaker->stopping)
		uv_idle_start(&m->speaker->kick, on_kick);
}

static void touch(struct bgp_peer *p)
{
	arm(p->rim, on_timer);
}

/* ---- Sockets
 * ---------------------------------------------------------------------------------------- */

static void sock_freed(uv_handle_t *h)
{
	struct sock *k = h->data;
	struct bgp_speaker *s = k->speaker;

	close(k->fd);
	free(k);
	handle_closed(s);
}

static void sock_close(struct sock *k)
{
	uv_poll_stop(&k->poll);
	uv_close((uv_handle_t *)&k->poll, sock_freed);
}

/* Takes over fd, also when it fails. */
static struct sock *sock_new(struct bgp_speaker *s, int fd)
{
	struct sock *k = calloc(1, sizeof(*k));

	if (k == NULL || uv_poll_init(s->loop, &k->poll, fd) < 0) {
		free(k);
		close(fd);
		return NULL;
	}
	k->speaker = s;
	k->fd = fd;
	k->poll.data = k;
	s->handles++;
	return k;
}

static void on_ready(uv_poll_t *poll, int status, int events);
static void on_linger(uv_poll_t *poll, int status, int events);
static void on_sweep(uv_timer_t *t);

static void sweep_begin(struct bgp_speaker *s)
{
	if (!s->closing && !uv_is_active((uv_handle_t *)&s->sweep))
		uv_timer_start(&s->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
}

static void watch(struct sock *k, bool writable)
{
	uv_poll_start(&k->poll,
		      k->connecting ? UV_WRITABLE
		      : writable    ? UV_READABLE | UV_WRITABLE
				    : UV_READABLE,
		      on_ready);
}

static void linger(struct sock *k)
{
	struct bgp_speaker *s = k->speaker;

	k->conn = NULL;
	if (k->connecting || k->ended || s->lingering_count >= LINGER_MAX ||
	    shutdown(k->fd, SHUT_WR) < 0) {
		sock_close(k);
		return;
	}
	k->until = now_of(s) + LINGER_MS;
	k->next = s->lingering;
	s->lingering = k;
	s->lingering_count++;
	uv_poll_start(&k->poll, UV_READABLE, on_linger);
	sweep_begin(s);
}

static void linger_end(struct sock *k)
{
	struct bgp_speaker *s = k->speaker;
	struct sock **at = &s->lingering;

	while (*at != k)
		at = &(*at)->next;
	*at = k->next;
	s->lingering_count--;
	sock_close(k);
}

static void on_linger(uv_poll_t *poll, int status, int events)
{
	struct sock *k = poll->data;
	ssize_t n = status < 0 ? 0 : recv(k->fd, k->speaker->buf, READ_MAX, 0);

	(void)events;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		linger_end(k);
}

/* ---- The transport under the neighbors
 * ----------------------------------------------------------------- */

static bool rim_connect(void *ctx, struct bgp_conn *c, char *text, size_t size)
{
	struct bgp_speaker *s = ctx;
	const struct bgp_peer_conf *conf = &c->peer->conf;
	uint16_t port = conf->connect_port != 0 ? conf->connect_port : s->port;
	struct sock *k = NULL;
	int fd, error = tcp_connect(&conf->local, &conf->remote, port, conf->md5, &fd);

	if (error == 0)
		k = sock_new(s, fd);
	if (k == NULL) {
		snprintf(text, size, "%s", uv_strerror(error < 0 ? error : UV_ENOMEM));
		return false;
	}
	k->conn = c;
	k->connecting = true;
	c->sock = k;
	watch(k, true);
	return true;
}

static size_t rim_send(void *ctx, struct bgp_conn *c, const uint8_t *octets, size_t len)
{
	struct sock *k = c->sock;
	ssize_t n = send(k->fd, octets, len, MSG_NOSIGNAL);
	size_t taken = n > 0 ? (size_t)n : 0;

	(void)ctx;
	/* What is wrong with the socket comes up when it is next looked at. */
	watch(k, taken < len);
	return taken;
}

static void rim_close(void *ctx, struct bgp_conn *c)
{
	(void)ctx;
	linger(c->sock);
}

static const struct bgp_transport transport = { rim_connect, rim_send, rim_close };

/* ---- Octets in
 * ------------------------------------------------------------------------------------------ */

static void connection_lost(struct sock *k, int error)
{
	k->ended = true;
	bgp_conn_down(k->conn, error == 0 ? "connection closed by peer" : uv_strerror(error),
		      now_of(k->speaker));
}

/* False when there is nothing more to be read, or the connection ended. */
static bool read_some(struct sock *k)
{
	struct bgp_speaker *s = k->speaker;
	ssize_t n = recv(k->fd, s->buf, READ_MAX, 0);

	if (n > 0) {
		bgp_conn_input(k->conn, s->buf, (size_t)n, now_of(s));
		return k->conn != NULL;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	connection_lost(k, n < 0 ? -errno : 0);
	return false;
}

static void on_connected(struct sock *k)
{
	struct addr local = tcp_local(k->fd);
	int error = tcp_error(k->fd);

	if (error < 0) {
		bgp_conn_down(k->conn, uv_strerror(error), now_of(k->speaker));
		return;
	}
	k->connecting = false;
	watch(k, false);
	bgp_conn_up(k->conn, k, &local, now_of(k->speaker));
}

/* A broken connection: what came before the end is still heard, be it a NOTIFICATION. */
static void on_broken(struct sock *k)
{
	int error = k->connecting ? tcp_error(k->fd) : 0;

	if (k->connecting) {
		bgp_conn_down(k->conn, error < 0 ? uv_strerror(error) : "connection lost",
			      now_of(k->speaker));
		return;
	}
	while (read_some(k))
		;
	if (k->conn != NULL)
		connection_lost(k, UV_ECONNRESET);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct sock *k = poll->data;
	struct bgp_peer *p = k->conn->peer;
	struct rim *m = p->rim;

	if (status < 0)
		on_broken(k);
	else if (k->connecting)
		on_connected(k);
	else if ((events & UV_READABLE) != 0)
		read_some(k);
	if (k->conn != NULL && !k->connecting && (events & UV_WRITABLE) != 0 && status >= 0) {
		watch(k, false);
		if (bgp_conn_writable(k->conn, now_of(k->speaker)))
			kick(m);
	}
	arm(m, on_timer);
}

/* ---- Listening
 * --------------------------------------------------------------------------------------------- */

static bool is_any(const struct addr *a)
{
	static const uint8_t zero[16] = { 0 };

	return memcmp(a->octets, zero, sizeof(zero)) == 0;
}

/* The neighbor that may call from there to here; one with our address named goes first. */
static struct rim *find_caller(struct bgp_speaker *s, const struct addr *remote,
			       const struct addr *local)
{
	struct rim *any = NULL;

	for (struct rim *m = s->rims; m != NULL; m = m->next) {
		const struct bgp_peer_conf *c = &m->peer->conf;

		if (!addr_equal(&c->remote, remote))
			continue;
		if (addr_equal(&c->local, local))
			return m;
		if (c->local.family == ADDR_NONE)
			any = m;
	}
	return any;
}

static void take_call(struct bgp_speaker *s, struct rim *m, int fd, const struct addr *local)
{
	struct sock *k = sock_new(s, fd);

	if (k == NULL)
		return;
	k->conn = &m->peer->passive;
	tcp_tune(fd);
	switch (bgp_peer_accept(m->peer, k, local, now_of(s))) {
	case BGP_ACCEPTED:
		break;
	case BGP_COLLIDES:
		(void)!send(fd, bgp_collision, sizeof(bgp_collision), MSG_NOSIGNAL);
		linger(k);
		break;
	case BGP_REFUSED:
		k->conn = NULL;
		sock_close(k);
		break;
	}
	arm(m, on_timer);
}

static bool accept_one(struct listener *l)
{
	struct bgp_speaker *s = l->speaker;
	union tcp_address from;
	socklen_t len = sizeof(from);
	int fd = accept4(l->fd, &from.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		/* Without descriptors the call stays in the queue, and would wake us all the time.
		 */
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			uv_poll_stop(&l->poll);
			l->again = now_of(s) + LISTEN_AGAIN_MS;
			sweep_begin(s);
		}
		return errno == EINTR || errno == ECONNABORTED;
	}
	struct addr remote = tcp_addr_from(&from), local = tcp_local(fd);
	struct rim *m = s->stopping ? NULL : find_caller(s, &remote, &local);
	if (m != NULL) {
		take_call(s, m, fd, &local);
	} else {
		s->strangers++;
		close(fd);
	}
	return true;
}

static void on_call(uv_poll_t *poll, int status, int events)
{
	struct listener *l = poll->data;

	(void)status;
	(void)events;
	for (unsigned n = 0; n < ACCEPT_MAX && accept_one(l); n++)
		;
}

static void set_key(struct rim *m, struct listener *l, const struct addr *remote, const char *key)
{
	if (!l->open || l->at.family != remote->family)
		return;
	int error = tcp_md5(l->fd, remote, key);
	if (error < 0)
		bgp_peer_event(m->peer, "MD5 key cannot be set: %s", uv_strerror(error));
}

/* An empty key: is taken off. */
static void set_keys(struct rim *m, const struct addr *remote, const char *key)
{
	for (struct listener *l = m->speaker->listeners; l != NULL; l = l->next)
		set_key(m, l, remote, key);
}

static int listener_open(struct listener *l)
{
	struct bgp_speaker *s = l->speaker;
	int error = tcp_listen(&l->at, l->port, &l->fd);

	if (error < 0) {
		l->again = now_of(s) + LISTEN_AGAIN_MS;
		return error;
	}
	error = uv_poll_init(s->loop, &l->poll, l->fd);
	if (error < 0) {
		close(l->fd);
		return error;
	}
	l->poll.data = l;
	s->handles++;
	l->open = true;
	l->again = 0;
	for (struct rim *m = s->rims; m != NULL; m = m->next)
		if (m->peer->conf.md5[0] != '\0')
			set_key(m, l, &m->peer->conf.remote, m->peer->conf.md5);
	return uv_poll_start(&l->poll, UV_READABLE, on_call);
}

static void listener_freed(uv_handle_t *h)
{
	struct listener *l = h->data;
	struct bgp_speaker *s = l->speaker;

	close(l->fd);
	free(l);
	handle_closed(s);
}

static void listener_close(struct listener *l)
{
	struct listener **at = &l->speaker->listeners;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	if (!l->open) {
		free(l);
		return;
	}
	uv_poll_stop(&l->poll);
	uv_close((uv_handle_t *)&l->poll, listener_freed);
}

static const char *listen_strerror(int error)
{
	return error == UV_EADDRINUSE || error == 0 ? "address in use" : uv_strerror(error);
}

/* One on all addresses serves each of them. */
static struct listener *find_listener(struct bgp_speaker *s, const struct addr *at, uint16_t port)
{
	for (struct listener *l = s->listeners; l != NULL; l = l->next)
		if (l->port == port && l->at.family == at->family &&
		    (addr_equal(&l->at, at) || is_any(&l->at)))
			return l;
	return NULL;
}

static struct listener *listener_add(struct bgp_speaker *s, const struct addr *at, uint16_t port,
				     int *ret_error)
{
	struct listener *l = find_listener(s, at, port);

	*ret_error = 0;
	if (l != NULL)
		return l;
	l = calloc(1, sizeof(*l));
	if (l == NULL) {
		*ret_error = UV_ENOMEM;
		return NULL;
	}
	l->speaker = s;
	l->at = *at;
	l->port = port;
	l->next = s->listeners;
	s->listeners = l;
	*ret_error = listener_open(l);
	return l;
}

static int listen_at(struct bgp_speaker *s, const struct addr *at, uint16_t port, struct err *e)
{
	char buf[ADDR_TEXT_MAX];
	int error;
	struct listener *l = listener_add(s, at, port, &error);

	if (l != NULL && error == 0 && !l->open)
		error = UV_EADDRINUSE; /* a neighbor's, which waits for the port */
	if (error == 0) {
		l->wanted = true;
		return 0;
	}
	if (l != NULL && !l->open && !l->needed)
		listener_close(l);
	err_at(e, 0, 0, "cannot listen on %s port %u: %s", addr_print(at, buf), port,
	       listen_strerror(error));
	return error;
}

bool bgp_speaker_listen(struct bgp_speaker *s, const struct addr *local, uint16_t port,
			struct err *e)
{
	static const struct addr any4 = { .family = ADDR_IPV4 }, any6 = { .family = ADDR_IPV6 };

	if (port == 0)
		port = s->port;
	if (local != NULL && local->family != ADDR_NONE)
		return listen_at(s, local, port, e) == 0;
	if (listen_at(s, &any4, port, e) < 0)
		return false;
	int six = listen_at(s, &any6, port, e);
	return six == 0 || six == UV_EAFNOSUPPORT; /* a host without IPv6 */
}

static void listening_place(const struct rim *m, struct addr *ret_at, uint16_t *ret_port)
{
	const struct bgp_peer_conf *c = &m->peer->conf;

	*ret_at = c->local.family != ADDR_NONE ? c->local
					       : (struct addr){ .family = c->remote.family };
	*ret_port = c->listen_port != 0 ? c->listen_port : m->speaker->port;
}

static bool wants_listener(const struct rim *m)
{
	return m->peer->conf.passive || m->peer->conf.listen_port != 0;
}

static void listen_for(struct rim *m)
{
	char buf[ADDR_TEXT_MAX];
	struct addr at;
	uint16_t port;
	int error;

	if (!wants_listener(m))
		return;
	listening_place(m, &at, &port);
	struct listener *l = listener_add(m->speaker, &at, port, &error);
	if (l != NULL)
		l->needed = true;
	if (error == 0 && l->open)
		return;
	bgp_peer_event(m->peer, "cannot listen on %s port %u: %s", addr_print(&at, buf), port,
		       listen_strerror(error));
	sweep_begin(m->speaker);
}

/* Listeners that no neighbor wants any more. */
static void prune_listeners(struct bgp_speaker *s)
{
	for (struct listener *l = s->listeners, *next; l != NULL; l = next) {
		next = l->next;
		l->needed = false;
		for (struct rim *m = s->rims; m != NULL && !l->needed; m = m->next) {
			struct addr at;
			uint16_t port;

			listening_place(m, &at, &port);
			l->needed = wants_listener(m) && find_listener(s, &at, port) == l;
		}
		if (!l->needed && !l->wanted)
			listener_close(l);
	}
}

static bool try_again(struct listener *l)
{
	struct bgp_speaker *s = l->speaker;

	if (l->again == 0)
		return false;
	if (l->again > now_of(s))
		return true;
	l->again = 0;
	if (l->open)
		return uv_poll_start(&l->poll, UV_READABLE, on_call) < 0;
	return listener_open(l) < 0;
}

static void on_sweep(uv_timer_t *t)
{
	struct bgp_speaker *s = t->data;
	bool more = false;

	for (struct sock *k = s->lingering, *next; k != NULL; k = next) {
		next = k->next;
		if (k->until <= now_of(s))
			linger_end(k);
		else
			more = true;
	}
	for (struct listener *l = s->listeners; l != NULL; l = l->next)
		more |= try_again(l);
	if (!more)
		uv_timer_stop(t);
}

/* ---- Neighbors
 * ------------------------------------------------------------------------------------------------
 */

static struct rim *find_rim(struct bgp_speaker *s, const struct bgp_peer_conf *c)
{
	for (struct rim *m = s->rims; m != NULL; m = m->next)
		if (addr_equal(&m->peer->conf.remote, &c->remote) &&
		    addr_equal(&m->peer->conf.local, &c->local))
			return m;
	return NULL;
}

static void rim_freed(uv_handle_t *h)
{
	struct rim *m = h->data;
	struct bgp_speaker *s = m->speaker;

	if (m->gone) {
		bgp_peer_free(m->peer);
		free(m);
	}
	handle_closed(s);
}

struct bgp_peer *bgp_speaker_add(struct bgp_speaker *s, const struct bgp_peer_conf *c, void *user)
{
	if (s->stopping || find_rim(s, c) != NULL)
		return NULL;
	struct rim *m = calloc(1, sizeof(*m));
	struct bgp_peer *p = bgp_peer_new(&s->env, c, user, s->seed += 0x9e3779b97f4a7c15);
	if (m == NULL || p == NULL) {
		free(m);
		bgp_peer_free(p);
		return NULL;
	}
	m->speaker = s;
	m->peer = p;
	p->rim = m;
	p->now = now_of(s);
	uv_timer_init(s->loop, &m->timer);
	m->timer.data = m;
	s->handles++;
	/* At the end, so that neighbors stand as they were added. */
	struct rim **at = &s->rims;
	while (*at != NULL)
		at = &(*at)->next;
	*at = m;
	if (c->md5[0] != '\0')
		set_keys(m, &c->remote, c->md5);
	listen_for(m);
	bgp_peer_start(p, now_of(s));
	touch(p);
	return p;
}

void bgp_speaker_remove(struct bgp_speaker *s, struct bgp_peer *p)
{
	struct rim *m = p->rim, **at = &s->rims;

	if (m->gone)
		return;
	bgp_peer_stop(p, BGP_CEASE_REMOVED, now_of(s));
	if (p->conf.md5[0] != '\0')
		set_keys(m, &p->conf.remote, "");
	while (*at != m)
		at = &(*at)->next;
	*at = m->next;
	m->gone = true;
	prune_listeners(s);
	uv_close((uv_handle_t *)&m->timer, rim_freed);
}

void bgp_speaker_change(struct bgp_speaker *s, struct bgp_peer *p, const struct bgp_peer_conf *c)
{
	struct rim *m = p->rim;
	struct addr old = p->conf.remote;
	bool had_key = p->conf.md5[0] != '\0';

	if (!bgp_peer_change(p, c, now_of(s))) {
		touch(p);
		return;
	}
	if (had_key)
		set_keys(m, &old, "");
	if (c->md5[0] != '\0')
		set_keys(m, &c->remote, c->md5);
	listen_for(m);
	prune_listeners(s);
	touch(p);
}

void bgp_speaker_shutdown(struct bgp_speaker *s, struct bgp_peer *p)
{
	bgp_peer_shut(p, now_of(s));
	touch(p);
}

void bgp_speaker_enable(struct bgp_speaker *s, struct bgp_peer *p)
{
	bgp_peer_enable(p, now_of(s));
	touch(p);
}

void bgp_speaker_kick(struct bgp_speaker *s, struct bgp_peer *p)
{
	(void)s;
	kick(p->rim);
}

void bgp_speaker_refresh(struct bgp_speaker *s, struct bgp_peer *p, enum bgp_family f)
{
	bgp_peer_refresh(p, f, now_of(s));
	touch(p);
}

/* ---- The speaker
 * --------------------------------------------------------------------------------------------------
 */

struct bgp_speaker *bgp_speaker_new(struct uv_loop_s *loop, uint16_t port,
				    struct bgp_attr_table *attrs, const struct bgp_handler *handler,
				    void *ctx)
{
	struct bgp_speaker *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->loop = loop;
	s->port = port != 0 ? port : BGP_PORT;
	s->env = (struct bgp_env){ &transport, s, handler, ctx, attrs };
	if (uv_random(NULL, NULL, &s->seed, sizeof(s->seed), 0, NULL) < 0)
		s->seed = (uintptr_t)s;
	uv_idle_init(loop, &s->kick);
	uv_timer_init(loop, &s->sweep);
	s->kick.data = s->sweep.data = s;
	s->handles = 2;
	return s;
}

/* Once no socket lingers any more. */
static void close_handles(struct bgp_speaker *s)
{
	s->closing = true;
	for (struct rim *m = s->rims; m != NULL; m = m->next)
		uv_close((uv_handle_t *)&m->timer, rim_freed);
	uv_close((uv_handle_t *)&s->kick, own_handle_closed);
	uv_close((uv_handle_t *)&s->sweep, own_handle_closed);
}

static void on_stopping(uv_timer_t *t)
{
	struct bgp_speaker *s = t->data;

	for (struct sock *k = s->lingering, *next; k != NULL; k = next) {
		next = k->next;
		if (k->until <= now_of(s))
			linger_end(k);
	}
	if (s->lingering == NULL)
		close_handles(s);
}

void bgp_speaker_stop(struct bgp_speaker *s, void (*done)(void *ctx))
{
	if (s->stopping)
		return;
	s->stopping = true;
	s->done = done;
	uv_idle_stop(&s->kick);
	for (struct rim *m = s->rims; m != NULL; m = m->next) {
		bgp_peer_stop(m->peer, BGP_CEASE_SHUTDOWN, now_of(s));
		arm(m, on_timer);
	}
	for (struct listener *l = s->listeners, *next; l != NULL; l = next) {
		next = l->next;
		listener_close(l);
	}
	uv_timer_start(&s->sweep, on_stopping, 0, SWEEP_MS / 10);
}

void bgp_speaker_free(struct bgp_speaker *s)
{
	if (s == NULL)
		return;
	while (s->rims != NULL) {
		struct rim *m = s->rims;

		s->rims = m->next;
		bgp_peer_free(m->peer);
		free(m);
	}
	free(s);
}
