/* SPDX-License-Identifier: ISC */
/* bgp_peer_test.c - one neighbor against an other end that the test plays, octet by octet and
 * second by second. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/bgp_lone.h"

static enum bgp_state state_of(const struct lone *l)
{
	struct bgp_peer_info i;

	bgp_peer_info(l->peer, &i);
	return i.state;
}

/* The last message that we sent there is this NOTIFICATION. */
static void notified(const struct lone *l, unsigned sock, uint8_t code, uint8_t subcode)
{
	struct rd r;

	assert_int_equal(lone_last(l, sock, &r), BGP_MSG_NOTIFICATION);
	assert_int_equal(rd_u8(&r), code);
	assert_int_equal(rd_u8(&r), subcode);
	assert_false(l->socks[sock].open);
}

/* ---- Coming up ---------------------------------------------------------------------------- */

static void it_connects_at_once_and_again_soon(void **state)
{
	struct bgp_peer_conf c = lone_conf();
	struct lone *l = lone_new(&c);

	(void)state;
	bgp_peer_start(l->peer, l->now);
	assert_int_equal(l->connects, 1);
	assert_int_equal(state_of(l), BGP_CONNECT);
	bgp_conn_down(lone_conn(l, OURS), "connection refused", l->now);
	assert_int_equal(state_of(l), BGP_ACTIVE);
	assert_string_equal(l->event, "cannot connect: connection refused");
	lone_wait(l, 700);
	assert_int_equal(l->connects, 1);
	lone_wait(l, 300);
	assert_int_equal(l->connects, 2);
	assert_int_equal(l->events, 1);
	bgp_conn_down(lone_conn(l, OURS), "connection refused", l->now);
	assert_int_equal(l->events, 1); /* said once */
	lone_wait(l, 1400);
	assert_int_equal(l->connects, 2);
	lone_wait(l, 600);
	assert_int_equal(l->connects, 3);
	lone_free(l);
}

static void a_connection_that_hangs_is_tried_anew(void **state)
{
	struct bgp_peer_conf c = lone_conf();
	struct lone *l = lone_new(&c);

	(void)state;
	bgp_peer_start(l->peer, l->now);
	lone_wait(l, 10000);
	assert_true(l->connects >= 2);
	assert_int_equal(state_of(l), BGP_CONNECT);
	lone_free(l);
}

static void without_a_route_it_waits_and_tries_again(void **state)
{
	struct bgp_peer_conf c = lone_conf();
	struct lone *l = lone_new(&c);

	(void)state;
	l->no_route = true;
	bgp_peer_start(l->peer, l->now);
	assert_int_equal(state_of(l), BGP_ACTIVE);
	lone_wait(l, 60000);
	assert_in_range(l->connects, 10, 20);
	lone_free(l);
}

static void a_passive_neighbor_never_connects(void **state)
{
	struct bgp_peer_conf c = lone_conf();

	(void)state;
	c.passive = true;
	struct lone *l = lone_new(&c);
	bgp_peer_start(l->peer, l->now);
	lone_wait(l, 600000);
	assert_int_equal(l->connects, 0);
	assert_int_equal(lone_call(l), BGP_ACCEPTED);
	lone_put_open(l, THEIRS, 2);
	lone_put_hex(l, THEIRS, LONE_KEEPALIVE);
	assert_int_equal(state_of(l), BGP_ESTABLISHED);
	bgp_conn_down(lone_conn(l, THEIRS), "connection closed by peer", l->now);
	lone_wait(l, 600000);
	assert_int_equal(l->connects, 0);
	assert_int_equal(state_of(l), BGP_ACTIVE);
	lone_free(l);
}

static void open_then_keepalive_make_a_session(void **state)
{
	struct bgp_peer_conf c = lone_conf();
	struct lone *l = lone_new(&c);
	struct bgp_peer_info i;
	struct rd r;

	(void)state;
	bgp_peer_start(l->peer, l->now);
	lone_connected(l);
	assert_int_equal(lone_last(l, OURS, &r), BGP_MSG_OPEN);
	assert_int_equal(state_of(l), BGP_OPENSENT);
	lone_put_open(l, OURS, 2);
	assert_int_equal(lone_last(l, OURS, &r), BGP_MSG_KEEPALIVE);
	assert_int_equal(state_of(l), BGP_OPENCONFIRM);
	assert_int_equal(l->ups, 0);
	lone_put_hex(l, OURS, LONE_KEEPALIVE);
	assert_int_equal(l->ups, 1);
	bgp_peer_info(l->peer, &i);
	assert_int_equal(i.state, BGP_ESTABLISHED);
	assert_int_equal(i.hold_time, 90);
	assert_int_equal(i.families, 0x3f);
	assert_true(i.asn4 && i.route_refresh);
	assert_int_equal(i.since, l->now);
	assert_int_equal(i.messages_in, 2);
	assert_int_equal(i.messages_out, 2);
	assert_string_equal(i.last_down, "");
	assert_memory_equal(i.remote_id, "\xc0\x00\x02\x02", 4);
	lone_free(l);
}

