/* SPDX-License-Identifier: ISC */
/* What the XDP program does with a packet that rules match: it marks, limits, samples, counts, and
 * saves what is protected. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "enforce/locals.h"
#include "enforce/protect.h"
#include "tests/ip_header.h"
#include "tests/xdp_kernel.h"

static void test_action_changes_in_place(void **state)
{
	struct xdp *x = open_or_fail();
	struct ruleset rs;
	uint8_t frame[64];
	size_t len = host_frame(frame, 7);
	struct rule *r;
	int slot;

	(void)state;
	ruleset_init(&rs, 1);
	r = host_rule(&rs, 7, true);
	apply(x, &rs);
	slot = r->slot;
	assert_int_equal(kernel_verdict(x, frame, len), XDP_DROP);
	host_rule(&rs, 7, false);
	apply(x, &rs);
	assert_int_equal(r->slot, slot);
	assert_int_equal(kernel_verdict(x, frame, len), XDP_PASS);
	assert_int_equal(counted(x, slot), 2);
	ruleset_done(&rs);
	xdp_free(x);
}

/* Every value before and after, against the checksum computed anew. */
static void test_mark_is_what_a_new_header_would_say(void **state)
{
	struct xdp *x = open_or_fail();
	struct ruleset rs;
	uint8_t frame[64], wanted[64];
	size_t len = host_frame(frame, 7);

	(void)state;
	ruleset_init(&rs, 1);
	for (unsigned mark = 0; mark < 64; mark++) {
		struct flow_actions a = { .has_mark = true, .mark = (uint8_t)mark };

		rule_set_then(host_rule(&rs, 7, false), &a);
		apply(x, &rs);
		for (unsigned tos = 0; tos < 256; tos++) {
			frame[15] = (uint8_t)tos;
			put_u16(frame + 24, 0);
			put_u16(frame + 24, ~header_sum(frame + 14));
			memcpy(wanted, frame, len);
			put_dscp(wanted + 14, (uint8_t)mark);
			put_u16(wanted + 24, 0);
			put_u16(wanted + 24, ~header_sum(wanted + 14));
			assert_int_equal(kernel_verdict(x, frame, len), XDP_PASS);
			assert_memory_equal(came_out, wanted, len);
		}
	}
	xdp_monitor_set(x, true);
	frame[15] = 0;
	assert_int_equal(kernel_verdict(x, frame, len), XDP_PASS);
	assert_memory_equal(came_out, frame, len);
	ruleset_done(&rs);
	xdp_free(x);
}

/* What a limit lets pass. */
static void test_limited_is_marked(void **state)
{
	struct xdp *x = open_or_fail();
	struct flow_actions a = {
		.has_mark = true, .mark = 10, .has_rate_packets = true, .rate_packets = 1
	};
	struct ruleset rs;
	uint8_t frame[64];
	size_t len = host_frame(frame, 7);
	unsigned marked = 0, dropped = 0;

	(void)state;
	ruleset_init(&rs, 1);
	rule_set_then(host_rule(&rs, 7, false), &a);
	apply(x, &rs);
	for (int i = 0; i < 20; i++) {
		if (kernel_verdict(x, frame, len) == XDP_DROP)
			dropped++;
		else
			marked += came_out[15] == 10 << 2;
	}
	assert_true(marked > 0 && dropped > 0);
	assert_int_equal(marked + dropped, 20);
	ruleset_done(&rs);
	xdp_free(x);
}

/* destination 192.0.2.7 under a mask of so many bits */
static struct rule *nested_rule(struct ruleset *rs, uint8_t bits, const struct flow_actions *a)
{
	uint8_t octets[6] = { 1, bits, 192, 0, 2, 7 };
	struct flow_nlri n = { .family = FLOW_IPV4, .octets = octets, .len = 2 + (bits + 7u) / 8 };

	if (bits % 8 != 0)
		octets[1 + (bits + 7) / 8] &= (uint8_t)(0xff00 >> bits % 8);
	return want_rule(rs, &n, a);
}

/* Of limits of one unit the first counts, and of marks; a rule that discards behind them drops
 * before any limit is charged. */
