/* SPDX-License-Identifier: ISC */
/* The XDP program's tables: long lists, full ones, and what is changed while packets come. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/xdp_kernel.h"

enum {
	MANY = 512
};

static void test_full_table_is_replaced_at_once(void **state)
{
	struct xdp *x = open_or_fail();
	struct ruleset rs;
	uint8_t frame[64];
	size_t len;

	(void)state;
	ruleset_init(&rs, 1);
	for (int round = 0; round < 3; round++) {
		ruleset_each(&rs, unwant, &rs);
		for (unsigned n = 0; n < MANY; n++)
			host_rule(&rs, (unsigned)round * MANY + n, true);
		apply(x, &rs);
		for (unsigned n = 0; n < 3 * MANY; n++) {
			bool there = (int)(n / MANY) == round;

			len = host_frame(frame, n);
			assert_int_equal(kernel_verdict(x, frame, len),
					 there ? XDP_DROP : XDP_PASS);
		}
	}
	ruleset_done(&rs);
	xdp_free(x);
}

/* Both prefixes, so that each rule needs two nodes. */
static struct rule *pair_rule(struct ruleset *rs, unsigned n)
{
	uint8_t octets[12] = { 1, 32, 10,  (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n,
			       2, 32, 172, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n };
	struct flow_nlri nlri = { .family = FLOW_IPV4, .octets = octets, .len = sizeof(octets) };
	struct rule *r = ruleset_need(rs, &nlri);

	assert_non_null(r);
	rule_set_then(r, &(struct flow_actions){ .has_rate_bytes = true });
	ruleset_touch(rs, r);
	return r;
}

static size_t pair_frame(uint8_t out[64], unsigned n)
{
	size_t len = host_frame(out, 0);

	for (int i = 0; i < 3; i++)
		out[27 + i] = out[31 + i] = (uint8_t)(n >> (16 - 8 * i));
	out[26] = 172;
	out[30] = 10;
	return len;
}

enum {
	PAIRS = 110000,
	PAIRS_THAT_FIT = 90000, /* at least */
	PAIRS_LEAVE = 30000
};

/* How many of the rules from the first on are in force; the others say why not. */
static unsigned pairs_in_force(struct xdp *x, struct ruleset *rs, unsigned first)
{
	unsigned in_force = 0;
	uint8_t frame[64];

	for (unsigned n = first; n < PAIRS; n++) {
		const struct rule *r = pair_rule(rs, n);

		in_force += r->slot >= 0;
		if (r->slot < 0)
			assert_non_null(strstr(rule_reason(r), "table full: no room for another "
							       "pair of prefixes"));
		if (n % 97 == 0)
			assert_int_equal(kernel_verdict(x, frame, pair_frame(frame, n)),
					 r->slot >= 0 ? XDP_DROP : XDP_PASS);
	}
	assert_int_equal(in_force, xdp_in_force(x));
	return in_force;
}

static void test_rule_that_finds_no_node_says_so(void **state)
{
	struct xdp *x = open_or_fail();
	struct ruleset rs;
	unsigned in_force;

	(void)state;
	ruleset_init(&rs, 1);
	for (unsigned n = 0; n < PAIRS; n++)
		pair_rule(&rs, n)->wanted = true;
	apply(x, &rs);
	in_force = pairs_in_force(x, &rs, 0);
	printf("# %u of %d in force\n", in_force, PAIRS);
	assert_in_range(in_force, PAIRS_THAT_FIT, PAIRS - 1);
	for (unsigned n = 0; n < PAIRS_LEAVE; n++)
		pair_rule(&rs, n)->wanted = false;
	apply(x, &rs);
	assert_true(xdp_grace(x, NULL));
	for (unsigned n = PAIRS_LEAVE; n < PAIRS; n++)
		pair_rule(&rs, n);
	apply(x, &rs);
	assert_int_equal(pairs_in_force(x, &rs, PAIRS_LEAVE), PAIRS - PAIRS_LEAVE);
	ruleset_done(&rs);
	xdp_free(x);
}

static void dscp_rule(struct ruleset *rs, unsigned host, unsigned dscp)
{
	uint8_t octets[9] = { 1, 32, 192, 0, 2, (uint8_t)host, 11, 0x81, (uint8_t)dscp };
	struct flow_nlri nlri = { .family = FLOW_IPV4, .octets = octets, .len = sizeof(octets) };

	(void)want_rule(rs, &nlri, &(struct flow_actions){ .has_rate_bytes = true });
}

/* Two long lists that only DSCP tells apart, and packets between what the rules of the one and of
 * the other ask for. */
static void test_a_long_list_ends_where_its_rules_do(void **state)
{
	struct xdp *x = open_or_fail();
	struct ruleset rs;
	uint8_t frame[64];

	(void)state;
	ruleset_init(&rs, 1);
	for (unsigned i = 0; i < 40; i++) {
		dscp_rule(&rs, 1, i);
		dscp_rule(&rs, 2, 63 - i);
	}
	apply(x, &rs);
	for (unsigned host = 1; host <= 2; host++)
		for (unsigned dscp = 0; dscp < 64; dscp++) {
			size_t len = host_frame(frame, host);
			bool hit = host == 1 ? dscp < 40 : dscp > 63 - 40;

			frame[15] = (uint8_t)(dscp << 2);
			assert_int_equal(kernel_verdict(x, frame, len), hit ? XDP_DROP : XDP_PASS);
		}
	ruleset_done(&rs);
	xdp_free(x);
}

static void test_each_rule_has_its_counters(void **state)
{
	struct xdp *x = open_or_fail();
	struct ruleset rs;
	uint8_t frame[64];

	(void)state;
	ruleset_init(&rs, 1);
	for (unsigned n = 0; n < 3000; n++)
		host_rule(&rs, n, n & 1);
	apply(x, &rs);
	for (unsigned n = 0; n < 3000; n++)
		for (unsigned times = n % 7 == 0 ? n % 5 : 0; times > 0; times--)
			(void)kernel_verdict(x, frame, host_frame(frame, n));
	for (unsigned n = 0; n < 3000; n++) {
		const struct rule *r = host_rule(&rs, n, n & 1);
		unsigned times = n % 7 == 0 ? n % 5 : 0;
		struct xdp_counters c;

		assert_true(xdp_counters(x, r->slot, &c));
		assert_int_equal(c.packets, times);
		assert_int_equal(c.octets, 20 * times);
		assert_int_equal(c.dropped_packets, n & 1 ? times : 0);
	}
	ruleset_done(&rs);
	xdp_free(x);
}

struct prober {
	struct xdp *x;
	bool stop;
	uint64_t runs, passed;
};

static void *probe(void *arg)
{
	struct prober *p = arg;
	uint8_t frame[64], seen[64];
	size_t len = host_frame(frame, 7);
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (__u32)len,
		    .data_out = seen, .data_size_out = sizeof(seen), .repeat = 1);

