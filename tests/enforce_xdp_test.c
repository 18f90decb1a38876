/* SPDX-License-Identifier: ISC */
/* The XDP program against the reference matcher, through the kernel's own test run.
 *
 * Frames come in by interfaces of several VRFs and of none: there only the rules of that VRF count.
 * Random sets of rules, made to overlap, and random frames, made to hit the rules' edges: the
 * verdict and the counters that rose must be those of the rules that flow_match names, of those in
 * force at the interface, in order up to the first that does not say to go on, and the octets of
 * what passes those that they ask for. HEADGATE_SEED repeats a run, HEADGATE_COMPARISONS makes it
 * longer. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/random_run.h"
#include "tests/xdp_set.h"

enum {
	COMPARISONS = 2000000,
	LONG_RUN = COMPARISONS / 10, /* what is rare has to come up in it */
	TC_COMPARISONS = 200000,
	FAULT_COMPARISONS = 30000, /* so many must be enough to see a planted fault */
	SET_RULES = 64,
	SET_RULES_MANY = 1500, /* of one set in so many: */
	SET_MANY_ONE_IN = 60,
	SET_FRAMES = 128,
	STEP_FRAMES = 16 /* then the rules change */
};

static int start(void **state)
{
	defaults_read();
	return make_interfaces(state);
}

/* Each is to be sampled here. */
static bool right_sample(const struct matched *m, const struct frame *f)
{
	const struct rule *r = first_that(m, samples);
	size_t captured = f->len < XDP_SAMPLE_OCTETS ? f->len : XDP_SAMPLE_OCTETS;

	sampled.count = 0;
	(void)ring_buffer__consume(sampled.ring);
	if (r == NULL || sampled.count != 1)
		return r == NULL && sampled.count == 0;
	return sampled.last.slot == (uint32_t)r->slot && sampled.last.octets == f->len &&
	       sampled.last.captured == captured &&
	       memcmp(sampled.last.head, f->octets, captured) == 0;
}

/* What the kernel made of the last frame. */

static void print_difference(const struct set *s, const struct frame *f, int interface,
			     const struct matched *expected, uint32_t verdict)
{
	printf("# by %s, VRF %u\n", interfaces[interface], s->vrf[interface]);
	print_hex("packet", f->octets + f->ip, f->len > f->ip ? f->len - f->ip : 0);
	for (size_t i = 0; i < expected->count; i++)
		print_hex("match", expected->rule[i]->nlri.octets, expected->rule[i]->nlri.len);
	printf("# kernel verdict %u, %zu rules, theme %d\n", verdict, s->count, theme);
}

/* The frame goes on as it came, but for what this rule, if there is one, asks for. */
static bool right_octets(const struct frame *f, const struct rule *marked)
{
	size_t ip = f->ip < f->len ? f->ip : f->len;

	return came_out_len == f->len && memcmp(came_out, f->octets, ip) == 0 &&
	       only_marked(f->octets + ip, came_out + ip, f->len - ip,
			   marked != NULL ? marked->then.dscp : -1);
}

/* What a rule's counter should say is kept in reported_counters. */
static bool right_counters(const struct xdp *x, const struct rule *r)
{
	struct xdp_counters c;

	assert_true(xdp_counters(x, r->slot, &c));
	return c.packets == r->reported_counters.packets &&
	       c.dropped_packets == r->reported_counters.dropped_packets;
}

static int saving_entry(const struct protection *p, const struct frame *f)
{
	return protected_by(p, is_v6(f) ? FLOW_IPV6 : FLOW_IPV4, f->octets + f->ip, f->len - f->ip);
}

static bool compare(struct xdp *x, struct set *s, const struct frame *f, int interface,
		    const struct matched *m, uint32_t *ret_verdict)
{
	uint32_t verdict = kernel_verdict_at(x, f->octets, f->len, ifindex[interface]);
	struct rule *drops = first_that(m, discards), *marked = first_that(m, marks);
	int saved = drops != NULL || marked != NULL ? saving_entry(&s->protection, f) : -1;
	bool right = true;

	*ret_verdict = verdict;
	if (saved >= 0) {
		s->protection.saved[saved]++;
		drops = marked = NULL;
	}
	if (drops != NULL) {
		drops->reported_counters.dropped_packets++;
		marked = NULL;
	}
	for (size_t i = 0; i < m->count; i++)
		m->rule[i]->reported_counters.packets++;
	for (size_t i = 0; i < m->count && right; i++)
		right = right_counters(x, m->rule[i]);
	return right && right_sample(m, f) && verdict == (drops != NULL ? XDP_DROP : XDP_PASS) &&
	       right_octets(f, marked);
}