static void octets_may_come_one_by_one(void **state)
{
	struct bgp_peer_conf c = lone_conf();
	struct lone *l = lone_new(&c);
	uint8_t buf[BGP_MESSAGE_MAX];
	size_t len = lone_open(buf, 65002, 90, 2);

	(void)state;
	len += hex_octets(LONE_KEEPALIVE LONE_MARKER "0017 02 0000 0000", buf + len,
			  sizeof(buf) - len);
	bgp_peer_start(l->peer, l->now);
	lone_connected(l);
	for (size_t i = 0; i < len; i++)
		lone_put(l, OURS, buf + i, 1);
	assert_int_equal(l->ups, 1);
	assert_int_equal(l->ends, 1);
	lone_free(l);
}

/* ---- Faults --------------------------------------------------------------------------------- */

enum stage {
	OPENSENT,
	OPENCONFIRM,
	ESTABLISHED
};

#define KEEPALIVE LONE_KEEPALIVE
#define END       LONE_MARKER "0017 02 0000 0000"
#define REFRESH   LONE_MARKER "0017 05 0001 00 85"

/* clang-format off */
static const struct {
	enum stage stage;
	const char *hex;
	uint8_t code, subcode;
	const char *data;
} answers[] = {
	{ OPENSENT,    "00",                                          1, 1, "" },
	{ ESTABLISHED, LONE_MARKER "0012 04",                         1, 2, "0012" },
	{ ESTABLISHED, LONE_MARKER "1001 02",                         1, 2, "1001" },
	{ OPENCONFIRM, LONE_MARKER "0014 04 00",                      1, 2, "0014" },
	{ ESTABLISHED, LONE_MARKER "0013 07",                         1, 3, "07" },
	{ OPENSENT,    LONE_MARKER "001d 01 03 fdea 005a c0000202 00", 2, 1, "0004" },
	{ OPENSENT,    LONE_MARKER "001d 01 04 fdeb 005a c0000202 00", 2, 2, "" },
	{ OPENSENT,    LONE_MARKER "001d 01 04 0000 005a c0000202 00", 2, 2, "" },
	{ OPENSENT,    LONE_MARKER "001d 01 04 fdea 005a 00000000 00", 2, 3, "" },
	{ OPENSENT,    LONE_MARKER "001f 01 04 fdea 005a c0000202 02 0700", 2, 4, "" },
	{ OPENSENT,    LONE_MARKER "001d 01 04 fdea 0001 c0000202 00", 2, 6, "" },
	{ OPENSENT,    LONE_MARKER "001d 01 04 fdea 0002 c0000202 00", 2, 6, "" },
	{ OPENSENT,    LONE_MARKER "0025 01 04 fdea 005a c0000202 08 02 06 0104 00190041", 2, 7,
		       "010400010001 010400020001 010400010085 010400020085 010400010086 010400020086" },
	{ OPENSENT,    KEEPALIVE,                                     5, 1, "" },
	{ OPENSENT,    END,                                           5, 1, "" },
	{ OPENSENT,    REFRESH,                                       5, 1, "" },
	{ OPENCONFIRM, END,                                           5, 2, "" },
	{ OPENCONFIRM, REFRESH,                                       5, 2, "" },
	{ OPENCONFIRM, LONE_MARKER "001d 01 04 fdea 005a c0000202 00", 5, 2, "" },
	{ ESTABLISHED, LONE_MARKER "001d 01 04 fdea 005a c0000202 00", 5, 3, "" },
	{ ESTABLISHED, LONE_MARKER "0017 02 0001 0000",               3, 1, "" },
	{ ESTABLISHED, LONE_MARKER "001b 02 0000 0004 40630100",      3, 2, "40630100" },
	{ ESTABLISHED, LONE_MARKER "001c 02 0000 0005 800f020001",    3, 9, "800f020001" },
	{ ESTABLISHED, LONE_MARKER "0019 02 0002 2100 0000",          3, 10, "" },
	{ ESTABLISHED, LONE_MARKER "0018 05 0001008500",              7, 1, LONE_MARKER "0018050001008500" },
};
/* clang-format on */

static struct lone *at_stage(enum stage stage)
{
	struct bgp_peer_conf c = lone_conf();
	struct lone *l = lone_new(&c);

	bgp_peer_start(l->peer, l->now);
	lone_connected(l);
	if (stage >= OPENCONFIRM)
		lone_put_open(l, OURS, 2);
	if (stage == ESTABLISHED)
		lone_put_hex(l, OURS, KEEPALIVE);
	return l;
}

