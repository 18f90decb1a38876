/* SPDX-License-Identifier: ISC */
/* The nftables backend's table: what it refuses, how it fills, who takes it over, and what becomes
 * of it when others touch it.  HEADGATE_RULES says of how many rules a change is timed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flow/flow.h"
#include "nft/nft.h"
#include "nft/nft_dispatch.h"
#include "nft/nft_run.h"
#include "tests/nft_wire.h"
#include "tests/random_run.h"

static void test_refuses_with_a_reason(void **state)
{
	static const struct {
		struct flow_actions a;
		const char *why;
	} rows[] = {
		{ { .has_rate_bytes = true, .rate_bytes = 99.5f }, "whole octets" },
		{ { .has_rate_bytes = true, .rate_bytes = 2e9f }, "more than 1000000000 octets" },
		{ { .has_rate_packets = true, .rate_packets = 3e6f }, "more than 2000000 packets" },
		{ { .has_rate_packets = true,
		    .has_rate_bytes = true,
		    .rate_packets = 1,
		    .rate_bytes = 1000 },
		  "octets and packets at once" },
	};
	struct ruleset rs;

	(void)state;
	ruleset_start(&rs);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rule *r = want(&rs, "destination 192.0.2.1/32;", &rows[i].a);

		assert_false(r->then_ok);
		assert_non_null(strstr(rule_reason(r), rows[i].why));
	}
	ruleset_done(&rs);
}

static struct rule *want_host(struct ruleset *rs, const char *which, unsigned i)
{
	char match[64];

	(void)snprintf(match, sizeof(match), "%s 10.0.%u.%u/32;", which, i >> 8, i & 255);
	return want(rs, match, &(struct flow_actions){ .has_rate_bytes = true });
}

/* A limit of nothing in a week, which no plan makes, stands for what a kernel lacks. */
static void test_rule_that_is_refused_is_in_no_others_way(void **state)
{
	struct ruleset rs;
	struct err e = { 0 };
	struct rule *r[20];
	struct nft *t;

	(void)state;
	ruleset_start(&rs);
	t = open_or_fail(&rs);
	for (unsigned i = 0; i < 20; i++)
		r[i] = want_host(&rs, "destination", i);
	for (unsigned i = 7; i < 19; i += 6)
		r[i]->then = (struct plan_then){ .kind = XDP_THEN_RATE, .rate = { 0, 1e-9F } };
	assert_true(nft_change(t, rs.touched, rs.touched_count, &e));
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(r[i]->slot >= 0, i != 7 && i != 13);
	assert_int_equal(nft_in_force(t), 18);
	ruleset_done(&rs);
	close_all(t);
}

/* Of rules that are tried one after the other there are fewer than of others. */
static void test_full_table_says_so(void **state)
{
	struct ruleset rs;
	struct nft *t;
	struct rule *last = NULL, *other;

	(void)state;
	ruleset_start(&rs);
	t = open_or_fail(&rs);
	for (unsigned i = 0; i <= NFT_TRIED_MAX; i++)
		last = want_host(&rs, "source", i);
	apply(t, &rs);
	assert_int_equal(nft_in_force(t), NFT_TRIED_MAX);
	assert_true(last->slot < 0);
	assert_non_null(strstr(rule_reason(last), "table full"));
	other = want(&rs, "destination 2001:db8::/32;",
		     &(struct flow_actions){ .has_rate_bytes = true });
	apply(t, &rs);
	assert_true(other->slot >= 0);

	/* What leaves makes room for the next change. */
	for (unsigned i = 0; i < 2; i++) {
		struct rule *r = want_host(&rs, "source", i);

		r->wanted = false;
	}
	apply(t, &rs);
	(void)want_host(&rs, "destination", 0);
	ruleset_touch(&rs, last);
	apply(t, &rs);
	assert_int_equal(nft_in_force(t), NFT_TRIED_MAX);
	ruleset_done(&rs);
	close_all(t);
}

enum {
	MANY = 1000
};

