/* SPDX-License-Identifier: ISC */
/* flow_rule_test.c - which octets are an NLRI: RFC 8955 4 and 8, RFC 8956 3, a vector a case.
 *
 * Offsets count from the length field.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/flow.h"
#include "tests/flow_random.h"
#include "tests/hex.h"

enum {
	PLAIN4,
	PLAIN6,
	VPN4,
	VPN6
};

struct vector {
	const char *sentence;
	int kind;
	const char *octets;
	const char *reason; /* NULL: well formed */
	unsigned offset;
	bool overrun;
};

#define RD "0000fde800000001"

/* clang-format off */
static const struct vector vectors[] = {
	/* RFC 8955 4.3 and RFC 8956 3.8 */
	{ "RFC 8955 example 1", PLAIN4, "0b 01 18 c00002 03 81 06 04 81 19", NULL, 0, false },
	{ "RFC 8955 example 2", PLAIN4, "12 01 18 c00002 02 18 cb0071 04 03 89 45 8b 91 1f90", NULL, 0, false },
	{ "RFC 8955 example 3", PLAIN4, "09 01 20 c0000201 0c 80 05", NULL, 0, false },
	{ "RFC 8956 example 1", PLAIN6, "12 01 20 00 20010db8 02 68 40 123456789a 03 81 06", NULL, 0, false },
	{ "RFC 8956 example 2", PLAIN6, "0f 01 20 00 20010db8 02 68 41 2468acf134", NULL, 0, false },
	{ "with a route distinguisher", VPN4, "13 " RD " 01 18 c00002 03 81 06 04 81 19", NULL, 0, false },
	{ "with a route distinguisher, IPv6", VPN6, "0b " RD " 03 81 11", NULL, 0, false },
	/* length */
	{ "an NLRI of no octets", PLAIN4, "00", "an NLRI without components", 1, false },
	{ "a length of two octets below 240 is read", PLAIN4, "f003 03 81 06", NULL, 0, false },
	{ "no octets in a length of two octets", PLAIN4, "f000", "an NLRI without components", 2, false },
	{ "nothing at all", PLAIN4, "", "the NLRI's length 0 runs past the end", 0, true },
	{ "half a length", PLAIN4, "f1", "the NLRI's length 256 runs past the end", 0, true },
	{ "a length past the end", PLAIN4, "04 03 81 06", "the NLRI's length 4 runs past the end", 0, true },
	{ "a long length past the end", PLAIN4, "ffff 03 81 06", "the NLRI's length 4095 runs past the end", 0, true },
	/* types */
	{ "type 0", PLAIN4, "03 00 81 06", "unknown component type 0", 1, false },
	{ "type 14", PLAIN6, "06 03 81 06 0e 81 00", "unknown component type 14", 4, false },
	{ "type 255", PLAIN4, "03 ff 81 06", "unknown component type 255", 1, false },
	{ "a flow label in IPv4", PLAIN4, "03 0d 81 06", "unknown component type 13", 1, false },
	{ "a flow label in IPv6", PLAIN6, "03 0d 81 06", NULL, 0, false },
	{ "types that descend", PLAIN4, "06 04 81 19 03 81 06", "component type 3 after type 4", 4, false },
	{ "a type twice", PLAIN4, "06 03 81 06 03 81 11", "component type 3 after type 3", 4, false },
	{ "only a type", PLAIN4, "01 03", "protocol has no end of list", 2, false },
	/* prefixes */
	{ "IPv4 /0", PLAIN4, "02 01 00", NULL, 0, false },
	{ "IPv4 /32", PLAIN4, "06 02 20 c0000201", NULL, 0, false },
	{ "IPv4 /33", PLAIN4, "07 01 21 c000020180", "destination of length 33", 2, false },
	{ "padding bits are ignored", PLAIN4, "03 01 01 ff", NULL, 0, false },
	{ "a prefix without its length", PLAIN4, "01 01", "destination is cut short", 2, false },
	{ "a prefix cut short", PLAIN4, "04 01 18 c000", "destination is cut short", 2, false },
	{ "IPv6 ::/0", PLAIN6, "03 01 00 00", NULL, 0, false },
	{ "IPv6 /128", PLAIN6, "13 01 80 00 20010db8000000000000000000000001", NULL, 0, false },
	{ "IPv6 /129", PLAIN6, "04 01 81 00 20", "destination of length 129", 2, false },
	{ "an offset just below the length", PLAIN6, "04 01 80 7f 80", NULL, 0, false },
	{ "an offset equal to the length", PLAIN6, "03 01 20 20", "destination with offset 32 and length 32", 3, false },
	{ "an offset beyond the length", PLAIN6, "04 02 20 40 00", "source with offset 64 and length 32", 3, false },
	{ "an offset with length 0", PLAIN6, "03 01 00 01", "destination with offset 1 and length 0", 3, false },
	{ "an IPv6 prefix without its offset", PLAIN6, "02 01 20", "destination is cut short", 2, false },
	{ "a pattern shorter than length less offset", PLAIN6, "04 01 80 70 01", "destination is cut short", 2, false },
	{ "a pattern longer than length less offset", PLAIN6, "05 01 80 78 01 00", "unknown component type 0", 5, false },
	/* operators */
	{ "an operand cut short", PLAIN4, "03 05 91 1f", "destination-port is cut short", 2, false },
	{ "no end of list", PLAIN4, "03 03 01 06", "protocol has no end of list", 4, false },
	{ "no end of list before the next component", PLAIN4, "06 03 01 06 04 81 19", "protocol is cut short", 6, false },
	{ "octets behind the end of list", PLAIN4, "05 03 81 06 81 11", "unknown component type 129", 4, false },
	{ "AND in the first operator is ignored", PLAIN4, "03 03 c1 06", NULL, 0, false },
	{ "reserved operator bits are ignored", PLAIN4, "06 03 89 06 0c 8c 01", NULL, 0, false },
	{ "false and true", PLAIN4, "05 04 00 05 87 06", NULL, 0, false },
	/* widths: what a MUST forbids, and nothing else */
	{ "protocol in eight octets", PLAIN4, "0a 03 b1 0000000000000006", NULL, 0, false },
	{ "port in four octets", PLAIN4, "06 04 a1 00000019", NULL, 0, false },
	{ "icmp-type in two octets", PLAIN4, "04 07 91 0008", NULL, 0, false },
	{ "packet-length in eight octets", PLAIN4, "0a 0a b1 0000000000000006", NULL, 0, false },
	{ "flow-label in one octet", PLAIN6, "03 0d 81 01", NULL, 0, false },
	{ "tcp-flags in two octets", PLAIN4, "04 09 90 0102", NULL, 0, false },
	{ "tcp-flags in four octets", PLAIN4, "06 09 a0 00000102", "tcp-flags with an operand of 4 octets", 2, false },
	{ "dscp in two octets", PLAIN4, "04 0b 91 002e", "dscp with an operand of 2 octets", 2, false },
	{ "traffic-class in two octets", PLAIN6, "04 0b 91 002e", "traffic-class with an operand of 2 octets", 2, false },
	{ "fragment in two octets", PLAIN4, "04 0c 90 0002", "fragment with an operand of 2 octets", 2, false },
	{ "a wide operand later in the list", PLAIN4, "06 0c 00 01 90 0002", "fragment with an operand of 2 octets", 4, false },
	{ "reserved bits of an operand are ignored", PLAIN4, "06 0b 81 ff 0c 80 f0", NULL, 0, false },
	{ "dont-fragment in IPv6 is a reserved bit", PLAIN6, "03 0c 80 01", NULL, 0, false },
	/* route distinguisher */
	{ "a route distinguisher cut short", VPN4, "07 0000fde8000000", "route distinguisher is cut short", 1, false },
	{ "a route distinguisher and nothing more", VPN4, "08 " RD, "an NLRI without components", 9, false },
	{ "a VPN NLRI of no octets", VPN6, "00", "route distinguisher is cut short", 1, false },
	{ "a fault behind a route distinguisher", VPN4, "0b " RD " 0e 81 06", "unknown component type 14", 9, false },
};
/* clang-format on */

