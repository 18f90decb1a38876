/* SPDX-License-Identifier: ISC */
/* flow_order_test.c - the order of rules against a transcription of the RFCs' own programs
 * (RFC 8955 appendix A, RFC 8956 appendix A), on lists of components as those have them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "flow/flow.h"
#include "tests/flow_random.h"
#include "tests/hex.h"

/* ---- flow_rule_cmp and flow_rule_cmp_v6, line by line ------------------------------------- */

enum precedence {
	EQUAL = 0,
	A_HAS_PRECEDENCE = 1,
	B_HAS_PRECEDENCE = 2
};

struct component {
	int component_type;
	/* prefixes: an address whose bits outside the pattern are zero */
	int offset, prefixlen;
	uint8_t network[16];
	/* all others */
	uint8_t value[RANDOM_NLRI_MAX];
	int value_len;
};

struct rule {
	struct component components[FLOW_COMPONENTS];
	int count;
};

static void read_prefix(struct component *c, const uint8_t *octets, bool v6, int *pos)
{
	int bit = 0;

	c->prefixlen = octets[(*pos)++];
	c->offset = v6 ? octets[(*pos)++] : 0;
	memset(c->network, 0, sizeof(c->network));
	for (int i = c->offset; i < c->prefixlen; i++, bit++)
		if (octets[*pos + bit / 8] & 0x80 >> bit % 8)
			c->network[i / 8] |= (uint8_t)(0x80 >> i % 8);
	*pos += (c->prefixlen - c->offset + 7) / 8;
}

static void read_rule(struct rule *to, const uint8_t *octets, size_t len, bool v6)
{
	int pos = 0;

	to->count = 0;
	while ((size_t)pos < len) {
		struct component *c = &to->components[to->count++];
		int start;

		c->component_type = octets[pos++];
		if (c->component_type <= 2) {
			read_prefix(c, octets, v6, &pos);
			continue;
		}
		start = pos;
		for (;;) {
			int op = octets[pos];

			pos += 1 + (1 << (op >> 4 & 3));
			if (op & 0x80)
				break;
		}
		c->value_len = pos - start;
		memcpy(c->value, octets + start, (size_t)c->value_len);
	}
}

/* ipaddress' a.overlaps(b): one network's address lies in the other. */
static bool overlaps(const struct component *a, const struct component *b)
{
	int shorter = a->prefixlen < b->prefixlen ? a->prefixlen : b->prefixlen;

	for (int i = 0; i < shorter; i++)
		if ((a->network[i / 8] ^ b->network[i / 8]) & 0x80 >> i % 8)
			return false;
	return true;
}

static enum precedence compare_prefix(const struct component *a, const struct component *b)
{
	int c = memcmp(a->network, b->network, 16);

	if (a->offset < b->offset)
		return A_HAS_PRECEDENCE;
	if (a->offset > b->offset)
		return B_HAS_PRECEDENCE;
	if (overlaps(a, b)) {
		if (a->prefixlen > b->prefixlen)
			return A_HAS_PRECEDENCE;
		if (a->prefixlen < b->prefixlen)
			return B_HAS_PRECEDENCE;
		return EQUAL;
	}
	return c > 0 ? B_HAS_PRECEDENCE : A_HAS_PRECEDENCE;
}

static enum precedence compare_value(const struct component *a, const struct component *b)
{
	int common = a->value_len < b->value_len ? a->value_len : b->value_len;
	int c = memcmp(a->value, b->value, (size_t)common);

	if (c > 0)
		return B_HAS_PRECEDENCE;
	if (c < 0)
		return A_HAS_PRECEDENCE;
	if (a->value_len == b->value_len)
		return EQUAL;
	return a->value_len > b->value_len ? A_HAS_PRECEDENCE : B_HAS_PRECEDENCE;
}

static enum precedence flow_rule_cmp(const struct rule *a, const struct rule *b)
{
	for (int i = 0; i < a->count || i < b->count; i++) {
		const struct component *comp_a = &a->components[i], *comp_b = &b->components[i];
		enum precedence p;

		if (i >= a->count)
			return B_HAS_PRECEDENCE;
		if (i >= b->count)
			return A_HAS_PRECEDENCE;
		if (comp_a->component_type < comp_b->component_type)
			return A_HAS_PRECEDENCE;
		if (comp_a->component_type > comp_b->component_type)
			return B_HAS_PRECEDENCE;
		p = comp_a->component_type <= 2 ? compare_prefix(comp_a, comp_b)
						: compare_value(comp_a, comp_b);
		if (p != EQUAL)
			return p;
	}
	return EQUAL;
}

