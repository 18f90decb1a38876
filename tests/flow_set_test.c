/* SPDX-License-Identifier: ISC */
/* flow_set_test.c - many rules: who meets one, and which are never reached.
 *
 * Random sets are held against each rule asked alone, and against packets through the plain
 * matcher; what is said of several rules together only has the matcher as its judge.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/flow_pairs.h"

enum {
	RULES = 120,
	SETS = 24,
	QUESTIONS = 100,
	AIMED = 300
};

static uint8_t packet[FLOW_PACKET_MAX], aimed[FLOW_PACKET_MAX];

struct rules {
	size_t count;
	struct flow_rule rule[RULES]; /* of sentences */
	uint8_t octets[RULES][RANDOM_NLRI_MAX];
	struct flow_nlri nlri[RULES];
	struct flow_normal normal[RULES];
	bool more[RULES];
	void *memory;
	struct flow_set *set;
};

static struct rules rules;

static void make_set(void)
{
	size_t rooms = 0, size;

	for (size_t i = 0; i < rules.count; i++)
		rooms += flow_set_room(&rules.normal[i]);
	size = flow_set_size(rules.count, rooms);
	rules.memory = malloc(size);
	assert_null(flow_set_init(rules.memory, flow_set_size(rules.count, 0) - 1, rules.count));
	rules.set = flow_set_init(rules.memory, size, rules.count);
	assert_non_null(rules.set);
	for (size_t i = 0; i < rules.count; i++)
		assert_true(flow_set_add(rules.set, &rules.normal[i], rules.more[i]));
	assert_false(flow_set_add(rules.set, &rules.normal[0], false));
	flow_set_index(rules.set);
	assert_int_equal(flow_set_count(rules.set), rules.count);
}

/* Rules as text, separated by bars; one that begins with + says to go on. */
static void read_set(enum flow_family family, const char *text)
{
	struct flow_text_options o = { .family = family, .strict = true };

	rules.count = 0;
	for (const char *end; *text != '\0'; text = *end == '|' ? end + 1 : end) {
		size_t i = rules.count++;
		char whole[256];
		struct str s = str_over(whole, sizeof(whole));

		end = text + strcspn(text, "|");
		rules.more[i] = *text == '+';
		text += rules.more[i];
		str_addf(&s, "match { %.*s }", (int)(end - text), text);
		assert_true(flow_text_rule(whole, s.len, &o, &rules.rule[i], NULL));
		rules.nlri[i] = flow_rule_nlri(&rules.rule[i]);
		assert_true(flow_normal_make(&rules.nlri[i], &rules.normal[i], NULL));
	}
	make_set();
}

/* ---- Sentences ------------------------------------------------------------------------------ */

struct vector {
	const char *sentence;
	enum flow_family family;
	const char *rules; /* the last one is asked for */
	enum flow_answer answer;
	int by; /* -1: no single one */
};

