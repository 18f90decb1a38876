/* SPDX-License-Identifier: ISC */
/* The rate limits of the nftables backend, and what protected flows save from them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "flow/flow.h"
#include "nft/nft.h"
#include "tests/nft_wire.h"

struct timing {
	double bucket;        /* seconds in which an empty one fills */
	double seconds, lost; /* in all; in which the bucket was full */
};

/* Sends frames as fast as it goes, so many times; how many came through. */
static unsigned flood(uint16_t octets, unsigned times, struct timing *t)
{
	double start = now(), last = start;
	unsigned total = 0;
	struct frame f;

	t->lost = 0;
	for (; times > 0; times--) {
		bool came[FLOOD] = { false };

		for (uint32_t i = 0; i < FLOOD; i++) {
			double gap = now() - last;

			t->lost += gap > t->bucket ? gap - t->bucket : 0;
			udp_frame(&f, i, octets);
			send_frame(&f);
			last = now();
		}
		receive_batch(came, FLOOD);
		for (int i = 0; i < FLOOD; i++)
			total += came[i];
		usleep(20000);
	}
	t->seconds = now() - start;
	return total;
}

static void limit_holds(const struct flow_actions *a, uint16_t octets, double rate, double at_once)
{
	struct err e = { 0 };
	struct ruleset rs;
	struct nft *t;
	struct rule *r;
	struct timing at = { .bucket = at_once / rate };
	unsigned passed;

	ruleset_start(&rs);
	t = open_or_fail(&rs);
	r = want(&rs, "destination 192.0.2.1/32;", a);
	apply(t, &rs);
	assert_true(r->slot >= 0);
	passed = flood(octets, 40, &at);
	printf("# %u of %d in %.2f s, of which %.2f s in gaps\n", passed, 40 * FLOOD, at.seconds,
	       at.lost);
	assert_true(passed <= at_once + rate * at.seconds * 1.02 + 1);
	assert_true(passed >= at_once + rate * (at.seconds - at.lost) * 0.9 - 2);
	assert_true(nft_counters(t, &e));
	assert_int_equal(r->now.packets, 40 * FLOOD);
	assert_int_equal(r->now.dropped_packets, 40 * FLOOD - passed);
	assert_int_equal(r->now.octets, (uint64_t)40 * FLOOD * octets);
	assert_int_equal(r->now.dropped_octets, (uint64_t)(40 * FLOOD - passed) * octets);
	ruleset_done(&rs);
	close_all(t);
}

static void test_limits_packets(void **state)
{
	(void)state;
	limit_holds(&(struct flow_actions){ .has_rate_packets = true, .rate_packets = 100.5f }, 100,
		    100.5, 4);
}

/* The kernel's bucket of octets holds a second's worth. */
static void test_limits_octets(void **state)
{
	(void)state;
	limit_holds(&(struct flow_actions){ .has_rate_bytes = true, .rate_bytes = 50000 }, 500, 100,
		    100);
}

static void test_limited_is_marked(void **state)
{
	struct timing at = { 0 };
	struct ruleset rs;
	struct nft *t;

	(void)state;
	ruleset_start(&rs);
	t = open_or_fail(&rs);
	(void)want(&rs, "destination 192.0.2.1/32;",
		   &(struct flow_actions){ .has_rate_packets = true,
					   .rate_packets = 1,
					   .has_mark = true,
					   .mark = 46 });
	apply(t, &rs);
	assert_int_equal(flood(100, 1, &at), 4);
	for (int i = 0; i < 4; i++)
		assert_int_equal(received[i].octets[received[i].ip + 1], 46 << 2);
	ruleset_done(&rs);
	close_all(t);
}

/* A limit is not charged for what is saved, and what an enforcer has saved is not the next one's.
 */
static void test_saved_is_counted_anew(void **state)
{
	static struct flow_rule rule;
	static const char text[] = "match { protocol udp; }";
	struct enforce_protect_statement udp = { .name = "udp" };
	struct flow_text_options o = { .family = FLOW_IPV4 };
	struct ruleset rs;
	struct err e = { 0 };
	struct rule *r;
	struct nft *t;

	(void)state;
	assert_true(flow_text_rule(text, strlen(text), &o, &rule, &e));
	udp.nlri = flow_rule_nlri(&rule);
	options.protect = (struct enforce_protect){ .count = 1, .statements = &udp };
	for (uint64_t i = 1; i <= 2; i++) {
		struct timing at = { 0 };

		ruleset_start(&rs);
		t = open_or_fail(&rs);
		r = want(&rs, "destination 192.0.2.1/32;",
			 &(struct flow_actions){ .has_rate_packets = true, .rate_packets = 1 });
		apply(t, &rs);
		assert_int_equal(flood(100, 1, &at), FLOOD);
		assert_true(nft_counters(t, &e));
		assert_int_equal(r->now.packets, i * FLOOD);
		assert_int_equal(r->now.dropped_packets, 0);
		for (size_t row = 0; row < nft_saved(t)->count; row++)
			assert_int_equal(nft_saved(t)->row[row].now.packets,
					 nft_saved(t)->row[row].entry == XDP_STATEMENT_FIRST ? FLOOD
											     : 0);
		ruleset_done(&rs);
		if (i == 2)
			close_all(t);
		else
			nft_free(t);
	}
	options.protect = (struct enforce_protect){ 0 };
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits_packets),
		cmocka_unit_test(test_limits_octets),
		cmocka_unit_test(test_limited_is_marked),
		cmocka_unit_test(test_saved_is_counted_anew),
	};

	if (geteuid() != 0) {
		printf("1..0 # SKIP needs root\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, make_wire, NULL);
}