/* ---- random rules -------------------------------------------------------------------------- */

struct pick {
	uint8_t octets[RANDOM_NLRI_MAX];
	struct flow_nlri n;
};

/* A new rule or, often, another one with a small change that may leave it well formed. */
static void pick(struct rnd *r, enum flow_family f, const struct pick *near, struct pick *to)
{
	to->n = (struct flow_nlri){ .family = f, .octets = to->octets };
	to->n.len = random_nlri(r, f, to->octets);
	if (near == NULL || !rnd_one_in(r, 2))
		return;
	for (int tries = 0; tries < 20; tries++) {
		memcpy(to->octets, near->octets, near->n.len);
		to->n.len = near->n.len;
		to->octets[rnd_below(r, (uint32_t)to->n.len)] ^= (uint8_t)(1U << rnd_below(r, 8));
		if (flow_nlri_check(&to->n, NULL))
			return;
	}
	memcpy(to->octets, near->octets, near->n.len);
}

static int sign(int c)
{
	return (c > 0) - (c < 0);
}

static void it_agrees(enum flow_family f, int pairs)
{
	struct rnd rnd = { 99 };
	int seen[3] = { 0 };

	for (int i = 0; i < pairs; i++) {
		static struct pick a, b;
		static struct rule ra, rb;
		enum precedence expected;
		int got;

		pick(&rnd, f, NULL, &a);
		pick(&rnd, f, &a, &b);
		read_rule(&ra, a.octets, a.n.len, f == FLOW_IPV6);
		read_rule(&rb, b.octets, b.n.len, f == FLOW_IPV6);
		expected = flow_rule_cmp(&ra, &rb);
		got = flow_order(&a.n, &b.n);
		seen[expected]++;
		if (expected == A_HAS_PRECEDENCE)
			assert_true(got < 0);
		else if (expected == B_HAS_PRECEDENCE)
			assert_true(got > 0);
		else
			assert_int_equal(got == 0, flow_nlri_equal(&a.n, &b.n));
		assert_int_equal(sign(flow_order(&b.n, &a.n)), -sign(got));
	}
	assert_true(seen[A_HAS_PRECEDENCE] > pairs / 5 && seen[B_HAS_PRECEDENCE] > pairs / 5 &&
		    seen[EQUAL] > pairs / 200);
}

static void it_agrees_with_the_program_of_rfc_8955(void **state)
{
	(void)state;
	it_agrees(FLOW_IPV4, 100000);
}

static void it_agrees_with_the_program_of_rfc_8956(void **state)
{
	(void)state;
	it_agrees(FLOW_IPV6, 100000);
}

static void it_is_transitive(void **state)
{
	struct rnd rnd = { 5 };

	(void)state;
	for (int i = 0; i < 100000; i++) {
		static struct pick p[3];
		enum flow_family f = i % 2 ? FLOW_IPV6 : FLOW_IPV4;
		int ab, bc, ac;

		pick(&rnd, f, NULL, &p[0]);
		pick(&rnd, f, &p[0], &p[1]);
		pick(&rnd, f, &p[1], &p[2]);
		ab = sign(flow_order(&p[0].n, &p[1].n));
		bc = sign(flow_order(&p[1].n, &p[2].n));
		ac = sign(flow_order(&p[0].n, &p[2].n));
		if (ab == bc)
			assert_int_equal(ac, ab);
		if (ab == 0)
			assert_int_equal(ac, bc);
	}
}

/* ---- sentences ------------------------------------------------------------------------------- */

struct vector {
	const char *sentence;
	int family;
	const char *first, *second; /* without length octets */
};

