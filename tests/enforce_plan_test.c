/* SPDX-License-Identifier: ISC */
/* From rules to the maps: what is planned, and what is refused with which reason. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "enforce/plan.h"
#include "enforce/ruleset.h"

static void refused(const struct flow_actions *a, const char *reason)
{
	struct plan_then t = { .kind = 77 };
	struct err e = { 0 };

	assert_false(plan_then_make(&plan_able_xdp, FLOW_IPV4, a, &t, &e));
	assert_string_equal(e.text, reason);
	assert_int_equal(t.kind, 77);
}

static void test_refuses_what_it_cannot_do(void **state)
{
	(void)state;
	refused(&(struct flow_actions){ .redirect = FLOW_REDIRECT_RT },
		"no VRF here imports the route target of the redirect");
}

static void test_a_discard_with_something_else_is_refused_too(void **state)
{
	(void)state;
	refused(&(struct flow_actions){ .has_rate_bytes = true, .redirect = FLOW_REDIRECT_RT },
		"no VRF here imports the route target of the redirect");
}

static void test_refuses_rates_that_are_no_numbers(void **state)
{
	(void)state;
	refused(&(struct flow_actions){ .has_rate_bytes = true, .rate_bytes = NAN },
		"the rate is not a number");
	refused(&(struct flow_actions){ .has_rate_packets = true, .rate_packets = NAN },
		"the rate is not a number");
	refused(&(struct flow_actions){ .has_rate_bytes = true, .rate_bytes = INFINITY },
		"the rate is infinite");
	refused(&(struct flow_actions){ .has_rate_packets = true, .rate_packets = -INFINITY },
		"the rate is infinite");
}

static void test_refuses_rates_that_take_an_hour_a_packet(void **state)
{
	struct plan_then t;

	(void)state;
	refused(&(struct flow_actions){ .has_rate_packets = true, .rate_packets = 2e-4f },
		"the rate is below one in 4096 seconds");
	assert_true(plan_then_make(
		&plan_able_xdp, FLOW_IPV4,
		&(struct flow_actions){ .has_rate_bytes = true, .rate_bytes = 1.0f / 4096 }, &t,
		NULL));
}

static struct plan_then made(const struct flow_actions *a)
{
	struct plan_then t;
	struct err e = { 0 };

	if (!plan_then_make(&plan_able_xdp, FLOW_IPV4, a, &t, &e))
		fail_msg("%s", e.text);
	return t;
}

static void test_no_action_is_accept(void **state)
{
	(void)state;
	assert_int_equal(made(&(struct flow_actions){ .unknown = 3 }).kind, XDP_THEN_ACCEPT);
}

static void test_rate_zero_is_discard(void **state)
{
	(void)state;
	assert_int_equal(made(&(struct flow_actions){ .has_rate_bytes = true }).kind,
			 XDP_THEN_DISCARD);
	assert_int_equal(made(&(struct flow_actions){ .has_rate_packets = true,
						      .has_rate_bytes = true,
						      .rate_bytes = 1000 })
				 .kind,
			 XDP_THEN_DISCARD);
}

static void test_both_rates_are_kept(void **state)
{
	struct plan_then t = made(&(struct flow_actions){ .has_rate_bytes = true,
							  .rate_bytes = 9600,
							  .has_rate_packets = true,
							  .rate_packets = 10 });

	(void)state;
	assert_int_equal(t.kind, XDP_THEN_RATE);
	assert_true(t.rate[XDP_UNIT_OCTETS] == 9600.0f && t.rate[XDP_UNIT_PACKETS] == 10.0f);
}

static struct addr address(const char *text)
{
	struct addr a;

	assert_true(addr_parse(text, strlen(text), &a));
	return a;
}

static void test_redirects_go_to_their_address(void **state)
{
	struct flow_actions a = { .redirect = FLOW_REDIRECT_IP,
				  .redirect_to = address("192.0.2.1") };
	struct plan_then t = made(&a);
	struct err e = { 0 };

	(void)state;
	assert_int_equal(t.kind, XDP_THEN_ACCEPT);
	assert_int_equal(t.send, XDP_SEND_ADDRESS);
	assert_true(addr_equal(&t.to, &a.redirect_to));
	a.copy = true;
	assert_int_equal(made(&a).send, XDP_SEND_COPY);
	assert_false(plan_then_make(&plan_able_xdp, FLOW_IPV6, &a, &t, &e));
	assert_string_equal(e.text, "IPv6 packets cannot be redirected to an IPv4 address");
	a.redirect_to = address("2001:db8::1");
	assert_true(plan_then_make(&plan_able_xdp, FLOW_IPV6, &a, &t, &e));
	a.has_rate_bytes = true;
	t = made(&a);
	assert_int_equal(t.kind, XDP_THEN_DISCARD);
	assert_int_equal(t.send, XDP_SEND_NOWHERE);
}

/* The first that imports the target and has a place. */
static void test_redirects_go_to_their_vrf(void **state)
{
	static const struct flow_target both = { 8, { 0, 2, 0xfd, 0xe8, 0, 0, 0, 9 } };
	static const struct flow_target second[] = {
		{ 8, { 1, 2, 192, 0, 2, 1, 0, 9 } },
		{ 20, { 0, 2, 0x20, 0x01, 0x0d, 0xb8, [17] = 1, [19] = 9 } },
	};
	static const struct flow_target of_second[] = { { 8, { 1, 2, 192, 0, 2, 1, 0, 9 } },
							{ 8, { 0, 2, 0xfd, 0xe8, 0, 0, 0, 9 } } };
	const struct plan_vrf vrfs[] = {
		{ .name = "idle", .import_count = 1, .imports = &both, .place = -1 },
		{ .name = "red", .import_count = 2, .imports = of_second, .place = 5 },
		{ .name = "blue", .import_count = 2, .imports = second, .place = 6 },
	};
	struct plan_able able = { .vrf_count = 3, .vrfs = vrfs };
	struct flow_actions a = { .redirect = FLOW_REDIRECT_RT, .route_target_len = 8 };
	struct plan_then t;
	struct err e = { 0 };

	(void)state;
	memcpy(a.route_target, (uint8_t[]){ 0x80, 8, 0xfd, 0xe8, 0, 0, 0, 9 }, 8);
	assert_true(plan_then_make(&able, FLOW_IPV6, &a, &t, &e));
	assert_int_equal(t.send, XDP_SEND_PLACE);
	assert_int_equal(t.place, 5);
	able.vrf_count = 1;
	assert_false(plan_then_make(&able, FLOW_IPV4, &a, &t, &e));
	assert_string_equal(e.text, "VRF idle has neither table nor interface for a redirect");
	able.vrf_count = 3;
	memcpy(a.route_target, (uint8_t[]){ 0x81, 8, 192, 0, 2, 1, 0, 9 }, 8);
	assert_true(plan_then_make(&able, FLOW_IPV4, &a, &t, &e));
	assert_int_equal(t.place, 5);
	a.route_target[0] = 0x80; /* the same octets of another form */
	assert_false(plan_then_make(&able, FLOW_IPV4, &a, &t, &e));
	a.route_target_len = 20; /* RFC 8956 6.1 */
	memcpy(a.route_target, (uint8_t[20]){ 0, 13, 0x20, 0x01, 0x0d, 0xb8, [17] = 1, [19] = 9 },
	       20);
	assert_true(plan_then_make(&able, FLOW_IPV6, &a, &t, &e));
	assert_int_equal(t.place, 6);
	a.route_target[19] = 8;
	assert_false(plan_then_make(&able, FLOW_IPV6, &a, &t, &e));
}