static void test_limits_of_several_rules(void **state)
{
	static const uint8_t lengths[] = { 32, 24, 16, 8 };
	struct flow_actions a[] = {
		{ .more = true, .has_rate_packets = true, .rate_packets = 1 },
		{ .more = true, .has_mark = true, .mark = 46 },
		{ .more = true,
		  .has_rate_packets = true,
		  .rate_packets = 1e6f,
		  .has_rate_bytes = true,
		  .rate_bytes = 1e6f },
		{ .has_mark = true, .mark = 10 },
	};
	struct rule *r[4];
	struct xdp *x = open_or_fail();
	struct ruleset rs;
	struct xdp_counters c[4];
	uint8_t frame[64];
	size_t len = host_frame(frame, 7);
	unsigned dropped = 0, marked = 0;

	(void)state;
	ruleset_init(&rs, 1);
	for (int i = 0; i < 4; i++)
		r[i] = nested_rule(&rs, lengths[i], &a[i]);
	apply(x, &rs);
	for (int i = 0; i < 20; i++) {
		if (kernel_verdict(x, frame, len) == XDP_DROP)
			dropped++;
		else
			marked += came_out[15] == 46 << 2;
	}
	assert_true(dropped >= 10 && marked > 0);
	assert_int_equal(dropped + marked, 20);
	for (int i = 0; i < 4; i++) {
		assert_true(xdp_counters(x, r[i]->slot, &c[i]));
		assert_int_equal(c[i].packets, 20);
		assert_int_equal(c[i].dropped_packets, i == 0 ? dropped : 0);
	}
	rule_set_then(r[3], &(struct flow_actions){ .has_rate_bytes = true });
	ruleset_touch(&rs, r[3]);
	rule_set_then(r[0], &(struct flow_actions){
				    .more = true, .has_rate_packets = true, .rate_packets = 2 });
	ruleset_touch(&rs, r[0]);
	apply(x, &rs);
	for (int i = 0; i < 50; i++)
		assert_int_equal(kernel_verdict(x, frame, len), XDP_DROP);
	assert_true(xdp_counters(x, r[3]->slot, &c[3]));
	assert_int_equal(c[3].dropped_packets, 50);
	rule_set_then(r[3], &a[3]);
	ruleset_touch(&rs, r[3]);
	apply(x, &rs);
	assert_int_equal(kernel_verdict(x, frame, len), XDP_PASS);
	assert_int_equal(came_out[15], 46 << 2);
	ruleset_done(&rs);
	xdp_free(x);
}

static void test_the_eighth_rule_ends_the_search(void **state)
{
	struct xdp *x = open_or_fail();
	struct rule *r[MATCHED_MAX + 2];
	struct ruleset rs;
	uint8_t frame[64];
	size_t len = host_frame(frame, 7);

	(void)state;
	ruleset_init(&rs, 1);
	for (unsigned i = 0; i < MATCHED_MAX + 2; i++)
		r[i] = nested_rule(&rs, (uint8_t)(32 - i),
				   &(struct flow_actions){ .more = i <= MATCHED_MAX,
							   .has_rate_bytes = i >= MATCHED_MAX });
	apply(x, &rs);
	assert_int_equal(kernel_verdict(x, frame, len), XDP_PASS);
	for (unsigned i = 0; i < MATCHED_MAX + 2; i++)
		assert_int_equal(counted(x, r[i]->slot), i < MATCHED_MAX);
	r[0]->wanted = false;
	ruleset_touch(&rs, r[0]);
	apply(x, &rs);
	assert_int_equal(kernel_verdict(x, frame, len), XDP_DROP);
	assert_int_equal(counted(x, r[MATCHED_MAX]->slot), 1);
	ruleset_done(&rs);
	xdp_free(x);
}

/* Five times the deviation that chance has: one run in millions is beyond it. */
static void test_one_in_so_many_is_sampled(void **state)
{
	enum {
		PACKETS = 40000,
		ONE_IN = 10,
		EXPECTED = PACKETS / ONE_IN,
		DOUBT = 300
	};
	struct xdp *x = open_or_fail();
	struct flow_actions a = { .sample = true, .has_rate_bytes = true };
	struct ruleset rs;
	uint8_t frame[64];
	size_t len = host_frame(frame, 7);

	(void)state;
	ruleset_init(&rs, 1);
	rule_set_then(host_rule(&rs, 7, true), &a);
	host_rule(&rs, 8, true);
	apply(x, &rs);
	samples_start(x, ONE_IN);
	sampled.count = 0;
	for (int i = 0; i < PACKETS; i++) {
		assert_int_equal(kernel_verdict(x, frame, len), XDP_DROP);
		if (i % 64 == 0)
			(void)ring_buffer__consume(sampled.ring);
	}
	(void)ring_buffer__consume(sampled.ring);
	printf("# %u samples of %d packets\n", sampled.count, PACKETS);
	assert_true(sampled.count > EXPECTED - DOUBT && sampled.count < EXPECTED + DOUBT);
	assert_int_equal(xdp_samples_lost(x), 0);
	xdp_sample_set(x, 1);
	sampled.count = 0;
	(void)kernel_verdict(x, frame, host_frame(frame, 8));
	(void)ring_buffer__consume(sampled.ring);
	assert_int_equal(sampled.count, 0);
	/* More than there is room for, while nobody reads. */
	len = host_frame(frame, 7);
	for (int i = 0; i < 4000; i++)
		assert_int_equal(kernel_verdict(x, frame, len), XDP_DROP);
	(void)ring_buffer__consume(sampled.ring);
	assert_true(xdp_samples_lost(x) > 0);
	assert_int_equal(sampled.count + xdp_samples_lost(x), 4000);
	samples_end();
	ruleset_done(&rs);
	xdp_free(x);
}