static bool read_kind(struct rd *r, int kind, struct flow_nlri *ret, bool *overrun, struct err *e)
{
	return flow_nlri_read(r, kind == PLAIN6 || kind == VPN6 ? FLOW_IPV6 : FLOW_IPV4,
			      kind >= VPN4, ret, overrun, e);
}

static void well_formed(const struct flow_nlri *n, const uint8_t *octets, size_t len)
{
	uint8_t back[256];
	struct wr w = wr_over(back, sizeof(back));

	assert_true(flow_nlri_check(n, NULL));
	flow_nlri_write(&w, n);
	assert_true(wr_ok(&w));
	if (octets[0] == 0xf0) { /* written in one octet */
		octets++;
		len--;
		assert_int_equal(back[0], octets[0]);
	}
	assert_int_equal(wr_len(&w), len);
	assert_memory_equal(back, octets, len);
}

static void run(void **state)
{
	const struct vector *v = *state;
	uint8_t octets[300];
	size_t len = hex_octets(v->octets, octets, 256);
	struct flow_nlri n = { .len = 12345 };
	struct err e = { .text = "" };
	bool overrun = !v->overrun;
	struct rd r;

	r = rd_over(octets, len);
	assert_int_equal(read_kind(&r, v->kind, &n, &overrun, &e), v->reason == NULL);
	assert_int_equal(overrun, v->overrun);
	if (v->reason == NULL) {
		well_formed(&n, octets, len);
		assert_int_equal(rd_left(&r), 0);
		return;
	}
	assert_int_equal(n.len, 12345); /* written on success only */
	assert_string_equal(e.text, v->reason);
	assert_int_equal(e.line, 0);
	assert_int_equal(e.col, v->offset);
	assert_int_equal(rd_ok(&r), !v->overrun);
	if (!v->overrun)
		assert_int_equal(rd_left(&r), 0); /* the next one can be read */
}