static void each_fault_has_its_notification(void **state)
{
	uint8_t want[BGP_MESSAGE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct lone *l = at_stage(answers[i].stage);
		size_t len = hex_octets(answers[i].data, want, sizeof(want));
		struct rd r;

		lone_put_hex(l, OURS, answers[i].hex);
		assert_int_equal(lone_last(l, OURS, &r), BGP_MSG_NOTIFICATION);
		if (rd_left(&r) != len + 2 || r.pos[0] != answers[i].code ||
		    r.pos[1] != answers[i].subcode || memcmp(r.pos + 2, want, len) != 0)
			fail_msg("%s: %u/%u", answers[i].hex, r.pos[0], r.pos[1]);
		assert_false(l->socks[OURS].open);
		assert_int_equal(l->downs, l->ups);
		/* The first end of a session holds nobody off. */
		assert_int_equal(state_of(l),
				 answers[i].stage == ESTABLISHED ? BGP_ACTIVE : BGP_IDLE);
		lone_free(l);
	}
}

static void a_wrong_as_is_told_to_people(void **state)
{
	struct lone *l = at_stage(OPENSENT);
	struct bgp_peer_info i;

	(void)state;
	lone_put_hex(l, OURS, LONE_MARKER "001d 01 04 fdeb 005a c0000202 00");
	bgp_peer_info(l->peer, &i);
	assert_string_equal(
		i.last_down,
		"sent NOTIFICATION OPEN message error/bad peer AS: it is AS 65003, not 65002");
	lone_free(l);
}

static void the_reason_of_the_other_end_is_kept(void **state)
{
	struct lone *l = at_stage(ESTABLISHED);
	struct bgp_peer_info i;

	(void)state;
	lone_put_hex(l, OURS, LONE_MARKER "0018 03 0602 02 6869");
	assert_int_equal(l->downs, 1);
	bgp_peer_info(l->peer, &i);
	assert_string_equal(i.last_down, "received NOTIFICATION cease/administrative shutdown: hi");
	assert_string_equal(l->down_why, i.last_down);
	assert_int_equal(i.since, l->now);
	lone_free(l);
}

#define BAD_FLOW                                                                                   \
	LONE_MARKER "002e 02 0000 0017 40010100 400206 0201 0000fdea 800e07 0001 85 00 00 01 03"

static void a_malformed_rule_withdraws_and_the_session_stays(void **state)
{
	struct lone *l = at_stage(ESTABLISHED);
	struct bgp_peer_info i;

	(void)state;
	lone_put_hex(l, OURS,
		     LONE_MARKER "0032 02 0000 001b 40010100 400206 0201 0000fdea"
				 "800e0b 0001 85 00 00 01 03 03 038106");
	assert_int_equal(state_of(l), BGP_ESTABLISHED);
	assert_int_equal(l->routes, 0);
	assert_int_equal(l->withdrawn, 1);
	assert_non_null(strstr(l->event, "taken for withdrawn"));
	bgp_peer_info(l->peer, &i);
	assert_int_equal(i.updates_malformed, 1);
	lone_free(l);
}

static void lines_about_malformed_input_are_limited(void **state)
{
	struct lone *l = at_stage(ESTABLISHED);

	(void)state;
	l->events = 0;
	for (unsigned i = 0; i < 1000; i++)
		lone_put_hex(l, OURS, BAD_FLOW);
	assert_int_equal(l->events, BGP_EVENT_BURST);
	assert_int_equal(l->peer->malformed, 1000);
	lone_wait(l, 5000);
	for (unsigned i = 0; i < 1000; i++)
		lone_put_hex(l, OURS, BAD_FLOW);
	assert_in_range(l->events, BGP_EVENT_BURST + 5, BGP_EVENT_BURST + 7);
	lone_free(l);
}

static void a_handler_may_end_the_session_inside_an_update(void **state)
{
	struct lone *l = at_stage(ESTABLISHED);

	(void)state;
	l->remove_in_route = true;
	lone_put_hex(l, OURS, LONE_MARKER "001b 02 0004 08 0a 08 0b 0000");
	assert_int_equal(l->withdrawn, 1);
	assert_int_equal(l->downs, 1);
	notified(l, OURS, BGP_CEASE, BGP_CEASE_REMOVED);
	lone_free(l);
}