static void test_monitor_counts_and_drops_nothing(void **state)
{
	struct xdp *x = open_or_fail();
	struct ruleset rs;
	struct xdp_counters c;
	uint8_t frame[64];
	size_t len = host_frame(frame, 7);
	struct rule *r;

	(void)state;
	ruleset_init(&rs, 1);
	r = host_rule(&rs, 7, true);
	apply(x, &rs);
	xdp_monitor_set(x, true);
	assert_int_equal(kernel_verdict(x, frame, len), XDP_PASS);
	assert_true(xdp_counters(x, r->slot, &c));
	assert_int_equal(c.packets, 1);
	assert_int_equal(c.octets, 20);
	assert_int_equal(c.dropped_packets, 0);
	ruleset_done(&rs);
	xdp_free(x);
}

/* TCP to 192.0.2.N, port 22. */
static size_t ssh_frame(uint8_t out[64], unsigned n)
{
	(void)host_frame(out, n);
	out[14 + 3] = 34;
	out[14 + 9] = 6;
	out[14 + 23] = 22;
	return 14 + 34;
}

static const struct saved_row *saved_by(struct xdp *x, uint32_t entry, const struct flow_nlri *n)
{
	const struct saved *s = xdp_saved(x);

	for (size_t i = 0; i < s->count; i++)
		if (s->row[i].entry == entry && flow_nlri_equal(&s->row[i].nlri, n))
			return &s->row[i];
	return NULL;
}

/* A rule that leaves keeps what was saved from it, the next one in its slot begins at nothing. */
static void test_what_is_saved_is_told_by_rule(void **state)
{
	struct xdp *x = open_or_fail();
	struct locals locals = { .fd = -1, .bring = protect_bring_locals, .ctx = x };
	struct xdp_local *local = calloc(1, sizeof(*local));
	struct enforce_protect all = { 0 };
	const struct saved_row *row;
	struct ruleset rs;
	struct flow_rule gone;
	uint8_t frame[64];
	size_t len = ssh_frame(frame, 7);
	struct rule *r;
	struct err e = { 0 };
	int slot;

	(void)state;
	assert_non_null(local);
	*local = (struct xdp_local){ .address = { 0xc0000207 } };
	ruleset_init(&rs, 1);
	assert_true(protect_set(x, &all, &e));
	assert_true(locals_change(&locals, local, 1, NULL));
	r = host_rule(&rs, 7, true);
	gone.family = r->nlri.family;
	gone.vpn = false;
	gone.nlri_len = (uint16_t)r->nlri.len;
	memcpy(gone.nlri, r->nlri.octets, r->nlri.len);
	apply(x, &rs);
	slot = r->slot;
	assert_int_equal(kernel_verdict(x, frame, len), XDP_PASS);
	assert_int_equal(kernel_verdict(x, frame, len), XDP_PASS);
	ssh_frame(frame, 8);
	assert_int_equal(kernel_verdict(x, frame, len), XDP_PASS); /* no rule */
	r->wanted = false;
	ruleset_touch(&rs, r);
	apply(x, &rs);
	assert_true(xdp_grace(x, &e));

	uint8_t any_tcp[] = { 3, 0x81, 6 };
	struct flow_nlri n = { .family = FLOW_IPV4, .octets = any_tcp, .len = sizeof(any_tcp) };

	r = want_rule(&rs, &n, &(struct flow_actions){ .has_rate_bytes = true });
	apply(x, &rs);
	assert_int_equal(r->slot, slot);
	ssh_frame(frame, 7);
	assert_int_equal(kernel_verdict(x, frame, len), XDP_PASS);
	row = saved_by(x, XDP_DEFAULT_SSH, &n);
	assert_non_null(row);
	assert_int_equal(row->before.packets + row->now.packets, 1);
	n = flow_rule_nlri(&gone);
	row = saved_by(x, XDP_DEFAULT_SSH, &n);
	assert_non_null(row);
	assert_int_equal(row->before.packets, 2);
	assert_int_equal(row->before.octets, 68);
	assert_int_equal(row->now.packets, 0);
	ruleset_done(&rs);
	locals_close(&locals);
	xdp_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_action_changes_in_place),
		cmocka_unit_test(test_mark_is_what_a_new_header_would_say),
		cmocka_unit_test(test_limited_is_marked),
		cmocka_unit_test(test_limits_of_several_rules),
		cmocka_unit_test(test_the_eighth_rule_ends_the_search),
		cmocka_unit_test(test_one_in_so_many_is_sampled),
		cmocka_unit_test(test_monitor_counts_and_drops_nothing),
		cmocka_unit_test(test_what_is_saved_is_told_by_rule),
	};
	return cmocka_run_group_tests(tests, make_interfaces, NULL);
}