static void a_malformed_nlri_is_stepped_over(void **state)
{
	uint8_t octets[64];
	size_t len = hex_octets("03 ff 81 06 03 03 81 06", octets, sizeof(octets));
	struct rd r = rd_over(octets, len);
	struct flow_nlri n;

	(void)state;
	assert_false(flow_nlri_read(&r, FLOW_IPV4, false, &n, NULL, NULL));
	assert_true(flow_nlri_read(&r, FLOW_IPV4, false, &n, NULL, NULL));
	assert_int_equal(n.len, 3);
	assert_int_equal(rd_left(&r), 0);
}

/* A port list of exactly len octets: one operand of 1, 2 or 4 octets fills what is left. */
static void fill(uint8_t *octets, size_t len)
{
	struct wr w = wr_over(octets, len);

	wr_u8(&w, FLOW_PORT);
	while (len - wr_len(&w) > 5) {
		wr_u8(&w, FLOW_OP_EQ);
		wr_u8(&w, 80);
	}
	switch (len - wr_len(&w)) {
	case 2:
		wr_u16(&w, 0x8150);
		break;
	case 3:
		wr_uint(&w, 3, 0x910050);
		break;
	case 4:
		wr_uint(&w, 4, 0x01508150);
		break;
	case 5:
		wr_uint(&w, 5, 0xa100000050);
		break;
	}
	assert_true(wr_ok(&w));
	assert_int_equal(wr_len(&w), len);
}

static void every_length_goes_both_ways_in_one_octet_below_240(void **state)
{
	uint8_t octets[FLOW_NLRI_MAX], wire[FLOW_NLRI_MAX + 2];

	(void)state;
	for (size_t len = 3; len <= FLOW_NLRI_MAX; len++) {
		struct flow_nlri n = { .octets = octets, .len = len }, back;
		struct wr w = wr_over(wire, sizeof(wire));
		struct rd r;

		fill(octets, len);
		flow_nlri_write(&w, &n);
		assert_true(wr_ok(&w));
		assert_int_equal(wr_len(&w), len + (len < 240 ? 1 : 2));
		r = rd_over(wire, wr_len(&w));
		assert_true(flow_nlri_read(&r, FLOW_IPV4, false, &back, NULL, NULL));
		assert_true(flow_nlri_equal(&n, &back));
	}
	assert_memory_equal(wire, "\xff\xff", 2);
}