/* An UPDATE that ends early, its header saying so: alive, or one NOTIFICATION and closed. */
static void an_update_cut_anywhere_ends_in_one_answer(void **state)
{
	static const char whole[] =
		LONE_MARKER "0052 02 0002 08 0a 0034 40010100 400206 0201 0000fdea 400304 c0000202"
			    "c01008 8006000000000000 800e0d 0001 85 04 c0000201 00 03 038106"
			    "18 cb0071";
	uint8_t buf[256];
	size_t len = hex_octets(whole, buf, sizeof(buf));

	(void)state;
	for (size_t cut = BGP_HEADER; cut <= len; cut++) {
		struct lone *l = at_stage(ESTABLISHED);
		struct rd r;

		buf[17] = (uint8_t)cut;
		lone_put(l, OURS, buf, cut);
		assert_int_equal(lone_last(l, OURS, &r) == BGP_MSG_NOTIFICATION,
				 !l->socks[OURS].open);
		assert_int_equal(state_of(l) == BGP_ESTABLISHED, l->socks[OURS].open);
		lone_free(l);
	}
	buf[17] = (uint8_t)len;
	for (size_t cut = 0; cut < len; cut++) {
		struct lone *l = at_stage(ESTABLISHED);

		lone_put(l, OURS, buf, cut);
		bgp_conn_down(lone_conn(l, OURS), "connection closed by peer", l->now);
		assert_int_equal(l->routes + l->withdrawn, 0);
		assert_int_equal(l->downs, 1);
		assert_string_equal(l->down_why, "connection closed by peer");
		lone_free(l);
	}
}

/* ---- Timers ------------------------------------------------------------------------------------
 */

static void silence_ends_the_session_when_the_hold_time_is_over(void **state)
{
	struct lone *l = at_stage(ESTABLISHED);

	(void)state;
	lone_wait(l, 89000);
	assert_int_equal(state_of(l), BGP_ESTABLISHED);
	lone_wait(l, 1000);
	assert_int_equal(l->downs, 1);
	notified(l, OURS, BGP_HOLD_EXPIRED, 0);
	assert_string_equal(l->down_why, "hold timer expired");
	lone_free(l);
}

static void keepalives_go_three_times_within_the_hold_time(void **state)
{
	struct lone *l = at_stage(ESTABLISHED);
	size_t before = l->socks[OURS].len;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		lone_wait(l, 30000);
		lone_put_hex(l, OURS, KEEPALIVE);
	}
	/* each 22.5 to 30 seconds */
	assert_in_range((l->socks[OURS].len - before) / 19, 100, 134);
	assert_int_equal(state_of(l), BGP_ESTABLISHED);
	lone_free(l);
}

static void the_smaller_hold_time_counts(void **state)
{
	struct bgp_peer_conf c = lone_conf();
	struct lone *l = lone_new(&c);
	uint8_t buf[BGP_MESSAGE_MAX];

	(void)state;
	bgp_peer_start(l->peer, l->now);
	lone_connected(l);
	lone_put(l, OURS, buf, lone_open(buf, 65002, 9, 2));
	lone_put_hex(l, OURS, KEEPALIVE);
	lone_wait(l, 9000);
	assert_int_equal(l->downs, 1);
	lone_free(l);
}

static void a_hold_time_of_zero_means_no_timers(void **state)
{
	struct bgp_peer_conf c = lone_conf();
	struct lone *l = lone_new(&c);
	uint8_t buf[BGP_MESSAGE_MAX];

	(void)state;
	bgp_peer_start(l->peer, l->now);
	lone_connected(l);
	lone_put(l, OURS, buf, lone_open(buf, 65002, 0, 2));
	lone_put_hex(l, OURS, KEEPALIVE);
	size_t before = l->socks[OURS].len;
	lone_wait(l, 86400000);
	assert_int_equal(state_of(l), BGP_ESTABLISHED);
	assert_int_equal(l->socks[OURS].len, before);
	assert_int_equal(bgp_peer_due(l->peer), 0);
	lone_free(l);
}

static void an_open_has_four_minutes(void **state)
{
	struct lone *l = at_stage(OPENSENT);

	(void)state;
	lone_wait(l, 239000);
	assert_int_equal(state_of(l), BGP_OPENSENT);
	lone_wait(l, 1000);
	notified(l, OURS, BGP_HOLD_EXPIRED, 0);
	lone_free(l);
}

/* How long after a failure we connect again. */
static msec pause_after_failure(struct lone *l)
{
	msec from = l->now;
	unsigned connects = l->connects;

	lone_put_hex(l, OURS, "00");
	assert_int_equal(state_of(l), BGP_IDLE);
	while (l->connects == connects)
		lone_wait(l, 50);
	return l->now - from;
}

