/* SPDX-License-Identifier: ISC */
/* flow_proof_test.c - the rule algebra against the plain matcher, by numbers, and how fast it is.
 *
 * Usage: flow_proof_test [PAIRS [SEED]]     a million pairs by default; `make soak` has a hundred
 *
 * Built for speed, not under sanitizers: flow_overlap_test.c does a part of the same there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "tests/flow_pairs.h"
#include "tests/flow_universe.h"

enum {
	UNIVERSE_RULES = 250,
	TIMED = 400, /* pairs */
	ROUNDS = 7,
	FLOWS = 10000,
	QUESTIONS = 200
};

static unsigned long pairs = 1000000;
static uint64_t seed = 1;

static void pairs_are_never_wrong(void **state)
{
	struct pair_stats st = { .pairs = 0 };

	(void)state;
	assert_null(pairs_try(seed, pairs, &st));
	assert_int_equal(st.pairs, pairs);
	(void)printf("# %lu pairs: %lu overlap, %lu are disjoint; %lu times one covers; "
		     "%lu witnesses held, %lu packets aimed, %lu of them matched\n",
		     st.pairs, st.overlaps, st.disjoint, st.covers, st.witnesses, st.packets,
		     st.hits);
	assert_true(st.overlaps > pairs / 5 && st.disjoint > pairs / 5);
}

static void small_domains_are_never_wrong(void **state)
{
	unsigned long n = 0;

	(void)state;
	for (uint64_t s = seed; s < seed + 1 + pairs / 1000000; s++) {
		assert_null(universe_try(FLOW_IPV4, 2 * s, UNIVERSE_RULES, &n));
		assert_null(universe_try(FLOW_IPV6, 2 * s + 1, UNIVERSE_RULES, &n));
	}
	(void)printf("# %lu pairs against every kind of packet\n", n);
}

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void a_pair_takes_less_than_2_microseconds(void **state)
{
	static struct pair p[TIMED];
	static uint8_t octets[256];
	struct flow_witness w = { .octets = octets, .size = sizeof(octets) };
	struct rnd r = { .state = 99 };
	double best[2] = { 1e9, 1e9 };
	unsigned yes = 0;

	(void)state;
	for (unsigned i = 0; i < TIMED; i++)
		pair_make(&r, &p[i]);
	for (unsigned round = 0; round < ROUNDS; round++) {
		double t[3] = { now(), 0, 0 };

		for (unsigned i = 0; i < TIMED; i++)
			yes += flow_overlap(&p[i].normal[0], &p[i].normal[1], &w);
		t[1] = now();
		for (unsigned i = 0; i < TIMED; i++)
			yes += flow_covers(&p[i].normal[0], &p[i].normal[1], &w);
		t[2] = now();
		for (unsigned k = 0; k < 2; k++)
			best[k] = best[k] < t[k + 1] - t[k] ? best[k] : t[k + 1] - t[k];
	}
	(void)printf("# overlap %.0f ns, covers %.0f ns a pair, witness included (%u)\n",
		     best[0] / TIMED, best[1] / TIMED, yes);
	assert_true(best[0] / TIMED < 2000 && best[1] / TIMED < 2000);
}

/* ---- meets ---------------------------------------------------------------------------------- */

static void add_number(struct wr *w, uint8_t type, uint16_t v)
{
	wr_u8(w, type);
	wr_u8(w, FLOW_OP_END | 0x10 | FLOW_OP_EQ);
	wr_u16(w, v);
}

static void add_prefix(struct wr *w, uint8_t type, enum flow_family f, uint8_t len, uint32_t low)
{
	uint8_t address[16] = { f == FLOW_IPV6 ? 0x20 : 10, (uint8_t)(low >> 16),
				(uint8_t)(low >> 8), (uint8_t)low };

	wr_u8(w, type);
	wr_u8(w, len);
	if (f == FLOW_IPV6)
		wr_u8(w, 0);
	wr_bytes(w, address, (len + 7U) / 8);
}

/* Protected flows as a network has them: BGP sessions, name servers, hosts with a port, customers'
 * prefixes. */
static size_t protected_flow(struct rnd *r, enum flow_family f, uint8_t *ret)
{
	static const uint16_t services[] = { 22, 53, 80, 179, 443, 500, 3784, 8080 };
	struct wr w = wr_over(ret, RANDOM_NLRI_MAX);
	unsigned kind = rnd_below(r, 4);
	uint8_t whole = f == FLOW_IPV6 ? 128 : 32;

	add_prefix(&w, FLOW_DESTINATION, f, kind == 3 ? 24 : whole, rnd_below(r, 1 << 24));
	if (kind == 0)
		add_prefix(&w, FLOW_SOURCE, f, whole, rnd_below(r, 1 << 24));
	if (kind == 3)
		return wr_len(&w);
	wr_u8(&w, FLOW_PROTOCOL);
	wr_u8(&w, FLOW_OP_END | FLOW_OP_EQ);
	wr_u8(&w, kind == 1 ? 17 : 6);
	add_number(&w, kind == 0 ? FLOW_PORT : FLOW_DESTINATION_PORT,
		   kind == 2 ? (uint16_t)rnd_below(r, 65536) : RND_OF(r, services));
	return wr_len(&w);
}