static void test_what_was_written_reads_back_equal(void **state)
{
	const struct plan_then all[] = {
		{ .kind = XDP_THEN_ACCEPT },
		{ .kind = XDP_THEN_DISCARD },
		{ .kind = XDP_THEN_RATE, .rate = { 9600, 0 } },
		{ .kind = XDP_THEN_RATE, .rate = { 0, 0.25f } },
		{ .kind = XDP_THEN_RATE, .rate = { 1e-40f, 3e38f } },
		{ .kind = XDP_THEN_RATE, .rate = { 12.5e9f, 100e6f } },
		{ .kind = XDP_THEN_ACCEPT, .marks = true },
		{ .kind = XDP_THEN_RATE, .rate = { 9600, 0 }, .marks = true, .dscp = 63 },
		{ .kind = XDP_THEN_DISCARD, .more = true },
		{ .kind = XDP_THEN_DISCARD, .groups = 1 },
		{ .kind = XDP_THEN_DISCARD, .sample = true },
		{ .kind = XDP_THEN_RATE, .rate = { 9600, 0 }, .more = true, .groups = 1ULL << 63 },
		{ .kind = XDP_THEN_ACCEPT, .send = XDP_SEND_PLACE, .place = 0 },
		{ .kind = XDP_THEN_ACCEPT, .send = XDP_SEND_PLACE, .place = XDP_PLACES - 1 },
		{ .kind = XDP_THEN_ACCEPT, .send = XDP_SEND_ADDRESS, .to = address("192.0.2.1") },
		{ .kind = XDP_THEN_ACCEPT, .send = XDP_SEND_ADDRESS, .to = address("192.0.2.2") },
		{ .kind = XDP_THEN_ACCEPT, .send = XDP_SEND_COPY, .to = address("192.0.2.1") },
		{ .kind = XDP_THEN_ACCEPT, .send = XDP_SEND_COPY, .to = address("2001:db8::1") },
		{ .kind = XDP_THEN_RATE,
		  .rate = { 9600, 0 },
		  .marks = true,
		  .send = XDP_SEND_ADDRESS,
		  .to = address("c000:201::") },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct xdp_then x;
		struct plan_then back;

		plan_then_write(&all[i], &x);
		plan_then_read(&x, plan_then_verdict(&all[i], 77), &back);
		for (size_t j = 0; j < sizeof(all) / sizeof(all[0]); j++)
			assert_int_equal(plan_then_equal(&all[j], &back), i == j);
	}
}