static void failures_make_it_wait_longer_up_to_a_minute(void **state)
{
	static const msec most[] = { 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000 };
	struct lone *l = at_stage(OPENSENT);

	(void)state;
	for (size_t i = 0; i < sizeof(most) / sizeof(most[0]); i++) {
		assert_in_range(pause_after_failure(l), most[i] * 3 / 4, most[i] + 50);
		lone_connected(l);
	}
	/* A session that held clears it: then only connecting takes its time. */
	lone_put_open(l, OURS, 2);
	lone_put_hex(l, OURS, KEEPALIVE);
	lone_wait(l, 60000);
	lone_put_hex(l, OURS, "00");
	assert_int_equal(state_of(l), BGP_ACTIVE);
	unsigned connects = l->connects;
	lone_wait(l, 1000);
	assert_int_equal(l->connects, connects + 1);
	lone_free(l);
}

static struct lone *passive_one(void)
{
	struct bgp_peer_conf c = lone_conf();

	c.passive = true;
	struct lone *l = lone_new(&c);
	bgp_peer_start(l->peer, l->now);
	return l;
}

/* The neighbor opens a session, when we let it. */
static bool comes_back(struct lone *l)
{
	if (lone_call(l) != BGP_ACCEPTED)
		return false;
	lone_put_open(l, THEIRS, 2);
	lone_put_hex(l, THEIRS, KEEPALIVE);
	assert_int_equal(state_of(l), BGP_ESTABLISHED);
	return true;
}

static void a_neighbor_that_restarts_is_let_in_at_once(void **state)
{
	static const char *const goodbyes[] = { LONE_MARKER "0015 03 0602", NULL };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct lone *l = passive_one();

		for (unsigned n = 0; n < 5; n++) {
			assert_true(comes_back(l));
			lone_wait(l, 11000);
			if (goodbyes[i] != NULL)
				lone_put_hex(l, THEIRS, goodbyes[i]);
			else
				bgp_conn_down(lone_conn(l, THEIRS), "connection closed by peer",
					      l->now);
			assert_int_equal(state_of(l), BGP_ACTIVE);
		}
		lone_free(l);
	}
}

static void a_cease_keeps_it_out_for_half_a_second_at_most(void **state)
{
	struct lone *l = passive_one();

	(void)state;
	for (unsigned n = 0; n < 20; n++) {
		assert_true(comes_back(l));
		lone_put_hex(l, THEIRS, LONE_MARKER "0015 03 0602");
		lone_wait(l, 500);
	}
	lone_free(l);
}

static void one_that_flaps_all_the_time_gets_in_twice_a_second_at_most(void **state)
{
	struct lone *l = passive_one();
	msec until = l->now + 10000;
	unsigned sessions = 0;

	(void)state;
	for (; l->now < until; lone_wait(l, 10)) {
		if (!comes_back(l))
			continue;
		sessions++;
		lone_put_hex(l, THEIRS, LONE_MARKER "0015 03 0604");
	}
	assert_in_range(sessions, 20, 28);
	/* Without a word of leave it is a fault, and held off longer and longer. */
	lone_free(l);
	l = passive_one();
	until = l->now + 10000;
	for (sessions = 0; l->now < until; lone_wait(l, 10)) {
		if (!comes_back(l))
			continue;
		sessions++;
		bgp_conn_down(lone_conn(l, THEIRS), "connection closed by peer", l->now);
	}
	assert_in_range(sessions, 4, 5);
	lone_free(l);
}

static void enabling_skips_the_wait(void **state)
{
	struct lone *l = at_stage(OPENSENT);

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		pause_after_failure(l);
		lone_connected(l);
	}
	lone_put_hex(l, OURS, "00");
	unsigned connects = l->connects;
	bgp_peer_enable(l->peer, l->now);
	assert_int_equal(l->connects, connects + 1);
	lone_free(l);
}

/* ---- Collisions, RFC 4271 6.8
 * --------------------------------------------------------------------- */

/* Both connections up to OPENSENT. */
static struct lone *both_open(void)
{
	struct bgp_peer_conf c = lone_conf();
	struct lone *l = lone_new(&c);

	bgp_peer_start(l->peer, l->now);
	assert_int_equal(lone_call(l), BGP_ACCEPTED);
	lone_connected(l);
	return l;
}

static void collide(unsigned first, uint8_t id, unsigned stays)
{
	struct lone *l = both_open();
	unsigned second = first == OURS ? THEIRS : OURS, goes = stays == OURS ? THEIRS : OURS;

	lone_put_open(l, first, id);
	assert_true(l->socks[OURS].open && l->socks[THEIRS].open);
	lone_put_open(l, second, id);
	notified(l, goes, BGP_CEASE, BGP_CEASE_COLLISION);
	assert_true(l->socks[stays].open);
	lone_put_hex(l, stays, KEEPALIVE);
	assert_int_equal(l->ups, 1);
	lone_wait(l, 5000);
	assert_int_equal(l->downs, 0);
	assert_int_equal(l->connects, 1);
	lone_free(l);
}