/* clang-format off */
static const struct vector vectors[] = {
	{ "a rule alone is reached", FLOW_IPV4, "protocol tcp;", FLOW_NO, -1 },
	{ "a wider rule before it shadows", FLOW_IPV4, "protocol tcp;|protocol tcp; port 80;", FLOW_YES, 0 },
	{ "a narrower rule before it does not", FLOW_IPV4, "protocol tcp; port 80;|protocol tcp;", FLOW_NO, -1 },
	{ "one that goes on does not shadow", FLOW_IPV4, "+protocol tcp;|protocol tcp; port 80;", FLOW_NO, -1 },
	{ "the first of two that shadow is told", FLOW_IPV4, "dscp 1;|protocol tcp;|protocol <10;|protocol tcp; port 80;", FLOW_YES, 1 },
	{ "an outer prefix shadows", FLOW_IPV4, "destination 10.0.0.0/8;|destination 10.1.0.0/16;", FLOW_YES, 0 },
	{ "two halves together shadow", FLOW_IPV4, "destination 10.0.0.0/9;|destination 10.128.0.0/9;|destination 10.0.0.0/8;", FLOW_YES, -1 },
	{ "a half does not", FLOW_IPV4, "destination 10.0.0.0/9;|destination 10.0.0.0/8;", FLOW_NO, -1 },
	{ "two halves, one of which goes on, do not", FLOW_IPV4, "destination 10.0.0.0/9;|+destination 10.128.0.0/9;|destination 10.0.0.0/8;", FLOW_NO, -1 },
	{ "ranges together shadow", FLOW_IPV4, "dscp <10;|dscp >20;|dscp >=10&<=20;|protocol tcp;", FLOW_YES, -1 },
	{ "ranges with a gap of one do not", FLOW_IPV4, "dscp <10;|dscp >20;|dscp >=11&<=20;|protocol tcp;", FLOW_NO, -1 },
	{ "ports together shadow a port", FLOW_IPV4, "source-port 80;|destination-port 80;|port 80;", FLOW_YES, -1 },
	{ "fragments together shadow", FLOW_IPV4, "fragment is-fragment;|fragment !is-fragment;|protocol 47;", FLOW_YES, -1 },
	{ "IPv6 has packets whose fragment bits nobody knows", FLOW_IPV6, "fragment is-fragment;|fragment !is-fragment;|destination ::/0;", FLOW_NO, -1 },
	{ "an impossible rule is never reached", FLOW_IPV4, "dscp 1;|packet-length <20;", FLOW_YES, -1 },
	{ "quarters along offsets together shadow", FLOW_IPV6, "destination ::/65/64;|destination 0:0:0:0:8000::/65/64;|destination 2001:db8::/32;", FLOW_YES, -1 },
};
/* clang-format on */

static void a_sentence(void **state)
{
	const struct vector *v = *state;
	struct flow_witness w = { .octets = packet, .size = sizeof(packet) };
	size_t by = 0;

	read_set(v->family, v->rules);
	assert_int_equal(flow_set_shadowed(rules.set, rules.count - 1, FLOW_SET_STEPS, &by, &w),
			 v->answer);
	assert_true(by == (v->by < 0 ? FLOW_SET_NONE : (size_t)v->by));
	for (size_t i = 0; v->answer == FLOW_NO && i < rules.count; i++)
		assert_int_equal(flow_match(&rules.nlri[i], packet, w.len) && !rules.more[i],
				 i == rules.count - 1);
	free(rules.memory);
}

static void a_bound_is_told(void **state)
{
	size_t by;

	(void)state;
	read_set(FLOW_IPV4, "dscp <10;|dscp >20;|dscp >=10&<=20;|protocol tcp;");
	assert_int_equal(flow_set_shadowed(rules.set, 3, 5, &by, NULL), FLOW_TOO_COMPLEX);
	assert_int_equal(flow_set_shadowed(rules.set, 3, 0, &by, NULL), FLOW_YES);
	free(rules.memory);
}

/* Every /32 of a /22, in their hundreds; all but one are there. */
static void too_many_are_told(void **state)
{
	size_t by;

	(void)state;
	read_set(FLOW_IPV4, "dscp 1;");
	free(rules.memory);
	for (rules.count = 0; rules.count < RULES; rules.count++) {
		uint8_t *o = rules.octets[rules.count];
		struct flow_nlri *n = &rules.nlri[rules.count];
		bool last = rules.count == RULES - 1;

		memcpy(o, (const uint8_t[]){ 1, 32, 10, 0, 0, 0 }, 6);
		o[1] = last ? 24 : 32;
		o[5] = (uint8_t)rules.count;
		*n = (struct flow_nlri){ .family = FLOW_IPV4, .octets = o, .len = last ? 5 : 6 };
		assert_true(flow_normal_make(n, &rules.normal[rules.count], NULL));
		rules.more[rules.count] = false;
	}
	make_set();
	/* 119 rules cut it: more than 63, unless a packet is found before they are all looked at */
	assert_int_not_equal(flow_set_shadowed(rules.set, RULES - 1, FLOW_SET_STEPS, &by, NULL),
			     FLOW_YES);
	free(rules.memory);
}

/* ---- Random sets ---------------------------------------------------------------------------- */

/* With prefixes more often than not, so that not everything is shadowed by a few; or without any,
 * so that only the other fields tell rules apart. */