/* Flows by their ports and length alone: no prefix tells them apart. */
static size_t bare_flow(struct rnd *r, enum flow_family f, uint8_t *ret)
{
	struct wr w = wr_over(ret, RANDOM_NLRI_MAX);

	(void)f;
	wr_u8(&w, FLOW_PROTOCOL);
	wr_u8(&w, FLOW_OP_END | FLOW_OP_EQ);
	wr_u8(&w, rnd_one_in(r, 2) ? 17 : 6);
	add_number(&w, FLOW_DESTINATION_PORT, (uint16_t)rnd_below(r, 65536));
	add_number(&w, FLOW_SOURCE_PORT, (uint16_t)rnd_below(r, 65536));
	if (rnd_one_in(r, 2))
		add_number(&w, FLOW_PACKET_LENGTH, (uint16_t)(40 + rnd_below(r, 1400)));
	return wr_len(&w);
}

/* What a person or a detector announces: mostly a victim's prefix with a protocol and a port. */
static size_t announced(struct rnd *r, enum flow_family f, uint8_t *ret)
{
	static const uint8_t lens[] = { 8, 16, 20, 24, 28, 32 };
	struct wr w = wr_over(ret, RANDOM_NLRI_MAX);

	if (!rnd_one_in(r, 5))
		add_prefix(&w, FLOW_DESTINATION, f, RND_OF(r, lens), rnd_below(r, 1 << 24));
	if (rnd_one_in(r, 4))
		add_prefix(&w, FLOW_SOURCE, f, RND_OF(r, lens), rnd_below(r, 1 << 24));
	if (wr_len(&w) == 0 || rnd_one_in(r, 2)) {
		wr_u8(&w, FLOW_PROTOCOL);
		wr_u8(&w, FLOW_OP_END | FLOW_OP_EQ);
		wr_u8(&w, rnd_one_in(r, 2) ? 17 : 47);
	}
	if (rnd_one_in(r, 2))
		add_number(&w, FLOW_SOURCE_PORT, (uint16_t)rnd_below(r, 65536));
	return wr_len(&w);
}

typedef size_t make_rule(struct rnd *r, enum flow_family f, uint8_t *ret);

static void make_normal(struct rnd *r, make_rule *make, struct flow_normal *ret)
{
	uint8_t octets[RANDOM_NLRI_MAX];
	struct flow_nlri n = { .family = rnd_below(r, 2), .octets = octets };

	do
		n.len = make(r, n.family, octets);
	while (!flow_nlri_check(&n, NULL) || !flow_normal_make(&n, ret, NULL));
}

static void meets_takes_less_than_20_microseconds(make_rule *make_flow, const char *what)
{
	static struct flow_normal flows[FLOWS], rules[QUESTIONS];
	struct rnd r = { .state = 7 };
	size_t rooms = 0, met = 0;
	double sum = 0, worst = 0;

	for (unsigned i = 0; i < FLOWS; i++) {
		make_normal(&r, make_flow, &flows[i]);
		rooms += flow_set_room(&flows[i]);
	}
	void *memory = malloc(flow_set_size(FLOWS, rooms));
	struct flow_set *s = flow_set_init(memory, flow_set_size(FLOWS, rooms), FLOWS);

	assert_non_null(s);
	for (unsigned i = 0; i < FLOWS; i++)
		assert_true(flow_set_add(s, &flows[i], false));
	flow_set_index(s);
	for (unsigned i = 0; i < QUESTIONS; i++) {
		size_t hit;
		bool any = false;

		make_normal(&r, announced, &rules[i]);
		hit = flow_set_meets(s, &rules[i], NULL);
		for (unsigned k = 0; k < FLOWS && !any; k++)
			any = flow_overlap(&flows[k], &rules[i], NULL);
		assert_int_equal(any, hit != FLOW_SET_NONE);
		met += any;
	}
	for (unsigned i = 0; i < QUESTIONS; i++) {
		double best = 1e9;

		for (unsigned round = 0; round < ROUNDS; round++) {
			double begin = now(), took;

			(void)flow_set_meets(s, &rules[i], NULL);
			took = now() - begin;
			best = took < best ? took : best;
		}
		sum += best;
		worst = best > worst ? best : worst;
	}
	(void)printf("# meets %.0f ns a rule against %d %s, at worst %.0f ns; %zu of %d met\n",
		     sum / QUESTIONS, FLOWS, what, worst, met, QUESTIONS);
	free(memory);
	assert_true(sum / QUESTIONS < 20000);
}

static void many_flows_with_prefixes(void **state)
{
	(void)state;
	meets_takes_less_than_20_microseconds(protected_flow, "flows with prefixes");
}

static void many_flows_without_prefixes(void **state)
{
	(void)state;
	meets_takes_less_than_20_microseconds(bare_flow, "flows without prefixes");
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest proof[] = {
		cmocka_unit_test(pairs_are_never_wrong),
		cmocka_unit_test(small_domains_are_never_wrong),
		cmocka_unit_test(a_pair_takes_less_than_2_microseconds),
		cmocka_unit_test(many_flows_with_prefixes),
		cmocka_unit_test(many_flows_without_prefixes),
	};

	if (argc > 1)
		pairs = strtoul(argv[1], NULL, 10);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 10);
	return cmocka_run_group_tests(proof, NULL, NULL);
}