static void test_later_rules_and_samples_go_with_every_action(void **state)
{
	struct flow_actions a = { .more = true, .sample = true };

	(void)state;
	assert_true(made(&a).kind == XDP_THEN_ACCEPT && made(&a).more && made(&a).sample);
	a.has_rate_bytes = true;
	assert_true(made(&a).kind == XDP_THEN_DISCARD && made(&a).more && made(&a).sample);
	a.rate_bytes = 1000;
	assert_true(made(&a).kind == XDP_THEN_RATE && made(&a).more && made(&a).sample);
}

static void test_mark_goes_with_accept_and_rates(void **state)
{
	struct flow_actions a = { .has_mark = true, .mark = 46 };
	struct plan_then t = made(&a);

	(void)state;
	assert_int_equal(t.kind, XDP_THEN_ACCEPT);
	assert_true(t.marks && t.dscp == 46);
	a.has_rate_packets = true;
	a.rate_packets = 10;
	t = made(&a);
	assert_int_equal(t.kind, XDP_THEN_RATE);
	assert_true(t.marks && t.dscp == 46);
}

/* Or two rules that drop would not share their action. */
static void test_what_is_dropped_is_not_marked(void **state)
{
	(void)state;
	assert_false(
		made(&(struct flow_actions){ .has_rate_bytes = true, .has_mark = true, .mark = 46 })
			.marks);
}

/* Time of the longest packet in a limit's own units; it must fit, whatever the rate. */
static void test_costs_are_the_rates_reciprocal(void **state)
{
	struct xdp_then x;

	(void)state;
	plan_then_write(&(struct plan_then){ .kind = XDP_THEN_RATE, .rate = { 1000, 0 } }, &x);
	assert_int_equal(x.rate[XDP_UNIT_OCTETS].cost >> x.rate[XDP_UNIT_OCTETS].shift, 16000000);
	assert_int_equal(x.rate[XDP_UNIT_PACKETS].cost, 0);
	plan_then_write(&(struct plan_then){ .kind = XDP_THEN_RATE, .rate = { 0, 1e9f } }, &x);
	assert_int_equal(x.rate[XDP_UNIT_PACKETS].cost >> x.rate[XDP_UNIT_PACKETS].shift, 16);
}