	while (!__atomic_load_n(&p->stop, __ATOMIC_RELAXED)) {
		opts.data_size_out = sizeof(seen);
		if (bpf_prog_test_run_opts(xdp_program(p->x), &opts) < 0)
			break;
		p->runs++;
		p->passed += opts.retval != XDP_DROP;
	}
	return NULL;
}

static void test_unchanged_rule_matches_at_every_moment(void **state)
{
	struct prober p = { .x = open_or_fail() };
	struct ruleset rs;
	struct rule *kept;
	pthread_t thread;

	(void)state;
	ruleset_init(&rs, 1);
	kept = host_rule(&rs, 7, true);
	apply(p.x, &rs);
	assert_int_equal(pthread_create(&thread, NULL, probe, &p), 0);
	for (unsigned round = 0; round < 400; round++) {
		ruleset_each(&rs, unwant, &rs);
		kept->wanted = true;
		for (unsigned n = 0; n < 20; n++)
			host_rule(&rs, 256 + (round * 13 + n) % 200, n & 1);
		apply(p.x, &rs);
	}
	__atomic_store_n(&p.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	printf("# %llu packets during 400 changes\n", (unsigned long long)p.runs);
	assert_true(p.runs > 100);
	assert_int_equal(p.passed, 0);
	assert_int_equal(counted(p.x, kept->slot), p.runs);
	ruleset_done(&rs);
	xdp_free(p.x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_long_list_ends_where_its_rules_do),
		cmocka_unit_test(test_each_rule_has_its_counters),
		cmocka_unit_test(test_full_table_is_replaced_at_once),
		cmocka_unit_test(test_rule_that_finds_no_node_says_so),
		cmocka_unit_test(test_unchanged_rule_matches_at_every_moment),
	};
	return cmocka_run_group_tests(tests, make_interfaces, NULL);
}
