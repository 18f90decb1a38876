/* SPDX-License-Identifier: ISC */
/* bgp_play_test.c - two ends of one session in one process: pipes for sockets, and time that is
 * played.
 *
 * Whatever happens between, in the end each side holds exactly what the other one has.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "bgp/peer.h"
#include "tests/flow_random.h"

enum {
	TABLE = 20000,    /* routes of a side */
	PIPE_MAX = 30000, /* octets under way in one direction */
	LATENCY_MS = 20,
	SOCKS_MAX = 4096
};

struct side;

/* One end of a connection. */
struct sock {
	struct side *side;
	struct bgp_conn *conn; /* NULL: closed here */
	struct sock *far;      /* NULL: still connecting */
	uint8_t in[PIPE_MAX];  /* on its way to this end */
	size_t len;
	bool far_closed, blocked;
	msec ready; /* when the connection is through */
};

struct side {
	struct play *play;
	struct side *far;
	struct bgp_peer *peer;
	bool reachable;
	unsigned ups, downs, malformed;
	/* what it tells: a route has an action of 0 (none) to 3 */
	uint8_t mine[TABLE], told[TABLE];
	unsigned cursor; /* where next() looks on */
	bool told_end;
	uint8_t theirs[TABLE]; /* what it learnt */
	unsigned ends;
	const struct bgp_attrs *attrs[4];
};

struct play {
	struct bgp_attr_table *attrs;
	struct side side[2];
	struct sock *socks[SOCKS_MAX];
	unsigned sock_count;
	msec now;
	struct rnd rnd;
};

/* ---- The wire ------------------------------------------------------------------------------- */

static struct sock *sock_new(struct side *s, struct bgp_conn *c)
{
	struct sock *k = calloc(1, sizeof(*k));
	struct play *p = s->play;

	assert_true(k != NULL && p->sock_count < SOCKS_MAX);
	k->side = s;
	k->conn = c;
	k->ready = p->now + LATENCY_MS;
	p->socks[p->sock_count++] = k;
	return k;
}

static bool play_connect(void *ctx, struct bgp_conn *c, char *text, size_t size)
{
	struct side *s = ctx;

	if (size > 0)
		text[0] = '\0';
	c->sock = sock_new(s, c);
	return true;
}

static size_t play_send(void *ctx, struct bgp_conn *c, const uint8_t *octets, size_t len)
{
	struct sock *k = c->sock;
	size_t room = PIPE_MAX - k->far->len;
	size_t n = len < room ? len : room;

	(void)ctx;
	memcpy(k->far->in + k->far->len, octets, n);
	k->far->len += n;
	k->blocked = n < len;
	return n;
}

static void play_close(void *ctx, struct bgp_conn *c)
{
	struct sock *k = c->sock;

	(void)ctx;
	k->conn = NULL;
	if (k->far != NULL)
		k->far->far_closed = true;
}

static const struct bgp_transport transport = { play_connect, play_send, play_close };

static void connect_through(struct play *p, struct sock *k)
{
	struct side *far = k->side->far;
	struct sock *other = sock_new(far, &far->peer->passive);
	enum bgp_accept got = BGP_REFUSED;

	k->far = other;
	other->far = k;
	if (far->reachable && k->side->reachable)
		got = bgp_peer_accept(far->peer, other, &far->peer->conf.local, p->now);
	if (got != BGP_ACCEPTED)
		other->conn = NULL;
	if (got == BGP_REFUSED) {
		bgp_conn_down(k->conn, "connection refused", p->now);
		return;
	}
	if (got == BGP_COLLIDES) {
		memcpy(k->in, bgp_collision, sizeof(bgp_collision));
		k->len = sizeof(bgp_collision);
		k->far_closed = true;
	}
	bgp_conn_up(k->conn, k, &k->side->peer->conf.local, p->now);
}