static void test_no_cost_overflows(void **state)
{
	(void)state;
	for (float rate = 1e-38f; rate < 1e38f; rate *= 3) {
		struct xdp_then x;

		plan_then_write(
			&(struct plan_then){ .kind = XDP_THEN_RATE, .rate = { rate, rate } }, &x);
		for (int i = 0; i < XDP_UNITS; i++) {
			assert_true(x.rate[i].cost > 0);
			assert_true(x.rate[i].cost < UINT64_MAX / 65575);
			/* Bursts are at least 16 ms: the coarse clock steps by up to 10. */
			assert_true(x.rate[i].burst >= 16 * 16000000ULL);
			assert_true(x.rate[i].burst < UINT64_MAX / 4);
		}
	}
}

static bool planned(const uint8_t *octets, size_t len, enum flow_family family, bool vpn,
		    struct xdp_rule *ret, struct err *e)
{
	struct flow_nlri n = { .family = family, .vpn = vpn, .octets = octets, .len = len };

	assert_true(flow_nlri_check(&n, NULL));
	return plan_rule_make(&n, ret, e);
}

static void test_a_distinguisher_matches_nothing(void **state)
{
	static const uint8_t octets[] = { 0, 0, 0xfd, 0xe8, 0, 0, 0, 1, 1, 8, 10 };
	static struct xdp_rule r, without;
	struct err e = { 0 };

	(void)state;
	assert_true(planned(octets, sizeof(octets), FLOW_IPV4, true, &r, &e));
	assert_true(planned(octets + 8, sizeof(octets) - 8, FLOW_IPV4, false, &without, &e));
	assert_memory_equal(&r, &without, sizeof(r));
}

/* One NLRI for several VRFs, and for none. */
static void test_a_vpn_rule_is_one_for_each_vrf(void **state)
{
	static const uint8_t octets[] = { 0, 0, 0xfd, 0xe8, 0, 0, 0, 1, 1, 8, 10 };
	struct flow_nlri n = { .vpn = true, .octets = octets, .len = sizeof(octets) };
	static const unsigned vrfs[] = { 7, 3, 0, 9 };
	struct rule *of[4];
	struct ruleset rs;

	(void)state;
	ruleset_init(&rs, 9);
	for (int i = 0; i < 4; i++)
		of[i] = ruleset_need_in(&rs, &n, vrfs[i]);
	assert_int_equal(rs.map.count, 4);
	for (int i = 0; i < 4; i++) {
		assert_ptr_equal(ruleset_find_in(&rs, &n, vrfs[i]), of[i]);
		assert_ptr_equal(rule_first(of[i]), of[2]);
		rule_set_then(of[i], &(struct flow_actions){ 0 });
		of[i]->wanted = true;
		assert_int_equal(rule_wanted(of[i]), vrfs[i] != 0);
	}
	assert_string_equal(rule_reason(of[2]), "no VRF here imports its route targets");
	ruleset_remove(&rs, of[2]);
	assert_ptr_equal(rule_first(of[3]), of[1]);
	ruleset_remove(&rs, of[1]);
	assert_ptr_equal(rule_first(of[3]), of[0]);
	assert_null(ruleset_find_in(&rs, &n, 3));
	assert_non_null(ruleset_find_any(&rs, &n));
	ruleset_done(&rs);
}

static void test_refuses_operands_of_reserved_bits_alone(void **state)
{
	static const uint8_t octets[] = { 12, 0x81, 0x40 };
	struct xdp_rule r;
	struct err e = { 0 };

	(void)state;
	assert_false(planned(octets, sizeof(octets), FLOW_IPV4, false, &r, &e));
	assert_true(*e.text != '\0');
}

static void test_refuses_more_ranges_than_a_slot_holds(void **state)
{
	uint8_t octets[1 + 3 * (XDP_SPANS_MAX + 1)] = { 5 };
	struct xdp_rule r;
	struct err e = { 0 };
	size_t len = 1;

	(void)state;
	for (unsigned i = 0; i <= XDP_SPANS_MAX; i++) {
		octets[len++] = (uint8_t)(0x11 | (i == XDP_SPANS_MAX ? 0x80 : 0));
		octets[len++] = (uint8_t)(i * 2 >> 8);
		octets[len++] = (uint8_t)(i * 2);
	}
	assert_false(planned(octets, len, FLOW_IPV4, false, &r, &e));
	assert_string_equal(e.text, "more than 128 ranges of values");
	octets[len - 6] |= 0x80; /* one less */
	assert_true(planned(octets, len - 3, FLOW_IPV4, false, &r, &e));
	assert_int_equal(r.numeric[5].count, XDP_SPANS_MAX);
}