/* No counter rose that should not have. */
static uint64_t stray_counters(const struct xdp *x, const struct set *s)
{
	uint64_t strays = 0;

	for (size_t i = 0; i < s->count; i++)
		strays += !right_counters(x, s->list[i]);
	return strays;
}

/* Newer kernels make no socket buffer for a test run out of a frame whose IP header is cut. */
static bool can_be_run(const struct frame *f)
{
	return !at_tc || f->len >= f->ip + (is_v6(f) ? 40 : 20);
}

static unsigned set_size(void)
{
	return 1 + below(one_in(SET_MANY_ONE_IN) ? SET_RULES_MANY : SET_RULES);
}

static void oracle_set(struct set *s, struct xdp *x, struct outcome *o, bool explain)
{
	struct frame f;

	set_make(s, x, set_size(), o);
	for (int i = 0; i < SET_FRAMES && o->different == 0; i++) {
		int interface = (int)below(INTERFACES);
		struct matched m;
		uint32_t verdict;

		if (i > 0 && i % STEP_FRAMES == 0)
			set_change(s, x, o);
		if (one_in(STEP_FRAMES))
			groups_change(x);
		do
			make_frame(&f);
		while (!can_be_run(&f));
		reference(s, &f, interface, &m);
		if (!compare(x, s, &f, interface, &m, &verdict)) {
			o->different++;
			if (explain)
				print_difference(s, &f, interface, &m, verdict);
		}
		o->compared++;
		o->matched += m.count > 0;
		o->matched_more += m.count > 1;
		o->matched_most += m.count == MATCHED_MAX;
	}
	if (o->different == 0 && !stale)
		o->different += stray_counters(x, s) +
				wrongly_saved(&s->protection, xdp_saved(x), explain, &o->saved);
	set_done(s, x);
}

/* Stops at the first difference. */
static struct outcome oracle(const struct xdp_image *image, uint64_t comparisons, uint64_t seed,
			     bool explain)
{
	static struct set s;
	struct outcome o = { 0 };
	struct err e = { 0 };
	struct xdp *x = open_either(image, &e);

	memset(&s, 0, sizeof(s));

	if (x == NULL)
		fail_msg("%s", e.text);
	chance.state = seed;
	groups_start(x);
	samples_start(x, 1);
	while (o.compared < comparisons && o.different == 0)
		oracle_set(&s, x, &o, explain);
	free(s.in_kernel.list);
	samples_end();
	xdp_free(x);
	return o;
}

static void agrees(uint64_t n, uint64_t seed)
{
	struct outcome o = oracle(NULL, n, seed, true);

	printf("# %llu comparisons, %llu matched, %llu saved, %llu different\n",
	       (unsigned long long)o.compared, (unsigned long long)o.matched,
	       (unsigned long long)o.saved, (unsigned long long)o.different);
	assert_int_equal(o.different, 0);
	assert_true(o.compared >= n);
	assert_true(o.matched * 3 >= o.compared);
	assert_true(o.saved * 50 >= o.matched);
	printf("# several rules matched %llu, %d of them %llu\n",
	       (unsigned long long)o.matched_more, MATCHED_MAX, (unsigned long long)o.matched_most);
	assert_true(o.matched_more * 20 >= o.matched);
	assert_true(o.matched_most > 0 || n < LONG_RUN);
	printf("# %llu rules, %llu refused, %llu changes\n", (unsigned long long)o.rules,
	       (unsigned long long)o.refused, (unsigned long long)o.changes);
	assert_true(o.refused * 10 <= o.rules);
}

static void test_agrees_with_reference(void **state)
{
	(void)state;
	agrees(env_number("HEADGATE_COMPARISONS", COMPARISONS), run_seed());
}

static int to_tc(void **state)
{
	(void)state;
	at_tc = true;
	return 0;
}

static int from_tc(void **state)
{
	(void)state;
	at_tc = false;
	return 0;
}

/* It is the same source; what differs is how it gets at the frame. */
static void test_tc_agrees_with_reference(void **state)
{
	uint64_t n = env_number("HEADGATE_COMPARISONS", TC_COMPARISONS);

	(void)state;
	agrees(n < TC_COMPARISONS ? n : TC_COMPARISONS, run_seed() ^ 0x3333);
}