/* Octets arrive in pieces of any size. */
static bool deliver(struct play *p, struct sock *k)
{
	uint8_t piece[5000];
	size_t n = k->len;

	if (k->conn == NULL || k->far == NULL || !k->side->reachable)
		return false;
	if (n == 0) {
		if (!k->far_closed)
			return false;
		bgp_conn_down(k->conn, "connection closed by peer", p->now);
		return true;
	}
	if (n > 1 + rnd_below(&p->rnd, 4999))
		n = 1 + rnd_below(&p->rnd, 4999);
	n = n < k->len ? n : k->len;
	memcpy(piece, k->in, n);
	k->len -= n;
	memmove(k->in, k->in + n, k->len);
	bgp_conn_input(k->conn, piece, n, p->now);
	if (k->far->conn != NULL && k->far->blocked)
		bgp_conn_writable(k->far->conn, p->now);
	return true;
}

/* ---- The handler ------------------------------------------------------------------------------
 */

static struct bgp_nlri flow_of(unsigned i, uint8_t octets[16])
{
	struct wr w = wr_over(octets, 16);

	wr_u8(&w, FLOW_DESTINATION);
	wr_u8(&w, 32);
	wr_u32(&w, 0x0a000000u + i);
	return (struct bgp_nlri){ BGP_IPV4_FLOW, octets, wr_len(&w) };
}

static void on_up(void *ctx, struct bgp_peer *peer)
{
	struct side *s = ctx;

	(void)peer;
	s->ups++;
	memset(s->told, 0, sizeof(s->told));
	memset(s->theirs, 0, sizeof(s->theirs));
	s->cursor = 0;
	s->told_end = false;
}

static void on_down(void *ctx, struct bgp_peer *peer, const char *why)
{
	struct side *s = ctx;

	(void)peer;
	(void)why;
	s->downs++;
}

static void on_route(void *ctx, struct bgp_peer *peer, const struct bgp_nlri *n,
		     struct bgp_attrs *attrs)
{
	struct side *s = ctx;
	struct rd r = rd_over(n->octets, n->len);

	(void)peer;
	assert_int_equal(n->family, BGP_IPV4_FLOW);
	rd_take(&r, 2);
	unsigned i = rd_u32(&r) - 0x0a000000u;
	assert_in_range(i, 0, TABLE - 1);
	s->theirs[i] = attrs != NULL ? attrs->ext.at[7] : 0;
}

static void on_end_of_rib(void *ctx, struct bgp_peer *peer, enum bgp_family f)
{
	struct side *s = ctx;

	(void)peer;
	assert_int_equal(f, BGP_IPV4_FLOW);
	s->ends++;
}

static void on_refresh(void *ctx, struct bgp_peer *peer, enum bgp_family f)
{
	struct side *s = ctx;

	(void)peer;
	(void)f;
	memset(s->told, 0, sizeof(s->told));
	s->cursor = 0;
}

static bool on_next(void *ctx, struct bgp_peer *peer, struct bgp_out *ret)
{
	static uint8_t octets[16];
	struct side *s = ctx;

	(void)peer;
	while (s->cursor < TABLE && s->told[s->cursor] == s->mine[s->cursor])
		s->cursor++;
	if (s->cursor < TABLE) {
		unsigned i = s->cursor++;

		s->told[i] = s->mine[i];
		*ret = (struct bgp_out){ s->mine[i] != 0 ? BGP_OUT_REACH : BGP_OUT_UNREACH,
					 flow_of(i, octets),
					 s->mine[i] != 0 ? s->attrs[s->mine[i]] : NULL };
		return true;
	}
	if (s->told_end)
		return false;
	s->told_end = true;
	*ret = (struct bgp_out){ .kind = BGP_OUT_END_OF_RIB, .nlri.family = BGP_IPV4_FLOW };
	return true;
}

static void on_event(void *ctx, struct bgp_peer *peer, const char *text)
{
	struct side *s = ctx;

	(void)peer;
	s->malformed += strstr(text, "malformed") != NULL;
}

static const struct bgp_handler handler = { on_up,      on_down, on_route, on_end_of_rib,
					    on_refresh, on_next, on_event };

/* ---- The play
 * ------------------------------------------------------------------------------------ */