static void the_higher_identifier_keeps_what_it_opened(void **state)
{
	(void)state;
	collide(OURS, 2, THEIRS); /* we are .1 */
	collide(THEIRS, 2, THEIRS);
	collide(OURS, 0, OURS);
	collide(THEIRS, 0, OURS);
}

static void with_equal_identifiers_the_higher_as_keeps_what_it_opened(void **state)
{
	(void)state;
	collide(OURS, 1, THEIRS); /* we are 65001 */
	collide(THEIRS, 1, THEIRS);
}

static void a_second_connection_to_a_session_is_refused(void **state)
{
	struct lone *l = at_stage(ESTABLISHED);

	(void)state;
	assert_int_equal(lone_call(l), BGP_COLLIDES);
	assert_int_equal(bgp_collision[19], BGP_CEASE);
	assert_int_equal(bgp_collision[20], BGP_CEASE_COLLISION);
	assert_int_equal(state_of(l), BGP_ESTABLISHED);
	lone_free(l);
}

static void an_open_beside_a_session_is_refused(void **state)
{
	struct lone *l = both_open();

	(void)state;
	lone_put_open(l, OURS, 2);
	lone_put_hex(l, OURS, KEEPALIVE);
	assert_true(l->socks[THEIRS].open);
	lone_put_open(l, THEIRS, 2);
	notified(l, THEIRS, BGP_CEASE, BGP_CEASE_COLLISION);
	assert_int_equal(state_of(l), BGP_ESTABLISHED);
	assert_int_equal(l->downs, 0);
	lone_free(l);
}

static void a_neighbor_that_lost_its_connection_may_open_another(void **state)
{
	struct bgp_peer_conf c = lone_conf();

	(void)state;
	c.passive = true;
	struct lone *l = lone_new(&c);
	bgp_peer_start(l->peer, l->now);
	assert_int_equal(lone_call(l), BGP_ACCEPTED);
	l->socks[THIRD].open = true;
	assert_int_equal(bgp_peer_accept(l->peer, &l->socks[THIRD], &c.local, l->now),
			 BGP_ACCEPTED);
	notified(l, THEIRS, BGP_CEASE, BGP_CEASE_COLLISION);
	assert_true(l->socks[THIRD].open);
	assert_int_equal(state_of(l), BGP_OPENSENT);
	/* Once it has spoken on one, a new one is a collision. */
	lone_put_open(l, THEIRS, 2);
	assert_int_equal(state_of(l), BGP_OPENCONFIRM);
	assert_int_equal(bgp_peer_accept(l->peer, &l->socks[THEIRS], &c.local, l->now),
			 BGP_COLLIDES);
	lone_free(l);
}

static void while_idle_connections_are_refused(void **state)
{
	struct lone *l = at_stage(OPENSENT);

	(void)state;
	lone_put_hex(l, OURS, "00");
	assert_int_equal(lone_call(l), BGP_REFUSED);
	lone_wait(l, 1000);
	assert_int_equal(lone_call(l), BGP_ACCEPTED);
	lone_free(l);
}

static void one_that_fails_leaves_the_other_alone(void **state)
{
	struct lone *l = both_open();

	(void)state;
	lone_put_hex(l, OURS, "00");
	notified(l, OURS, BGP_HEADER_ERROR, BGP_HEADER_MARKER);
	assert_int_equal(state_of(l), BGP_OPENSENT);
	lone_put_open(l, THEIRS, 2);
	lone_put_hex(l, THEIRS, KEEPALIVE);
	assert_int_equal(l->ups, 1);
	lone_free(l);
}

/* ---- By hand
 * ------------------------------------------------------------------------------------------ */

static void shut_down_it_stays_idle(void **state)
{
	struct lone *l = at_stage(ESTABLISHED);
	struct bgp_peer_info i;

	(void)state;
	bgp_peer_shut(l->peer, l->now);
	notified(l, OURS, BGP_CEASE, BGP_CEASE_SHUTDOWN);
	lone_wait(l, 600000);
	bgp_peer_info(l->peer, &i);
	assert_true(i.shut);
	assert_int_equal(i.state, BGP_IDLE);
	assert_string_equal(i.last_down, "sent NOTIFICATION cease/administrative shutdown");
	assert_int_equal(lone_call(l), BGP_REFUSED);
	assert_int_equal(l->connects, 1);
	bgp_peer_enable(l->peer, l->now);
	assert_int_equal(l->connects, 2);
	lone_free(l);
}

static void new_parameters_need_a_new_session(void **state)
{
	struct lone *l = at_stage(ESTABLISHED);
	struct bgp_peer_conf c = lone_conf();

	(void)state;
	snprintf(c.description, sizeof(c.description), "only words");
	assert_false(bgp_peer_change(l->peer, &c, l->now));
	assert_int_equal(state_of(l), BGP_ESTABLISHED);
	assert_string_equal(l->peer->conf.description, "only words");
	c.hold_time = 30;
	assert_true(bgp_peer_change(l->peer, &c, l->now));
	notified(l, OURS, BGP_CEASE, BGP_CEASE_CHANGED);
	lone_wait(l, 1000);
	assert_int_equal(l->connects, 2);
	lone_free(l);
}