static const struct vector vectors[] = {
	{ "the longer of two prefixes that overlap", FLOW_IPV4, "01 18 c00002", "01 08 c0" },
	{ "the lower of two that do not", FLOW_IPV4, "01 08 0a", "01 18 c00002" },
	{ "the lower of two that do not, whatever their lengths", FLOW_IPV4, "01 08 0a",
	  "01 20 0b000001" },
	{ "anything before the default prefix", FLOW_IPV4, "01 01 80", "01 00" },
	{ "the type that the other lacks", FLOW_IPV4, "01 08 0a", "02 20 0a000001" },
	{ "a rule with more components", FLOW_IPV4, "01 08 0a 03 81 06", "01 08 0a" },
	{ "the lower value", FLOW_IPV4, "03 81 06", "03 81 11" },
	{ "the lower operator", FLOW_IPV4, "04 01 50 81 51", "04 81 50" },
	{ "the destination decides before the source", FLOW_IPV4, "01 10 0a00 02 08 0a",
	  "01 08 0a 02 20 0a000001" },
	{ "the lower offset", FLOW_IPV6, "01 20 00 20010db8", "01 80 40 0000000000000001" },
	{ "everything before a prefix with an offset", FLOW_IPV6, "01 00 00",
	  "01 80 40 0000000000000001" },
	{ "with equal offsets the longer", FLOW_IPV6, "01 40 20 20010db8", "01 30 20 2001" },
	{ "with equal offsets the lower pattern", FLOW_IPV6, "01 30 20 2000", "01 40 20 20010db8" },
};

static struct flow_nlri nlri(int family, const char *hex, uint8_t octets[64])
{
	struct flow_nlri n = { .family = (enum flow_family)family, .octets = octets };

	n.len = hex_octets(hex, octets, 64);
	return n;
}

static void run(void **state)
{
	const struct vector *v = *state;
	uint8_t first[64], second[64];
	struct flow_nlri a = nlri(v->family, v->first, first);
	struct flow_nlri b = nlri(v->family, v->second, second);

	assert_true(flow_nlri_check(&a, NULL) && flow_nlri_check(&b, NULL));
	assert_true(flow_order(&a, &b) < 0);
	assert_true(flow_order(&b, &a) > 0);
}

static void ipv4_comes_before_ipv6(void **state)
{
	uint8_t a[64], b[64];
	struct flow_nlri x = nlri(FLOW_IPV4, "0c 80 02", a),
			 y = nlri(FLOW_IPV6, "01 20 00 20010db8", b);

	(void)state;
	assert_true(flow_order(&x, &y) < 0);
	assert_true(flow_order(&y, &x) > 0);
}

static void a_route_distinguisher_is_compared_last(void **state)
{
	uint8_t a[64], b[64];
	struct flow_nlri x = nlri(FLOW_IPV4, "0000fde800000002 03 81 06", a);
	struct flow_nlri y = nlri(FLOW_IPV4, "0000fde800000001 03 81 11", b);

	(void)state;
	x.vpn = y.vpn = true;
	assert_true(flow_order(&x, &y) < 0);
	b[10] = 0x06;
	assert_true(flow_order(&x, &y) > 0);
	b[7] = 2;
	assert_int_equal(flow_order(&x, &y), 0);
}

static void padding_is_compared_after_all_components(void **state)
{
	uint8_t a[64], b[64];
	struct flow_nlri x = nlri(FLOW_IPV4, "01 01 ff 03 81 06", a);
	struct flow_nlri y = nlri(FLOW_IPV4, "01 01 80 03 81 11", b);

	(void)state;
	assert_true(flow_order(&x, &y) < 0);
	b[5] = 0x06;
	assert_true(flow_order(&x, &y) > 0);
}

int main(void)
{
	enum {
		COUNT = sizeof(vectors) / sizeof(vectors[0])
	};
	struct CMUnitTest tests[COUNT + 6] = {
		[COUNT] = cmocka_unit_test(it_agrees_with_the_program_of_rfc_8955),
		[COUNT + 1] = cmocka_unit_test(it_agrees_with_the_program_of_rfc_8956),
		[COUNT + 2] = cmocka_unit_test(it_is_transitive),
		[COUNT + 3] = cmocka_unit_test(ipv4_comes_before_ipv6),
		[COUNT + 4] = cmocka_unit_test(a_route_distinguisher_is_compared_last),
		[COUNT + 5] = cmocka_unit_test(padding_is_compared_after_all_components),
	};

	for (size_t i = 0; i < COUNT; i++)
		tests[i] = (struct CMUnitTest){ .name = vectors[i].sentence,
						.test_func = run,
						.initial_state = (void *)&vectors[i] };
	return cmocka_run_group_tests_name("flow_order", tests, NULL, NULL);
}