/* A change touches what it names: of so many rules one comes, one goes, packets find each. */
static void test_many_destinations(void **state)
{
	struct ruleset rs;
	struct rule *r;
	struct err e = { 0 };
	bool came[2] = { false };
	struct frame f;
	struct nft *t;
	unsigned many = (unsigned)env_number("HEADGATE_RULES", MANY);
	double start = now();

	(void)state;
	ruleset_start(&rs);
	t = open_or_fail(&rs);
	for (unsigned i = 0; i < many; i++)
		(void)want_host(&rs, "destination", i);
	apply(t, &rs);
	assert_int_equal(nft_in_force(t), many);
	printf("# %u rules in %.2f s\n", many, now() - start);
	start = now();
	r = want(&rs, "destination 192.0.2.1/32;",
		 &(struct flow_actions){ .has_rate_bytes = true });
	apply(t, &rs);
	printf("# one more in %.3f s\n", now() - start);
	udp_frame(&f, 0, 100);
	send_frame(&f);
	start = now();
	r->wanted = false;
	ruleset_touch(&rs, r);
	apply(t, &rs);
	printf("# one less in %.3f s\n", now() - start);
	udp_frame(&f, 1, 100);
	send_frame(&f);
	receive_batch(came, 2);
	assert_false(came[0]);
	assert_true(came[1]);
	start = now();
	assert_true(nft_counters(t, &e));
	printf("# counters read in %.3f s\n", now() - start);
	start = now();
	assert_int_equal(differences(t, &rs, true), 0);
	printf("# verified in %.2f s\n", now() - start);
	nft_free(t);
	ruleset_done(&rs);

	start = now();
	ruleset_start(&rs);
	t = open_or_fail(&rs);
	printf("# taken over in %.2f s\n", now() - start);
	assert_int_equal(nft_in_force(t), many);
	r = want_host(&rs, "destination", 1);
	r->wanted = false;
	apply(t, &rs);
	for (uint32_t i = 0; i < 2; i++) {
		udp_frame(&f, i, 100);
		memcpy(f.octets + f.ip + 16, (const uint8_t[]){ 10, 0, 0, (uint8_t)i }, 4);
		send_frame(&f);
	}
	came[1] = false;
	receive_batch(came, 2);
	assert_false(came[0]);
	assert_true(came[1]);
	ruleset_done(&rs);
	close_all(t);
}

/* Rules, counters and the hub's epoch outlive the enforcer; so does one rule of many octets. */
static void test_outlives_the_enforcer(void **state)
{
	char longest[480] = "protocol udp; packet-length ";
	struct ruleset before, after;
	struct frame f;
	struct err e = { 0 };
	bool came[2] = { false };
	struct rule *host, *of_many, *again;
	struct nft *t;
	size_t count;

	(void)state;
	for (int i = 0; i < 50; i++)
		(void)snprintf(longest + strlen(longest), sizeof(longest) - strlen(longest),
			       "%s=%d", i > 0 ? " " : "[ ", 1000 + 3 * i);
	(void)snprintf(longest + strlen(longest), sizeof(longest) - strlen(longest), " ];");
	ruleset_start(&before);
	t = open_or_fail(&before);
	host = want(&before, "destination 192.0.2.1/32;",
		    &(struct flow_actions){ .has_rate_bytes = true });
	of_many = want(&before, longest,
		       &(struct flow_actions){ .has_rate_packets = true,
					       .rate_packets = 0.25f,
					       .has_mark = true,
					       .mark = 0 });
	apply(t, &before);
	nft_epoch_set(t, "a \"hub\" of the past");
	udp_frame(&f, 0, 100);
	send_frame(&f);
	receive_batch(came, 2);
	assert_false(came[0]);
	nft_free(t);

	ruleset_start(&after);
	t = open_or_fail(&after);
	assert_string_equal(nft_epoch(t), "a \"hub\" of the past");
	free(ruleset_in_order(&after, &count));
	assert_int_equal(count, 2);
	again = ruleset_find(&after, &of_many->nlri);
	assert_non_null(again);
	assert_true(plan_then_equal(&again->installed, &of_many->then));
	again = ruleset_find(&after, &host->nlri);
	assert_non_null(again);
	udp_frame(&f, 1, 100);
	send_frame(&f);
	receive_batch(came, 2);
	assert_false(came[1]);
	assert_true(nft_counters(t, &e));
	assert_int_equal(again->now.packets, 2);
	assert_int_equal(again->now.dropped_octets, 200);
	assert_false(nft_flush(&e)); /* one is at work */
	nft_free(t);

	assert_true(nft_flush(&e));
	assert_true(nft_flush(&e)); /* nothing is there */
	send_frame(&f);
	receive_batch(came, 2);
	assert_true(came[1]);
	ruleset_done(&before);
	ruleset_done(&after);
}