static void a_refresh_is_asked_for_and_heard(void **state)
{
	struct lone *l = at_stage(ESTABLISHED);
	struct rd r;

	(void)state;
	assert_true(bgp_peer_refresh(l->peer, BGP_IPV4_FLOW, l->now));
	assert_int_equal(lone_last(l, OURS, &r), BGP_MSG_ROUTE_REFRESH);
	assert_int_equal(rd_u32(&r), 0x00010085);
	lone_put_hex(l, OURS, REFRESH);
	assert_int_equal(l->refreshes, 1);
	/* Begin and end of an enhanced refresh, and a family that we do not speak. */
	lone_put_hex(l, OURS,
		     LONE_MARKER "0017 05 0001 01 85" LONE_MARKER "0017 05 0001 02 85" LONE_MARKER
				 "0017 05 0019 00 46");
	assert_int_equal(l->refreshes, 1);
	assert_int_equal(state_of(l), BGP_ESTABLISHED);
	lone_free(l);
}

/* ---- Out of the queue
 * ------------------------------------------------------------------------------------ */

static struct bgp_attrs *plain_attrs(struct lone *l)
{
	static const uint8_t path[] = { 2, 1, 0, 0, 0xfd, 0xe9 };
	struct bgp_attrs d = { .as_path = { path, sizeof(path) },
			       .next_hop_len = 4,
			       .next_hop = { 192, 0, 2, 1 } };

	return bgp_attrs_intern(l->attrs, &d);
}

static void routes_are_packed(void **state)
{
	struct lone *l = at_stage(ESTABLISHED);
	struct bgp_attrs *a = plain_attrs(l);

	(void)state;
	l->send_attrs = a;
	l->to_send = 1000;
	while (bgp_peer_pump(l->peer, l->now))
		;
	assert_int_equal(l->sent, 1000);
	/* 43 octets before the routes, 5 each: 810 in the first message, 190 in the second. */
	assert_int_equal(l->peer->updates_out, 2);
	assert_int_equal(a->refs, 1);
	bgp_attrs_unref(l->attrs, a);
	lone_free(l);
}

static void what_does_not_fit_is_withdrawn_instead(void **state)
{
	static const uint8_t many[4080];
	struct lone *l = at_stage(ESTABLISHED);
	struct bgp_attrs d = { .next_hop_len = 4,
			       .next_hop = { 192, 0, 2, 1 },
			       .communities = { many, sizeof(many) } };
	struct bgp_attrs *a = bgp_attrs_intern(l->attrs, &d);
	struct rd r;

	(void)state;
	l->send_attrs = a;
	l->to_send = 2;
	while (bgp_peer_pump(l->peer, l->now))
		;
	assert_int_equal(l->peer->unsent, 2);
	assert_int_equal(lone_last(l, OURS, &r), BGP_MSG_UPDATE);
	assert_int_equal(rd_u16(&r), 5); /* octets of routes withdrawn */
	assert_int_equal(rd_u8(&r), 32);
	assert_int_equal(rd_u32(&r), 0x0a000001);
	assert_int_equal(rd_u16(&r), 0);
	assert_int_equal(rd_left(&r), 0);
	assert_int_equal(a->refs, 1);
	bgp_attrs_unref(l->attrs, a);
	lone_free(l);
}

static void who_does_not_read_gets_no_more_than_the_queue_holds(void **state)
{
	struct lone *l = at_stage(ESTABLISHED);
	struct bgp_attrs *a = plain_attrs(l);
	struct bgp_peer_info i;

	(void)state;
	l->send_attrs = a;
	l->to_send = 1000000;
	l->room = 0;
	while (bgp_peer_pump(l->peer, l->now))
		;
	bgp_peer_info(l->peer, &i);
	assert_in_range(i.out_queue, 50000, BGP_OUT_QUEUE_MAX);
	assert_in_range(l->sent, 10000, 14000);
	/* It still says that it lives, and is let go when twice the hold time went by. */
	for (unsigned n = 0; n < 17; n++) {
		lone_wait(l, 10000);
		lone_put_hex(l, OURS, KEEPALIVE);
		bgp_peer_pump(l->peer, l->now);
	}
	assert_int_equal(state_of(l), BGP_ESTABLISHED);
	lone_wait(l, 11000);
	assert_int_equal(l->downs, 1);
	assert_string_equal(l->down_why, "send hold timer expired");
	bgp_attrs_unref(l->attrs, a);
	lone_free(l);
}