static void test_an_offset_leaves_the_bits_before_it_open(void **state)
{
	/* destination ::12:3400:0:0/20-40: bits 20..39 */
	static const uint8_t octets[] = { 1, 40, 20, 0xab, 0xcd, 0xe0 };
	static const uint8_t mask[16] = { 0, 0, 0x0f, 0xff, 0xff };
	static const uint8_t value[16] = { 0, 0, 0x0a, 0xbc, 0xde };
	struct xdp_rule r;

	(void)state;
	assert_true(planned(octets, sizeof(octets), FLOW_IPV6, false, &r, NULL));
	assert_memory_equal(r.destination.mask, mask, 16);
	assert_memory_equal(r.destination.value, value, 16);
	assert_int_equal(r.source.mask[0] | r.source.mask[1], 0);
}

static void test_rules_are_tried_in_rfc_order(void **state)
{
	static const uint8_t nlri[][6] = {
		{ 1, 8, 10 }, { 1, 24, 10, 0, 1 }, { 1, 16, 10, 0 }, { 3, 0x81, 6 }
	};
	static const size_t len[] = { 3, 5, 4, 3 };
	static const int order[] = { 1, 2, 0, 3 };
	struct ruleset rs;
	struct rule **list, *rules[4];
	size_t count = 0;

	(void)state;
	ruleset_init(&rs, 9);
	for (int i = 0; i < 4; i++) {
		struct flow_nlri n = { .octets = nlri[i], .len = len[i] };

		rules[i] = ruleset_need(&rs, &n);
		assert_ptr_equal(ruleset_need(&rs, &n), rules[i]);
		rule_set_then(rules[i], &(struct flow_actions){ 0 });
		rules[i]->wanted = true;
	}
	list = ruleset_in_order(&rs, &count);
	assert_int_equal(count, 4);
	for (int i = 0; i < 4; i++)
		assert_ptr_equal(list[i], rules[order[i]]);
	free(list);
	/* What cannot be had is as if it were not there. */
	rule_set_then(rules[2],
		      &(struct flow_actions){ .has_rate_bytes = true, .rate_bytes = NAN });
	rules[3]->wanted = false;
	list = ruleset_in_order(&rs, &count);
	assert_int_equal(count, 2);
	free(list);
	assert_string_equal(rule_reason(rules[2]), "the rate is not a number");
	assert_string_equal(rule_reason(rules[1]), "table full");
	ruleset_done(&rs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refuses_what_it_cannot_do),
		cmocka_unit_test(test_a_discard_with_something_else_is_refused_too),
		cmocka_unit_test(test_refuses_rates_that_are_no_numbers),
		cmocka_unit_test(test_refuses_rates_that_take_an_hour_a_packet),
		cmocka_unit_test(test_no_action_is_accept),
		cmocka_unit_test(test_rate_zero_is_discard),
		cmocka_unit_test(test_both_rates_are_kept),
		cmocka_unit_test(test_redirects_go_to_their_address),
		cmocka_unit_test(test_redirects_go_to_their_vrf),
		cmocka_unit_test(test_what_was_written_reads_back_equal),
		cmocka_unit_test(test_later_rules_and_samples_go_with_every_action),
		cmocka_unit_test(test_mark_goes_with_accept_and_rates),
		cmocka_unit_test(test_what_is_dropped_is_not_marked),
		cmocka_unit_test(test_costs_are_the_rates_reciprocal),
		cmocka_unit_test(test_no_cost_overflows),
		cmocka_unit_test(test_a_distinguisher_matches_nothing),
		cmocka_unit_test(test_a_vpn_rule_is_one_for_each_vrf),
		cmocka_unit_test(test_refuses_operands_of_reserved_bits_alone),
		cmocka_unit_test(test_refuses_more_ranges_than_a_slot_holds),
		cmocka_unit_test(test_an_offset_leaves_the_bits_before_it_open),
		cmocka_unit_test(test_rules_are_tried_in_rfc_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
