/* SPDX-License-Identifier: ISC */
/* bgp_fsm_test.c - the whole table of the state machine: RFC 4271 8.2.2 written down once more, the
 * next state of each event in each state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bgp/fsm.h"

enum {
	I = BGP_IDLE,
	C = BGP_CONNECT,
	A = BGP_ACTIVE,
	S = BGP_OPENSENT,
	F = BGP_OPENCONFIRM,
	E = BGP_ESTABLISHED
};

/* clang-format off */
static const struct {
	enum bgp_event event;
	uint8_t next[BGP_STATES]; /* from idle, connect, active, opensent, openconfirm, established */
} expected[BGP_EVENTS] = {
	{ BGP_EV_START,             { C, C, A, S, F, E } },
	{ BGP_EV_START_PASSIVE,     { A, C, A, S, F, E } },
	{ BGP_EV_STOP,              { I, I, I, I, I, I } },
	{ BGP_EV_TCP_UP,            { I, S, S, I, I, I } },
	{ BGP_EV_TCP_DOWN,          { I, A, A, A, I, I } },
	{ BGP_EV_RETRY_EXPIRED,     { I, C, C, I, I, I } },
	{ BGP_EV_HOLD_EXPIRED,      { I, I, I, I, I, I } },
	{ BGP_EV_KEEPALIVE_EXPIRED, { I, I, I, I, F, E } },
	{ BGP_EV_OPEN,              { I, I, I, F, I, I } },
	{ BGP_EV_KEEPALIVE,         { I, I, I, I, E, E } },
	{ BGP_EV_UPDATE,            { I, I, I, I, I, E } },
	{ BGP_EV_REFRESH,           { I, I, I, I, I, E } },
	{ BGP_EV_NOTIFICATION,      { I, I, I, I, I, I } },
	{ BGP_EV_FAULT,             { I, I, I, I, I, I } },
	{ BGP_EV_COLLISION,         { I, I, I, I, I, I } },
};
/* clang-format on */

static void every_event_leads_where_the_rfc_says(void **state)
{
	(void)state;
	for (unsigned e = 0; e < BGP_EVENTS; e++) {
		assert_int_equal(expected[e].event, e);
		for (unsigned s = 0; s < BGP_STATES; s++)
			assert_int_equal(bgp_fsm((enum bgp_state)s, expected[e].event).next,
					 expected[e].next[s]);
	}
}

static void whatever_ends_a_connection_closes_it(void **state)
{
	(void)state;
	for (unsigned s = BGP_CONNECT; s < BGP_STATES; s++)
		for (unsigned e = 0; e < BGP_EVENTS; e++) {
			struct bgp_step step = bgp_fsm((enum bgp_state)s, (enum bgp_event)e);

			if (step.next == BGP_IDLE)
				assert_true((step.todo & BGP_DO_CLOSE) != 0);
		}
}

static void routes_go_exactly_when_established_ends(void **state)
{
	(void)state;
	for (unsigned s = 0; s < BGP_STATES; s++)
		for (unsigned e = 0; e < BGP_EVENTS; e++) {
			struct bgp_step step = bgp_fsm((enum bgp_state)s, (enum bgp_event)e);
			bool leaves = s == BGP_ESTABLISHED && step.next != BGP_ESTABLISHED;
			bool enters = s != BGP_ESTABLISHED && step.next == BGP_ESTABLISHED;

			assert_int_equal((step.todo & BGP_DO_DOWN) != 0, leaves);
			assert_int_equal((step.todo & BGP_DO_UP) != 0, enters);
		}
}

static void what_is_not_expected_is_told_from_opensent_on(void **state)
{
	(void)state;
	assert_true((bgp_fsm(BGP_OPENSENT, BGP_EV_KEEPALIVE).todo & BGP_DO_NOTIFY_FSM) != 0);
	assert_true((bgp_fsm(BGP_OPENSENT, BGP_EV_UPDATE).todo & BGP_DO_NOTIFY_FSM) != 0);
	assert_true((bgp_fsm(BGP_OPENCONFIRM, BGP_EV_UPDATE).todo & BGP_DO_NOTIFY_FSM) != 0);
	assert_true((bgp_fsm(BGP_OPENCONFIRM, BGP_EV_OPEN).todo & BGP_DO_NOTIFY_FSM) != 0);
	assert_true((bgp_fsm(BGP_ESTABLISHED, BGP_EV_OPEN).todo & BGP_DO_NOTIFY_FSM) != 0);
	assert_true((bgp_fsm(BGP_ACTIVE, BGP_EV_OPEN).todo & BGP_DO_NOTIFY_FSM) == 0);
	for (unsigned e = BGP_EV_STOP; e < BGP_EVENTS; e++)
		assert_int_equal(bgp_fsm(BGP_IDLE, (enum bgp_event)e).todo, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_event_leads_where_the_rfc_says),
		cmocka_unit_test(whatever_ends_a_connection_closes_it),
		cmocka_unit_test(routes_go_exactly_when_established_ends),
		cmocka_unit_test(what_is_not_expected_is_told_from_opensent_on),
	};

	return cmocka_run_group_tests_name("bgp_fsm", tests, NULL, NULL);
}
