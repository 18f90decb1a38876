/* SPDX-License-Identifier: ISC */
/* flow_normal_test.c - normal forms: what they hold, what is refused, and by brute force that they
 * and the reference matcher agree on random rules and packets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "flow/flow.h"
#include "tests/flow_eval.h"
#include "tests/flow_random.h"

static bool make(enum flow_family f, const char *hex, struct flow_normal *ret, struct err *e)
{
	static uint8_t octets[FLOW_NLRI_MAX];
	struct flow_nlri n = { .family = f, .octets = octets };

	assert_true(hex_parse(hex, strlen(hex), octets, sizeof(octets), &n.len));
	assert_true(flow_nlri_check(&n, NULL));
	return flow_normal_make(&n, ret, e);
}

/* The spans of the one numeric component as "80-81 443". */
static void spans_are(enum flow_family f, const char *hex, const char *want)
{
	char text[256];
	struct str s = str_over(text, sizeof(text));
	struct flow_normal n;

	assert_true(make(f, hex, &n, NULL));
	for (unsigned i = 0; i < n.span_count; i++) {
		str_addf(&s, i > 0 ? " %u" : "%u", n.spans[i].lo);
		if (n.spans[i].hi != n.spans[i].lo)
			str_addf(&s, "-%u", n.spans[i].hi);
	}
	assert_string_equal(text, want);
}

static void operators_become_spans(void **state)
{
	(void)state;
	spans_are(FLOW_IPV4, "058150", "80");
	spans_are(FLOW_IPV4, "058450", "0-79");
	spans_are(FLOW_IPV4, "058550", "0-80");
	spans_are(FLOW_IPV4, "058250", "81-65535");
	spans_are(FLOW_IPV4, "058350", "80-65535");
	spans_are(FLOW_IPV4, "058650", "0-79 81-65535");
	spans_are(FLOW_IPV4, "058750", "0-65535");
	spans_are(FLOW_IPV4, "058050", "");
}

static void spans_are_merged_and_sorted(void **state)
{
	(void)state;
	spans_are(FLOW_IPV4, "050151010101528150", "1 80-82");
	spans_are(FLOW_IPV4, "05014f8150", "79-80");
	spans_are(FLOW_IPV4, "05030145558150", "1-85");
}

static void and_chains_intersect(void **state)
{
	(void)state;
	spans_are(FLOW_IPV4, "050350c55a", "80-90");
	spans_are(FLOW_IPV4, "050350455ac655", "80-84 86-90");
	spans_are(FLOW_IPV4, "0501070350455a8164", "7 80-90 100");
	spans_are(FLOW_IPV4, "054150c5ff", "80");
}

static void operands_beyond_the_field_are_exact(void **state)
{
	(void)state;
	spans_are(FLOW_IPV4, "05a400011170", "0-65535");
	spans_are(FLOW_IPV4, "05a200011170", "");
	spans_are(FLOW_IPV4, "05a600011170", "0-65535");
	spans_are(FLOW_IPV4, "05a100011170", "");
	spans_are(FLOW_IPV4, "05a400010000", "0-65535");
	spans_are(FLOW_IPV4, "0592ffff", "");
	spans_are(FLOW_IPV4, "058400", "");
	spans_are(FLOW_IPV4, "05b6ffffffffffffffff", "0-65535");
	spans_are(FLOW_IPV4, "03910106", "");
	spans_are(FLOW_IPV6, "0da5ffffffff", "0-1048575");
}

static void fields_have_their_ranges(void **state)
{
	(void)state;
	spans_are(FLOW_IPV4, "038700", "0-255");
	spans_are(FLOW_IPV4, "078700", "0-255");
	spans_are(FLOW_IPV4, "088700", "0-255");
	spans_are(FLOW_IPV4, "0a8700", "0-65535");
	spans_are(FLOW_IPV6, "0a8700", "0-65575");
	spans_are(FLOW_IPV4, "0b8700", "0-63");
	spans_are(FLOW_IPV6, "0d8700", "0-1048575");
}