static void add_side(struct play *p, unsigned i)
{
	struct side *s = &p->side[i];
	struct bgp_env env = { &transport, s, &handler, s, p->attrs };
	struct bgp_peer_conf c = {
		.remote = { ADDR_IPV4, { 192, 0, 2, (uint8_t)(2 - i) } },
		.local = { ADDR_IPV4, { 192, 0, 2, (uint8_t)(1 + i) } },
		.remote_as = 4200000001,
		.local_as = 4200000001,
		.router_id = { 192, 0, 2, (uint8_t)(1 + i) },
		.hold_time = 9,
		.asn4 = true,
		.route_refresh = true,
		.families = 1u << BGP_IPV4_FLOW |
			    (i == 0 ? 1u << BGP_IPV6_FLOW : 1u << BGP_IPV4_UNICAST),
	};

	s->play = p;
	s->far = &p->side[1 - i];
	s->reachable = true;
	for (uint8_t action = 1; action < 4; action++) {
		uint8_t ext[8] = { 0x80, 6, 0, 0, 0, 0, 0, action };
		struct bgp_attrs d = { .ext = { ext, 8 },
				       .has_local_pref = true,
				       .local_pref = 100 };

		s->attrs[action] = bgp_attrs_intern(p->attrs, &d);
	}
	s->peer = bgp_peer_new(&env, &c, s, 7 + i);
}

static struct play *play_new(uint64_t seed)
{
	struct play *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->attrs = bgp_attr_table_new();
	p->rnd.state = seed;
	p->now = 100000;
	add_side(p, 0);
	add_side(p, 1);
	return p;
}

static void start(struct play *p)
{
	bgp_peer_start(p->side[0].peer, p->now);
	bgp_peer_start(p->side[1].peer, p->now);
}

static void play_free(struct play *p)
{
	for (unsigned i = 0; i < 2; i++) {
		bgp_peer_stop(p->side[i].peer, BGP_CEASE_SHUTDOWN, p->now);
		bgp_peer_free(p->side[i].peer);
		for (unsigned a = 1; a < 4; a++)
			bgp_attrs_unref(p->attrs, (struct bgp_attrs *)p->side[i].attrs[a]);
	}
	for (unsigned i = 0; i < p->sock_count; i++)
		free(p->socks[i]);
	bgp_attr_table_free(p->attrs);
	free(p);
}

/* Everything that can happen at this moment, in turns. */
static void settle(struct play *p)
{
	bool busy = true;

	while (busy) {
		busy = false;
		for (unsigned i = 0; i < p->sock_count; i++) {
			struct sock *k = p->socks[i];

			if (k->far != NULL)
				busy |= deliver(p, k);
			else if (k->conn != NULL && k->ready <= p->now)
				connect_through(p, k);
		}
		for (unsigned i = 0; i < 2; i++)
			busy |= p->side[i].reachable && bgp_peer_pump(p->side[i].peer, p->now);
	}
}

static void run(struct play *p, msec time)
{
	for (msec until = p->now + time; p->now < until; p->now += LATENCY_MS) {
		settle(p);
		for (unsigned i = 0; i < 2; i++) {
			msec due = bgp_peer_due(p->side[i].peer);

			if (due != 0 && due <= p->now)
				bgp_peer_tick(p->side[i].peer, p->now);
		}
	}
	settle(p);
}

static void fill(struct play *p, struct side *s, unsigned changes)
{
	for (unsigned i = 0; i < changes; i++)
		s->mine[rnd_below(&p->rnd, TABLE)] = (uint8_t)rnd_below(&p->rnd, 4);
	s->cursor = 0;
}

static void agree(struct play *p)
{
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(p->side[i].ups, p->side[i].downs + 1);
		assert_int_equal(p->side[i].malformed, 0);
		assert_memory_equal(p->side[i].theirs, p->side[1 - i].mine, TABLE);
	}
}

static void two_ends_that_both_connect_get_one_session(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed < 20; seed++) {
		struct play *p = play_new(seed);

		start(p);
		run(p, 2000);
		agree(p);
		assert_int_equal(p->side[0].downs, 0);
		assert_int_equal(bgp_peer_established(p->side[0].peer)->terms.families,
				 1u << BGP_IPV4_FLOW);
		assert_true((p->side[0].peer->active.state == BGP_ESTABLISHED) !=
			    (p->side[0].peer->passive.state == BGP_ESTABLISHED));
		play_free(p);
	}
}