static void random_set(struct rnd *r, bool bare)
{
	rules.count = RULES;
	for (size_t i = 0; i < RULES; i++) {
		enum flow_family f = rnd_below(r, 2);
		struct flow_nlri *n = &rules.nlri[i];

		do {
			*n = (struct flow_nlri){ .family = f,
						 .octets = rules.octets[i],
						 .len = random_nlri(r, f, rules.octets[i]) };
		} while ((bare ? n->octets[0] <= FLOW_SOURCE
			       : n->octets[0] > FLOW_SOURCE && !rnd_one_in(r, 12)) ||
			 !flow_normal_make(n, &rules.normal[i], NULL));
		rules.more[i] = rnd_one_in(r, 5);
	}
	make_set();
}

static void hold_meets(struct rnd *r)
{
	static struct pair p;
	struct flow_witness w = { .octets = packet, .size = sizeof(packet) };
	bool any = false;
	size_t hit;

	pair_make(r, &p);
	hit = flow_set_meets(rules.set, &p.normal[0], &w);
	for (size_t i = 0; i < RULES; i++)
		any |= flow_overlap(&rules.normal[i], &p.normal[0], NULL);
	assert_int_equal(any, hit != FLOW_SET_NONE);
	if (any) {
		assert_true(flow_match(&rules.nlri[hit], packet, w.len));
		assert_true(flow_match(&p.nlri[0], packet, w.len));
	}
}

static bool reaches(size_t i, const uint8_t *octets, size_t len)
{
	for (size_t j = 0; j < i; j++)
		if (!rules.more[j] && flow_match(&rules.nlri[j], octets, len))
			return false;
	return flow_match(&rules.nlri[i], octets, len);
}

static void hold_shadowed(struct rnd *r, size_t i, unsigned count[3])
{
	static struct pair p;
	struct flow_witness w = { .octets = packet, .size = sizeof(packet) };
	size_t by, first = FLOW_SET_NONE;
	enum flow_answer answer = flow_set_shadowed(rules.set, i, FLOW_SET_STEPS, &by, &w);

	count[answer]++;
	for (size_t j = 0; j < i && first == FLOW_SET_NONE; j++)
		if (!rules.more[j] && flow_covers(&rules.normal[j], &rules.normal[i], NULL) &&
		    flow_possible(&rules.normal[i], NULL))
			first = j;
	assert_true(by == first);
	if (answer == FLOW_NO)
		assert_true(reaches(i, packet, w.len));
	p.family = rules.nlri[i].family;
	p.nlri[0] = p.nlri[1] = rules.nlri[i];
	p.normal[0] = p.normal[1] = rules.normal[i];
	for (unsigned k = 0; answer == FLOW_YES && k < AIMED; k++) {
		size_t len = pair_packet(r, &p, aimed);

		assert_false(reaches(i, aimed, len));
	}
}

static void random_sets_are_never_wrong(void **state)
{
	struct rnd r = { .state = 3 };
	unsigned count[3] = { 0 };

	(void)state;
	for (unsigned set = 0; set < SETS; set++) {
		random_set(&r, set % 2 != 0);
		for (unsigned i = 0; i < QUESTIONS; i++)
			hold_meets(&r);
		for (size_t i = 0; i < RULES; i++)
			hold_shadowed(&r, i, count);
		free(rules.memory);
	}
	assert_true(count[FLOW_YES] > 100 && count[FLOW_NO] > 100);
}

int main(void)
{
	enum {
		VECTORS = sizeof(vectors) / sizeof(vectors[0])
	};
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(a_bound_is_told),
		cmocka_unit_test(too_many_are_told),
		cmocka_unit_test(random_sets_are_never_wrong),
	};
	struct CMUnitTest tests[VECTORS + 3];

	for (size_t i = 0; i < VECTORS; i++)
		tests[i] = (struct CMUnitTest){ .name = vectors[i].sentence,
						.test_func = a_sentence,
						.initial_state = (void *)(uintptr_t)&vectors[i] };
	memcpy(tests + VECTORS, others, sizeof(others));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