static void dscp_loses_its_upper_bits(void **state)
{
	(void)state;
	spans_are(FLOW_IPV4, "0b81ee", "46");
}

static void prefixes_stand_in_their_place(void **state)
{
	struct flow_normal n;

	(void)state;
	assert_true(make(FLOW_IPV4, "0119c000027f", &n, NULL));
	assert_true(n.destination.present);
	assert_false(n.source.present);
	assert_int_equal(n.destination.len, 25);
	assert_memory_equal(n.destination.octets, ((uint8_t[16]){ 0xc0, 0, 2 }), 16);
	/* RFC 8956 3.8.2 */
	assert_true(make(FLOW_IPV6, "0268412468acf135", &n, NULL));
	assert_int_equal(n.source.offset, 65);
	assert_memory_equal(n.source.octets + 8, ((uint8_t[8]){ 0x12, 0x34, 0x56, 0x78, 0x9a }), 8);
}

static void refused_are_operands_of_reserved_bits_alone(void **state)
{
	static const struct {
		enum flow_family family;
		const char *hex;
		bool made;
	} rows[] = {
		{ FLOW_IPV4, "0c8110", false },     { FLOW_IPV4, "0c8010", false },
		{ FLOW_IPV4, "0c8101", true },      { FLOW_IPV6, "0c8101", false },
		{ FLOW_IPV6, "0c8103", true },      { FLOW_IPV4, "0c8114", true },
		{ FLOW_IPV4, "0c8200", true },      { FLOW_IPV4, "0991f000", false },
		{ FLOW_IPV4, "0991f002", true },    { FLOW_IPV4, "0b8340", false },
		{ FLOW_IPV4, "0c0102c110", false },
	};
	struct flow_normal n;
	struct err e = { .line = 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(make(rows[i].family, rows[i].hex, &n, &e), rows[i].made);
	assert_int_equal(e.line, 0);
	assert_int_equal(e.col, 3);
	assert_string_equal(e.text, "fragment: operand 0x10 has only reserved bits");
}

static void a_refused_rule_leaves_the_result_alone(void **state)
{
	struct flow_normal n = { .span_count = 7 };

	(void)state;
	assert_false(make(FLOW_IPV4, "0381060c8110", &n, NULL));
	assert_int_equal(n.span_count, 7);
}

static void no_component_is_no_rule(void **state)
{
	static const uint8_t rd[8];
	struct flow_nlri n = { .vpn = true, .octets = rd, .len = 8 };
	struct flow_normal normal;

	(void)state;
	assert_false(flow_normal_make(&n, &normal, NULL));
}

/* Ports 1, 3, 5 ... as an OR, and their complement as an AND of !=: 1360 operators. */
static void the_longest_rule_has_room(void **state)
{
	static uint8_t octets[FLOW_NLRI_MAX];
	static struct flow_normal n;

	(void)state;
	for (uint8_t op = FLOW_OP_EQ; op <= 6; op += 5) {
		struct wr w = wr_over(octets, sizeof(octets));
		struct flow_nlri nlri = { .octets = octets };

		wr_u8(&w, FLOW_DESTINATION_PORT);
		for (unsigned i = 0; i < 1360; i++) {
			wr_u8(&w, (uint8_t)(op | 0x10 | (op == 6 ? FLOW_OP_AND : 0) |
					    (i == 1359 ? FLOW_OP_END : 0)));
			wr_u16(&w, (uint16_t)(2 * i + 1));
		}
		nlri.len = wr_len(&w);
		assert_true(flow_nlri_check(&nlri, NULL));
		assert_true(flow_normal_make(&nlri, &n, NULL));
		assert_int_equal(n.span_count, op == 6 ? 1361 : 1360);
	}
}

/* Every value of every flag operator over one and two octets, against the words of 4.2.1.2. */
static void tcp_flags_are_a_truth_table(void **state)
{
	static const uint16_t operands[] = { 0, 2, 0x12, 0x3f, 0x40, 0xfff, 0xf002 };
	struct flow_normal n;
	char hex[16];

	(void)state;
	for (size_t i = 0; i < sizeof(operands) / sizeof(operands[0]); i++)
		for (unsigned op = 0; op < 4; op++) {
			unsigned m = operands[i];

			(void)snprintf(hex, sizeof(hex), "09%02x%04x", 0x90 | op, m);
			assert_true(make(FLOW_IPV4, hex, &n, NULL));
			for (unsigned v = 0; v < 4096; v++) {
				bool is = n.tcp_flags[v / 64] >> v % 64 & 1;
				bool should = op & FLOW_OP_MATCH ? (v & m) == m : (v & m) != 0;

				assert_int_equal(is, op & FLOW_OP_NOT ? !should : should);
			}
		}
}

static bool in_order(const struct flow_normal *n)
{
	for (int t = 0; t <= FLOW_COMPONENTS; t++) {
		const struct flow_span *s = n->spans + n->numeric[t].first;

		for (unsigned i = 0; i < n->numeric[t].count; i++)
			if (s[i].lo > s[i].hi || (i > 0 && s[i].lo <= s[i - 1].hi + 1))
				return false;
	}
	return true;
}

static void show(uint64_t seed, const struct flow_nlri *n, const uint8_t *packet, size_t len)
{
	static char text[4096];
	struct str s = str_over(text, sizeof(text));

	str_addf(&s, "seed %llu, rule ", (unsigned long long)seed);
	str_add_hex(&s, n->octets, n->len);
	str_addf(&s, ", packet ");
	str_add_hex(&s, packet, len);
	print_error("%s\n", text);
}

/* PAIRS pairs; returns how many matched. */
static unsigned brute_force(enum flow_family f, unsigned pairs)
{
	uint8_t octets[RANDOM_NLRI_MAX], packet[RANDOM_PACKET_MAX];
	static struct flow_normal normal;
	unsigned matched = 0;

	for (uint64_t seed = 1, tried = 0; tried < pairs; seed++) {
		struct rnd r = { .state = seed * 0x9e3779b97f4a7c15u };
		struct flow_nlri n = { .family = f, .octets = octets };

		n.len = random_nlri(&r, f, octets);
		assert_true(flow_nlri_check(&n, NULL));
		if (!flow_normal_make(&n, &normal, NULL))
			continue;
		assert_true(in_order(&normal));
		for (int i = 0; i < 8; i++, tried++) {
			size_t len = random_packet(&r, f, packet);
			bool match = flow_match(&n, packet, len);

			matched += match;
			if (flow_eval(&normal, packet, len) == match)
				continue;
			show(seed, &n, packet, len);
			fail_msg("flow_match says %d, the normal form does not", match);
		}
	}
	print_message("# %u of %u pairs matched\n", matched, pairs);
	return matched;
}

static void agrees_with_the_matcher_ipv4(void **state)
{
	(void)state;
	assert_true(brute_force(FLOW_IPV4, 200000) > 40000);
}

static void agrees_with_the_matcher_ipv6(void **state)
{
	(void)state;
	assert_true(brute_force(FLOW_IPV6, 200000) > 40000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(operators_become_spans),
		cmocka_unit_test(spans_are_merged_and_sorted),
		cmocka_unit_test(and_chains_intersect),
		cmocka_unit_test(operands_beyond_the_field_are_exact),
		cmocka_unit_test(fields_have_their_ranges),
		cmocka_unit_test(dscp_loses_its_upper_bits),
		cmocka_unit_test(prefixes_stand_in_their_place),
		cmocka_unit_test(refused_are_operands_of_reserved_bits_alone),
		cmocka_unit_test(a_refused_rule_leaves_the_result_alone),
		cmocka_unit_test(no_component_is_no_rule),
		cmocka_unit_test(the_longest_rule_has_room),
		cmocka_unit_test(tcp_flags_are_a_truth_table),
		cmocka_unit_test(agrees_with_the_matcher_ipv4),
		cmocka_unit_test(agrees_with_the_matcher_ipv6),
	};

	return cmocka_run_group_tests_name("flow_normal", tests, NULL, NULL);
}