/* Of the section or of the interface; over the table that another mode has left. */
static void test_monitor_drops_nothing(void **state)
{
	static const bool yes[] = { true }, no[] = { false };
	static const struct {
		bool section;
		const bool *interfaces;
		bool drops;
	} rows[] = { { false, NULL, true },
		     { true, NULL, false },
		     { false, yes, false },
		     { false, no, true },
		     { true, no, false } };
	struct enforce_options enforced = options;
	struct err e = { 0 };

	(void)state;
	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool came[2] = { false }, last = i + 1 == sizeof(rows) / sizeof(rows[0]);
		struct xdp_counters before;
		struct ruleset rs;
		struct frame f;
		struct rule *r;
		struct nft *t;

		options.monitor = rows[i].section;
		options.monitored = rows[i].interfaces;
		ruleset_start(&rs);
		t = open_or_fail(&rs);
		options = enforced;
		r = want(&rs, "destination 192.0.2.1/32;",
			 &(struct flow_actions){ .has_rate_bytes = true });
		apply(t, &rs);
		assert_true(nft_counters(t, &e));
		before = r->now;
		udp_frame(&f, 1, 100);
		send_frame(&f);
		receive_batch(came, 2);
		assert_int_equal(came[1], !rows[i].drops);
		assert_true(nft_counters(t, &e));
		assert_int_equal(r->now.packets, before.packets + 1);
		assert_int_equal(r->now.dropped_packets, before.dropped_packets + rows[i].drops);
		ruleset_done(&rs);
		if (last)
			close_all(t);
		else
			nft_free(t);
	}
}

static void test_protected_flow_that_is_not_exact_is_refused(void **state)
{
	static struct flow_rule rule;
	static const char text[] = "match { packet-length =100; }";
	struct enforce_protect_statement length = { .name = "short" };
	struct flow_text_options o = { .family = FLOW_IPV4 };
	struct ruleset rs;
	struct err e = { 0 };

	(void)state;
	assert_true(flow_text_rule(text, strlen(text), &o, &rule, &e));
	length.nlri = flow_rule_nlri(&rule);
	options.protect = (struct enforce_protect){ .count = 1, .statements = &length };
	ruleset_start(&rs);
	close_all(open_or_fail(&rs));
	assert_true(run("ethtool -K hg1 gro on"));
	assert_null(nft_open(&options, &rs, &e));
	assert_non_null(strstr(e.text, "protect: route short: interface hg1 merges packets"));
	assert_true(run("ethtool -K hg1 gro off"));
	ruleset_done(&rs);
	options.protect = (struct enforce_protect){ 0 };
}

/* Each of these is seen, and once it is mended there is none. */
static void test_verify_sees_what_is_damaged(void **state)
{
	static const struct {
		const char *damage, *mend;
	} rows[] = {
		{ "add rule netdev headgate rule1 accept", NULL },
		{ "delete element netdev headgate ipv4-to32-some { 0xc0000201 }",
		  "add element netdev headgate ipv4-to32-some { 0xc0000201 : jump to1-some }" },
		{ "add element netdev headgate ipv4-to32-some { 0xc0000202 : accept }",
		  "delete element netdev headgate ipv4-to32-some { 0xc0000202 }" },
		{ "add element netdev headgate ipv4-locals { 0xc0000201 }",
		  "flush set netdev headgate ipv4-locals" },
		{ "add chain netdev headgate more", "delete chain netdev headgate more" },
		{ "flush chain netdev headgate to1-some", NULL },
		{ "add table netdev headgate { flags dormant; }", "add table netdev headgate" },
		{ "insert rule netdev headgate ipv4 accept", NULL },
		{ "flush chain netdev headgate ipv6-protected", NULL },
	};
	struct ruleset rs;
	struct err e = { 0 };
	struct rule *r;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char command[160];
		struct nft *t;

		ruleset_start(&rs);
		t = open_or_fail(&rs);
		r = want(&rs, "destination 192.0.2.1/32;",
			 &(struct flow_actions){ .has_rate_packets = true, .rate_packets = 9 });
		apply(t, &rs);
		assert_int_equal(r->slot, 1);
		r->seen = false;
		assert_int_equal(differences(t, &rs, true), 0);
		(void)snprintf(command, sizeof(command), "%s\n", rows[i].damage);
		if (!nft_run(command, &e))
			fail_msg("%s: %s", rows[i].damage, e.text);
		if (differences(t, &rs, false) == 0)
			fail_msg("%s: not seen", rows[i].damage);
		if (rows[i].mend != NULL) {
			(void)snprintf(command, sizeof(command), "%s\n", rows[i].mend);
			if (!nft_run(command, &e))
				fail_msg("%s: %s", rows[i].mend, e.text);
			assert_int_equal(differences(t, &rs, true), 0);
		}
		ruleset_done(&rs);
		close_all(t);
	}
}

