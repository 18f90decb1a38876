/* SPDX-License-Identifier: ISC */
/* flow_comp_test.c - the component table and the walk over a checked NLRI. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/flow.h"
#include "tests/flow_random.h"
#include "tests/hex.h"

static void each_type_has_a_row_and_nothing_else_has(void **state)
{
	(void)state;
	for (unsigned type = 0; type < 256; type++) {
		bool ipv4 = type >= 1 && type <= 12, ipv6 = type >= 1 && type <= 13;

		assert_int_equal(flow_comp_type((uint8_t)type, FLOW_IPV4) != NULL, ipv4);
		assert_int_equal(flow_comp_type((uint8_t)type, FLOW_IPV6) != NULL, ipv6);
	}
}

static void the_families_have_their_words(void **state)
{
	(void)state;
	assert_string_equal(flow_comp_type(3, FLOW_IPV4)->name[FLOW_IPV4], "protocol");
	assert_string_equal(flow_comp_type(3, FLOW_IPV6)->name[FLOW_IPV6], "next-header");
	assert_string_equal(flow_comp_type(11, FLOW_IPV6)->name[FLOW_IPV6], "traffic-class");
	assert_null(flow_comp_type(13, FLOW_IPV6)->name[FLOW_IPV4]);
}

static void a_walk_gives_components_and_their_operators(void **state)
{
	uint8_t octets[64];
	struct flow_nlri n = { .family = FLOW_IPV4, .octets = octets };
	struct flow_comp c;
	struct flow_op o;
	struct rd r;

	(void)state;
	n.len = hex_octets("01 18 c00002 04 03 89 45 8b 91 1f90", octets, sizeof(octets));
	r = flow_nlri_components(&n);
	assert_true(flow_comp_next(&r, FLOW_IPV4, &c));
	assert_int_equal(c.type, FLOW_DESTINATION);
	assert_int_equal(rd_offset(&c.body), 1);
	assert_int_equal(rd_left(&c.body), 4);
	assert_true(flow_comp_next(&r, FLOW_IPV4, &c));
	assert_int_equal(c.type, FLOW_PORT);
	assert_int_equal(rd_offset(&c.body), 6);
	assert_true(flow_op_next(&c.body, &o));
	assert_true(o.op == 0x03 && o.width == 1 && o.value == 137);
	assert_true(flow_op_next(&c.body, &o));
	assert_true(o.op == 0x45 && o.width == 1 && o.value == 139);
	assert_true(flow_op_next(&c.body, &o));
	assert_true(o.op == 0x91 && o.width == 2 && o.value == 8080);
	assert_false(flow_op_next(&c.body, &o));
	assert_false(flow_comp_next(&r, FLOW_IPV4, &c));
}

static void a_walk_begins_behind_the_route_distinguisher(void **state)
{
	uint8_t octets[64];
	struct flow_nlri n = { .family = FLOW_IPV6, .vpn = true, .octets = octets };
	struct flow_comp c;
	struct rd r;

	(void)state;
	n.len = hex_octets("0000fde800000001 0d a1 00011170", octets, sizeof(octets));
	r = flow_nlri_components(&n);
	assert_true(flow_comp_next(&r, FLOW_IPV6, &c));
	assert_int_equal(c.type, FLOW_LABEL);
	assert_int_equal(rd_offset(&c.body), 9);
	assert_false(flow_comp_next(&r, FLOW_IPV6, &c));
}

static void operands_have_one_two_four_and_eight_octets(void **state)
{
	uint8_t octets[64];
	struct flow_nlri n = { .family = FLOW_IPV4, .octets = octets };
	static const uint64_t values[] = { 0x01, 0x0102, 0x01020304, 0x0102030405060708 };
	struct flow_comp c;
	struct flow_op o;
	struct rd r;

	(void)state;
	n.len = hex_octets("0a 01 01 11 0102 21 01020304 b1 0102030405060708", octets, 64);
	r = flow_nlri_components(&n);
	assert_true(flow_comp_next(&r, FLOW_IPV4, &c));
	for (unsigned i = 0; i < 4; i++) {
		assert_true(flow_op_next(&c.body, &o));
		assert_int_equal(o.width, 1U << i);
		assert_int_equal(o.value, values[i]);
	}
	assert_false(flow_op_next(&c.body, &o));
}

static void a_walk_of_any_rule_uses_up_its_octets(void **state)
{
	struct rnd rnd = { 42 };

	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint8_t octets[RANDOM_NLRI_MAX];
		enum flow_family f = i % 2 ? FLOW_IPV6 : FLOW_IPV4;
		struct flow_nlri n = { .family = f, .octets = octets };
		struct flow_comp c;
		struct rd r;
		size_t seen = 0;

		n.len = random_nlri(&rnd, f, octets);
		r = flow_nlri_components(&n);
		while (flow_comp_next(&r, f, &c)) {
			struct flow_op o;

			seen += 1 + rd_left(&c.body);
			while (flow_comp_type(c.type, f)->kind != FLOW_PREFIX &&
			       flow_op_next(&c.body, &o))
				assert_int_equal((o.op & FLOW_OP_END) != 0, rd_left(&c.body) == 0);
		}
		assert_int_equal(seen, n.len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_type_has_a_row_and_nothing_else_has),
		cmocka_unit_test(the_families_have_their_words),
		cmocka_unit_test(a_walk_gives_components_and_their_operators),
		cmocka_unit_test(a_walk_begins_behind_the_route_distinguisher),
		cmocka_unit_test(operands_have_one_two_four_and_eight_octets),
		cmocka_unit_test(a_walk_of_any_rule_uses_up_its_octets),
	};

	return cmocka_run_group_tests_name("flow_comp", tests, NULL, NULL);
}