#ifndef XDP_FAULT_DIR
#define XDP_FAULT_DIR "."
#endif

/* An object of the same source with a fault planted in it; skips the test when it was not built. */
static struct xdp_image faulty(const char *hook, int number)
{
	char path[512];
	struct xdp_image image;
	void *octets;
	FILE *file;

	(void)snprintf(path, sizeof(path), XDP_FAULT_DIR "/%s_fault_%d.o", hook, number);
	file = fopen(path, "rb");
	if (file == NULL) {
		printf("# %s: %s\n", path, strerror(errno));
		skip();
	}
	octets = malloc(1 << 20);
	assert_non_null(octets);
	image = (struct xdp_image){ .octets = octets, .size = fread(octets, 1, 1 << 20, file) };
	fclose(file);
	return image;
}

/* It must be told from the right one. */
static void finds_fault(int number)
{
	struct xdp_image image = faulty(at_tc ? "tc" : "xdp", number);
	struct outcome o = oracle(&image, FAULT_COMPARISONS, run_seed() ^ 0x5555, false);

	free((void *)image.octets);
	printf("# found after %llu comparisons\n", (unsigned long long)o.compared);
	assert_true(o.different > 0);
}

/* Or a fault would be found that is the test's own. */
static void test_finds_nothing_where_no_fault_is(void **state)
{
	struct outcome o = oracle(NULL, FAULT_COMPARISONS, run_seed() ^ 0x5555, true);

	(void)state;
	assert_int_equal(o.different, 0);
}

static void test_finds_reversed_order(void **state)
{
	(void)state;
	finds_fault(1);
}

static void test_finds_fragment_read_as_ports(void **state)
{
	(void)state;
	finds_fault(2);
}

static void test_finds_ignored_component(void **state)
{
	(void)state;
	finds_fault(3);
}

static void test_finds_ignored_protection(void **state)
{
	(void)state;
	finds_fault(5);
}

static void test_finds_checksum_not_kept(void **state)
{
	(void)state;
	finds_fault(6);
}

static void test_finds_search_that_does_not_go_on(void **state)
{
	(void)state;
	finds_fault(7);
}

static void test_finds_rules_of_other_interfaces(void **state)
{
	(void)state;
	finds_fault(8);
}

static void test_finds_ignored_vrf(void **state)
{
	(void)state;
	finds_fault(9);
}

static void test_finds_samples_that_lie(void **state)
{
	(void)state;
	finds_fault(10);
}

static void test_finds_stale_table(void **state)
{
	struct outcome o;

	(void)state;
	stale = true;
	o = oracle(NULL, FAULT_COMPARISONS, run_seed() ^ 0x7777, false);
	stale = false;
	printf("# found after %llu comparisons\n", (unsigned long long)o.compared);
	assert_true(o.different > 0);
}

static void test_says_why_the_kernel_refuses(void **state)
{
	struct xdp_image image = faulty("xdp", 4);
	struct err e = { 0 };

	(void)state;
	assert_null(xdp_open(&image, NULL, &e));
	free((void *)image.octets);
	printf("# %s\n", e.text);
	assert_non_null(strstr(e.text, "the kernel refuses the XDP program"));
	assert_non_null(strstr(e.text, "outside of the packet"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agrees_with_reference),
		cmocka_unit_test(test_finds_nothing_where_no_fault_is),
		cmocka_unit_test(test_finds_reversed_order),
		cmocka_unit_test(test_finds_fragment_read_as_ports),
		cmocka_unit_test(test_finds_ignored_component),
		cmocka_unit_test(test_finds_ignored_protection),
		cmocka_unit_test(test_finds_checksum_not_kept),
		cmocka_unit_test(test_finds_search_that_does_not_go_on),
		cmocka_unit_test(test_finds_rules_of_other_interfaces),
		cmocka_unit_test(test_finds_ignored_vrf),
		cmocka_unit_test(test_finds_samples_that_lie),
		cmocka_unit_test(test_finds_stale_table),
		cmocka_unit_test_setup_teardown(test_tc_agrees_with_reference, to_tc, from_tc),
		cmocka_unit_test_setup_teardown(test_finds_checksum_not_kept, to_tc, from_tc),
		cmocka_unit_test(test_says_why_the_kernel_refuses),
	};
	/* Planted faults need not be found on each kernel, and not each verifier takes them. */
	cmocka_set_skip_filter(getenv("HEADGATE_SKIP"));
	return cmocka_run_group_tests(tests, start, NULL);
}