static void an_nlri_of_4096_octets_is_neither_checked_nor_written(void **state)
{
	uint8_t octets[FLOW_NLRI_MAX + 1], wire[FLOW_NLRI_MAX + 8];
	struct flow_nlri n = { .octets = octets, .len = sizeof(octets) };
	struct wr w = wr_over(wire, sizeof(wire));

	(void)state;
	fill(octets, sizeof(octets));
	assert_false(flow_nlri_check(&n, NULL));
	flow_nlri_write(&w, &n);
	assert_false(wr_ok(&w));
}

static void rules_are_equal_by_family_kind_and_octets(void **state)
{
	uint8_t a[] = { 3, 0x81, 6 }, b[] = { 3, 0x81, 6 }, c[] = { 3, 0x81, 17 };
	struct flow_nlri x = { FLOW_IPV4, false, a, 3 }, y = { FLOW_IPV4, false, b, 3 };

	(void)state;
	assert_true(flow_nlri_equal(&x, &y));
	y.family = FLOW_IPV6;
	assert_false(flow_nlri_equal(&x, &y));
	y = (struct flow_nlri){ FLOW_IPV4, true, b, 3 };
	assert_false(flow_nlri_equal(&x, &y));
	y = (struct flow_nlri){ FLOW_IPV4, false, c, 3 };
	assert_false(flow_nlri_equal(&x, &y));
	y = (struct flow_nlri){ FLOW_IPV4, false, b, 2 };
	assert_false(flow_nlri_equal(&x, &y));
}

/* Cut anywhere, a rule is malformed or a shorter rule that ends with a component. */
static void a_rule_cut_anywhere_stays_within_its_octets(void **state)
{
	struct rnd rnd = { 7 };

	(void)state;
	for (int i = 0; i < 2000; i++) {
		uint8_t octets[RANDOM_NLRI_MAX];
		enum flow_family f = i % 2 ? FLOW_IPV6 : FLOW_IPV4;
		size_t len = random_nlri(&rnd, f, octets);

		for (size_t cut = 0; cut <= len; cut++) {
			uint8_t *exact = malloc(cut + 1);
			struct flow_nlri n = { .family = f, .octets = exact, .len = cut };
			struct err e = { 0 };

			assert_non_null(exact);
			memcpy(exact, octets, cut);
			if (!flow_nlri_check(&n, &e))
				assert_true(e.col <= cut && e.text[0] != '\0');
			else
				assert_true(cut > 0);
			assert_true(cut < len || flow_nlri_check(&n, NULL));
			free(exact);
		}
	}
}

int main(void)
{
	enum {
		COUNT = sizeof(vectors) / sizeof(vectors[0])
	};
	struct CMUnitTest tests[COUNT + 5] = {
		[COUNT] = cmocka_unit_test(a_malformed_nlri_is_stepped_over),
		[COUNT + 1] = cmocka_unit_test(every_length_goes_both_ways_in_one_octet_below_240),
		[COUNT + 2] =
			cmocka_unit_test(an_nlri_of_4096_octets_is_neither_checked_nor_written),
		[COUNT + 3] = cmocka_unit_test(rules_are_equal_by_family_kind_and_octets),
		[COUNT + 4] = cmocka_unit_test(a_rule_cut_anywhere_stays_within_its_octets),
	};

	for (size_t i = 0; i < COUNT; i++)
		tests[i] = (struct CMUnitTest){ .name = vectors[i].sentence,
						.test_func = run,
						.initial_state = (void *)&vectors[i] };
	return cmocka_run_group_tests_name("flow_rule", tests, NULL, NULL);
}