/* As `nft flush ruleset` of somebody else's start script does it. */
static void test_table_that_is_gone_is_made_anew(void **state)
{
	struct ruleset rs;
	struct frame f;
	struct err e = { 0 };
	bool came[3] = { false };
	struct rule *r;
	struct nft *t;

	(void)state;
	ruleset_start(&rs);
	t = open_or_fail(&rs);
	r = want(&rs, "destination 192.0.2.1/32;",
		 &(struct flow_actions){ .has_rate_bytes = true });
	apply(t, &rs);
	udp_frame(&f, 0, 100);
	send_frame(&f);
	receive_batch(came, 3);
	assert_true(nft_counters(t, &e));
	assert_true(nft_run("flush ruleset\n", &e));
	udp_frame(&f, 1, 100);
	send_frame(&f);
	receive_batch(came, 3);
	assert_true(nft_refresh(t));
	udp_frame(&f, 2, 100);
	send_frame(&f);
	receive_batch(came, 3);
	assert_false(came[0]);
	assert_true(came[1]);
	assert_false(came[2]);
	assert_true(nft_counters(t, &e));
	assert_int_equal(r->before.packets + r->now.packets, 2);
	ruleset_done(&rs);
	close_all(t);
}

/* Where packets are merged before the hook, lengths and numbers are not those of the wire. */
static void test_merging_interface_refuses_lengths(void **state)
{
	struct ruleset rs;
	struct rule *length, *other;
	struct nft *t;

	(void)state;
	ruleset_start(&rs);
	t = open_or_fail(&rs);
	length = want(&rs, "packet-length =100;", &(struct flow_actions){ .has_rate_bytes = true });
	other = want(&rs, "protocol udp;", &(struct flow_actions){ .has_rate_bytes = true });
	apply(t, &rs);
	assert_true(length->slot >= 0 && other->slot >= 0);
	assert_true(run("ethtool -K hg1 gro on"));
	assert_true(nft_refresh(t));
	ruleset_touch(&rs, length);
	ruleset_touch(&rs, other);
	apply(t, &rs);
	assert_true(length->slot < 0 && other->slot >= 0);
	assert_non_null(strstr(rule_reason(length), "hg1 merges packets"));
	assert_true(run("ethtool -K hg1 gro off"));
	assert_true(nft_refresh(t));
	ruleset_touch(&rs, length);
	apply(t, &rs);
	assert_true(length->slot >= 0);
	ruleset_done(&rs);
	close_all(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refuses_with_a_reason),
		cmocka_unit_test(test_full_table_says_so),
		cmocka_unit_test(test_rule_that_is_refused_is_in_no_others_way),
		cmocka_unit_test(test_many_destinations),
		cmocka_unit_test(test_outlives_the_enforcer),
		cmocka_unit_test(test_monitor_drops_nothing),
		cmocka_unit_test(test_protected_flow_that_is_not_exact_is_refused),
		cmocka_unit_test(test_verify_sees_what_is_damaged),
		cmocka_unit_test(test_table_that_is_gone_is_made_anew),
		cmocka_unit_test(test_merging_interface_refuses_lengths),
	};

	if (geteuid() != 0) {
		printf("1..0 # SKIP needs root\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, make_wire, NULL);
}