static void slow_reading_is_no_fault(void **state)
{
	struct lone *l = at_stage(ESTABLISHED);
	struct bgp_attrs *a = plain_attrs(l);
	struct rd r;

	(void)state;
	l->send_attrs = a;
	l->to_send = 30000;
	l->room = 0;
	bgp_peer_pump(l->peer, l->now);
	for (unsigned n = 0; n < 100000 && (l->sent < l->to_send || l->peer->active.out_len > 0);
	     n++) {
		l->room = 1 + n % 700;
		bgp_conn_writable(&l->peer->active, l->now);
		bgp_peer_pump(l->peer, l->now);
		if (n % 50 == 0) {
			lone_wait(l, 10000);
			lone_put_hex(l, OURS, KEEPALIVE);
		}
	}
	assert_int_equal(l->sent, 30000);
	assert_int_equal(state_of(l), BGP_ESTABLISHED);
	assert_int_equal(lone_last(l, OURS, &r) != 0, 1); /* walks all that was sent */
	bgp_attrs_unref(l->attrs, a);
	lone_free(l);
}

static void a_notification_overtakes_what_has_not_begun(void **state)
{
	struct lone *l = at_stage(ESTABLISHED);
	struct bgp_attrs *a = plain_attrs(l);

	(void)state;
	l->send_attrs = a;
	l->to_send = 5000;
	l->room = 100; /* in the midst of the first message */
	bgp_peer_pump(l->peer, l->now);
	size_t before = l->socks[OURS].len;
	l->room = SIZE_MAX;
	bgp_peer_shut(l->peer, l->now);
	notified(l, OURS, BGP_CEASE, BGP_CEASE_SHUTDOWN);
	assert_true(l->socks[OURS].len - before < BGP_MESSAGE_MAX + 21);
	bgp_attrs_unref(l->attrs, a);
	lone_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_connects_at_once_and_again_soon),
		cmocka_unit_test(a_connection_that_hangs_is_tried_anew),
		cmocka_unit_test(without_a_route_it_waits_and_tries_again),
		cmocka_unit_test(a_passive_neighbor_never_connects),
		cmocka_unit_test(open_then_keepalive_make_a_session),
		cmocka_unit_test(octets_may_come_one_by_one),
		cmocka_unit_test(each_fault_has_its_notification),
		cmocka_unit_test(a_wrong_as_is_told_to_people),
		cmocka_unit_test(the_reason_of_the_other_end_is_kept),
		cmocka_unit_test(a_malformed_rule_withdraws_and_the_session_stays),
		cmocka_unit_test(lines_about_malformed_input_are_limited),
		cmocka_unit_test(a_handler_may_end_the_session_inside_an_update),
		cmocka_unit_test(an_update_cut_anywhere_ends_in_one_answer),
		cmocka_unit_test(silence_ends_the_session_when_the_hold_time_is_over),
		cmocka_unit_test(keepalives_go_three_times_within_the_hold_time),
		cmocka_unit_test(the_smaller_hold_time_counts),
		cmocka_unit_test(a_hold_time_of_zero_means_no_timers),
		cmocka_unit_test(an_open_has_four_minutes),
		cmocka_unit_test(failures_make_it_wait_longer_up_to_a_minute),
		cmocka_unit_test(a_neighbor_that_restarts_is_let_in_at_once),
		cmocka_unit_test(a_cease_keeps_it_out_for_half_a_second_at_most),
		cmocka_unit_test(one_that_flaps_all_the_time_gets_in_twice_a_second_at_most),
		cmocka_unit_test(enabling_skips_the_wait),
		cmocka_unit_test(the_higher_identifier_keeps_what_it_opened),
		cmocka_unit_test(with_equal_identifiers_the_higher_as_keeps_what_it_opened),
		cmocka_unit_test(a_second_connection_to_a_session_is_refused),
		cmocka_unit_test(an_open_beside_a_session_is_refused),
		cmocka_unit_test(a_neighbor_that_lost_its_connection_may_open_another),
		cmocka_unit_test(while_idle_connections_are_refused),
		cmocka_unit_test(one_that_fails_leaves_the_other_alone),
		cmocka_unit_test(shut_down_it_stays_idle),
		cmocka_unit_test(new_parameters_need_a_new_session),
		cmocka_unit_test(a_refresh_is_asked_for_and_heard),
		cmocka_unit_test(routes_are_packed),
		cmocka_unit_test(what_does_not_fit_is_withdrawn_instead),
		cmocka_unit_test(who_does_not_read_gets_no_more_than_the_queue_holds),
		cmocka_unit_test(slow_reading_is_no_fault),
		cmocka_unit_test(a_notification_overtakes_what_has_not_begun),
	};

	return cmocka_run_group_tests_name("bgp_peer", tests, NULL, NULL);
}