static void thousands_of_rules_go_both_ways(void **state)
{
	struct play *p = play_new(3);

	(void)state;
	fill(p, &p->side[0], 3 * TABLE);
	fill(p, &p->side[1], TABLE);
	start(p);
	run(p, 3000);
	agree(p);
	assert_int_equal(p->side[0].ends, 1);
	assert_int_equal(p->side[1].ends, 1);
	play_free(p);
}

static void changes_arrive_and_the_session_stays(void **state)
{
	struct play *p = play_new(4);

	(void)state;
	start(p);
	for (unsigned n = 0; n < 60; n++) {
		fill(p, &p->side[n % 2], 100);
		run(p, 20000);
		agree(p);
	}
	assert_int_equal(p->side[0].downs, 0);
	play_free(p);
}

static void a_refresh_brings_all_again(void **state)
{
	struct play *p = play_new(5);

	(void)state;
	fill(p, &p->side[1], TABLE);
	start(p);
	run(p, 3000);
	memset(p->side[0].theirs, 0, TABLE);
	assert_true(bgp_peer_refresh(p->side[0].peer, BGP_IPV4_FLOW, p->now));
	run(p, 1000);
	/* What is withdrawn was never told, so that it is 0 here as there. */
	agree(p);
	play_free(p);
}

/* A cable that is pulled: both notice by their hold timers, and find each other again. */
static void a_silent_break_is_noticed_and_mended(void **state)
{
	struct play *p = play_new(6);

	(void)state;
	fill(p, &p->side[0], TABLE);
	start(p);
	run(p, 3000);
	p->side[0].reachable = p->side[1].reachable = false;
	run(p, 8000);
	assert_int_equal(p->side[0].downs + p->side[1].downs, 0);
	run(p, 4000);
	assert_int_equal(p->side[0].downs, 1);
	assert_int_equal(p->side[1].downs, 1);
	p->side[0].reachable = p->side[1].reachable = true;
	run(p, 15000);
	agree(p);
	play_free(p);
}

/* Anything an operator or a network may do, in any order. */
static void commotion(struct play *p)
{
	struct side *s = &p->side[rnd_below(&p->rnd, 2)];

	switch (rnd_below(&p->rnd, 7)) {
	case 0:
		bgp_peer_shut(s->peer, p->now);
		break;
	case 1:
		bgp_peer_enable(s->peer, p->now);
		break;
	case 2: {
		struct bgp_peer_conf c = s->peer->conf;

		c.hold_time = (uint16_t)(3 + rnd_below(&p->rnd, 20));
		c.passive = s == &p->side[0] && rnd_one_in(&p->rnd, 3);
		bgp_peer_change(s->peer, &c, p->now);
		break;
	}
	case 3:
		s->reachable = !s->reachable;
		break;
	case 4:
		bgp_peer_refresh(s->peer, BGP_IPV4_FLOW, p->now);
		break;
	default:
		fill(p, s, 500);
		break;
	}
}

static void after_any_commotion_both_agree(void **state)
{
	(void)state;
	for (uint64_t seed = 100; seed < 112; seed++) {
		struct play *p = play_new(seed);

		start(p);
		for (unsigned n = 0; n < 40; n++) {
			commotion(p);
			run(p, rnd_below(&p->rnd, 4000));
		}
		for (unsigned i = 0; i < 2; i++) {
			p->side[i].reachable = true;
			bgp_peer_enable(p->side[i].peer, p->now);
			p->side[i].cursor = 0;
		}
		run(p, 100000);
		agree(p);
		play_free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_ends_that_both_connect_get_one_session),
		cmocka_unit_test(thousands_of_rules_go_both_ways),
		cmocka_unit_test(changes_arrive_and_the_session_stays),
		cmocka_unit_test(a_refresh_brings_all_again),
		cmocka_unit_test(a_silent_break_is_noticed_and_mended),
		cmocka_unit_test(after_any_commotion_both_agree),
	};

	return cmocka_run_group_tests_name("bgp_play", tests, NULL, NULL);
}
