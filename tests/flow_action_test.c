/* SPDX-License-Identifier: ISC */
/* flow_action_test.c - communities as words and as what an enforcer does: RFC 8955 7, RFC 8956 6,
 * the drafts redirect-ip and interfaceset. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "flow/flow.h"
#include "tests/hex.h"

/* ---- octets and words, both ways ------------------------------------------------------------ */

struct vector {
	const char *octets, *words;
	const char *next_hop; /* of the route; NULL: none */
};

/* clang-format off */
static const struct vector vectors[] = {
	{ "8006 0000 00000000", "discard", NULL },
	{ "8006 0000 46160000", "rate-limit 9600", NULL },
	{ "8006 0000 5368d4a5", "rate-limit 999999995904", NULL },
	{ "8006 fde8 46160000", "rate-limit 9600 as 65000", NULL },
	{ "8006 fde8 00000000", "rate-limit 0 as 65000", NULL },
	{ "800c 0000 447a0000", "rate-limit 1000 packets", NULL },
	{ "800c 0000 00000000", "rate-limit 0 packets", NULL },
	{ "800c 0001 3f800000", "rate-limit 1 packets as 1", NULL },
	{ "8007 0000 00000001", "action terminal", NULL },
	{ "8007 0000 00000002", "action sample", NULL },
	{ "8007 0000 00000003", "action sample-terminal", NULL },
	{ "8008 fde8 00000001", "redirect 65000:1", NULL },
	{ "8008 ffff ffffffff", "redirect 65535:4294967295", NULL },
	{ "8108 c0000201 ffff", "redirect 192.0.2.1:65535", NULL },
	{ "8208 00011170 0001", "redirect 70000:1", NULL },
	{ "8208 00000001 0002", "redirect 1L:2", NULL },
	{ "8009 0000 0000002e", "mark 46", NULL },
	{ "8009 0000 00000000", "mark 0", NULL },
	{ "0800 0000 00000000", "redirect-to-nexthop", NULL },
	{ "0800 0000 00000001", "copy-to-nexthop", NULL },
	{ "0800 0000 00000000", "redirect 192.0.2.9", "192.0.2.9" },
	{ "0800 0000 00000001", "copy 192.0.2.9", "192.0.2.9" },
	{ "0800 0000 00000000", "redirect 2001:db8::9", "2001:db8::9" },
	{ "010c c0000263 0000", "redirect-to-nexthop-ietf 192.0.2.99", NULL },
	{ "010c c0000263 0001", "copy-to-nexthop-ietf 192.0.2.99", NULL },
	{ "000c 20010db8000000000000000000000001 0000", "redirect-to-nexthop-ietf 2001:db8::1", NULL },
	{ "000c 20010db8000000000000000000000001 0001", "copy-to-nexthop-ietf 2001:db8::1", NULL },
	{ "000d 20010db8000000000000000000000001 0005", "redirect [2001:db8::1]:5", NULL },
	{ "0702 0000fde8 4001", "interface-set transitive:input:65000:1", NULL },
	{ "4702 00011170 bfff", "interface-set non-transitive:output:70000:16383", NULL },
	{ "0702 00000001 c000", "interface-set transitive:input-output:1:0", NULL },
	{ "8006 0000 3f000000", "rate-limit 0.5", NULL },
	{ "8006 0000 449a522b", "rate-limit 1234.5677", NULL },
	{ "8006 0000 4b000001", "rate-limit 8388609", NULL },
	{ "8006 0000 3dcccccd", "rate-limit 0.1", NULL },
	{ "800c 0001 3a83126f", "rate-limit 0.001 packets as 1", NULL },
	/* no words: reserved bits, rates over 1e12 or of very many decimals, unknown codes */
	{ "8006 0000 0da24260", "extended-community 0x800600000da24260", NULL },
	{ "8006 0000 00000001", "extended-community 0x8006000000000001", NULL },
	{ "8006 0000 80000000", "extended-community 0x8006000080000000", NULL },
	{ "8006 0000 c6160000", "extended-community 0x80060000c6160000", NULL },
	{ "8006 0000 7fc00000", "extended-community 0x800600007fc00000", NULL },
	{ "8006 0000 7f800000", "extended-community 0x800600007f800000", NULL },
	{ "8006 0000 541502f9", "extended-community 0x80060000541502f9", NULL },
	{ "8007 0000 00000000", "extended-community 0x8007000000000000", NULL },
	{ "8007 0000 00000004", "extended-community 0x8007000000000004", NULL },
	{ "8009 0000 0000004a", "extended-community 0x800900000000004a", NULL },
	{ "8009 0100 0000000a", "extended-community 0x800901000000000a", NULL },
	{ "0800 0000 00000002", "extended-community 0x0800000000000002", NULL },
	{ "010c c0000263 0002", "extended-community 0x010cc00002630002", NULL },
	{ "0702 0000fde8 0001", "extended-community 0x07020000fde80001", NULL },
	{ "0002 fde8 00000001", "extended-community 0x0002fde800000001", NULL },
	{ "0002 20010db8000000000000000000000001 0005", "extended-community 0x000220010db80000000000000000000000010005", NULL },
};
/* clang-format on */

static void words_to_octets(const struct vector *v, const uint8_t *octets, size_t len)
{
	char text[256];
	struct str s = str_over(text, sizeof(text));
	struct flow_text_options o = { 0 };
	struct flow_rule r;
	struct err e = { 0 };

	str_addf(&s, "protocol tcp %s", v->words);
	if (!flow_text_rule(text, strlen(text), &o, &r, &e))
		fail_msg("%s: %s", text, e.text);
	assert_true(r.has_then);
	if (len == 8) {
		assert_int_equal(r.then.ext_count, 1);
		assert_int_equal(r.then.ext6_count, 0);
		assert_memory_equal(r.then.ext[0], octets, 8);
	} else {
		assert_int_equal(r.then.ext_count, 0);
		assert_int_equal(r.then.ext6_count, 1);
		assert_memory_equal(r.then.ext6[0], octets, 20);
	}
	assert_int_equal(r.then.next_hop.family != ADDR_NONE, v->next_hop != NULL);
}

static void run(void **state)
{
	const struct vector *v = *state;
	uint8_t octets[20];
	size_t len = hex_octets(v->octets, octets, sizeof(octets));
	struct addr next_hop = { 0 };
	char text[128];
	struct str s = str_over(text, sizeof(text));

	if (v->next_hop != NULL)
		assert_true(addr_parse(v->next_hop, strlen(v->next_hop), &next_hop));
	if (len == 8)
		flow_ext_print(octets, &next_hop, &s);
	else
		flow_ext6_print(octets, &s);
	assert_string_equal(text, v->words);
	words_to_octets(v, octets, len);
}

/* ---- what they mean -------------------------------------------------------------------------- */

static struct flow_actions actions(const char *ext, const char *ext6, const char *next_hop)
{
	uint8_t octets[256], octets6[256];
	size_t n = hex_octets(ext, octets, sizeof(octets)) / 8;
	size_t n6 = hex_octets(ext6, octets6, sizeof(octets6)) / 20;
	struct addr a = { 0 };
	struct flow_actions ret;

	if (next_hop != NULL)
		assert_true(addr_parse(next_hop, strlen(next_hop), &a));
	flow_actions_read(octets, n, octets6, n6, next_hop != NULL ? &a : NULL, &ret);
	return ret;
}

/* ---- route targets -------------------------------------------------------------------------- */

/* Of 8 octets or 20. */
static struct flow_actions redirect_by(const char *hex)
{
	uint8_t octets[20];

	return hex_octets(hex, octets, sizeof(octets)) == 8 ? actions(hex, "", NULL)
							    : actions("", hex, NULL);
}

static void route_targets_go_both_ways(void **state)
{
	static const struct {
		const char *text, *octets, *redirect, *others;
	} rows[] = {
		{ "target:65000:9", "0002 fde8 00000009", "8008 fde8 00000009",
		  "8208 0000fde8 0009" },
		{ "target:192.0.2.1:9", "0102 c0000201 0009", "8108 c0000201 0009",
		  "8008 c000 02010009" },
		{ "target:70000:9", "0202 00011170 0009", "8208 00011170 0009",
		  "8208 00011170 0008" },
		{ "target:1L:9", "0202 00000001 0009", "8208 00000001 0009", "8008 0001 00000009" },
		{ "target:[2001:db8::1]:9", "0002 20010db8000000000000000000000001 0009",
		  "000d 20010db8000000000000000000000001 0009",
		  "000d 20010db8000000000000000000000001 0008" },
		{ "target:[::]:0", "0002 00000000000000000000000000000000 0000",
		  "000d 00000000000000000000000000000000 0000", "8008 0000 00000000" },
		{ "target:0:0", "0002 0000 00000000", "8008 0000 00000000",
		  "000d 00000000000000000000000000000000 0000" },
	};
	static const char *const none[] = {
		"65000:9",
		"target:",
		"target:65000",
		"target:65536:65536",
		"target:[",
		"target:[]:9",
		"target:[2001:db8::1]",
		"target:[2001:db8::1]9",
		"target:[2001:db8::1]:",
		"target:[2001:db8::1]:65536",
		"target:[2001:db8::1] :9",
		"target:[192.0.2.1]:9",
		"target:2001:db8::1:9",
	};
	uint8_t want[20];
	struct flow_target got;
	struct flow_actions a;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[64];
		struct str s = str_over(text, sizeof(text));

		assert_true(flow_target_parse(rows[i].text, strlen(rows[i].text), &got));
		assert_int_equal(hex_octets(rows[i].octets, want, sizeof(want)), got.len);
		assert_memory_equal(got.octets, want, got.len);
		flow_target_print(&got, &s);
		assert_string_equal(text, rows[i].text);
		a = redirect_by(rows[i].redirect);
		assert_true(flow_target_named(&a, got));
		a = redirect_by(rows[i].others);
		assert_false(flow_target_named(&a, got));
	}
	a = actions("8006 0000 00000000", "", NULL);
	assert_false(flow_target_named(&a, got));
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(flow_target_parse(none[i], strlen(none[i]), &got));
}

static void nothing_means_accept(void **state)
{
	struct flow_actions a = actions("", "", NULL);

	(void)state;
	assert_false(a.has_rate_bytes || a.has_rate_packets || a.has_mark || a.sample || a.more);
	assert_int_equal(a.redirect, FLOW_REDIRECT_NONE);
	assert_int_equal(a.unknown + a.interface_sets, 0);
}

static void a_negative_rate_is_zero(void **state)
{
	struct flow_actions a = actions("8006 0000 c6160000 800c 0000 80000000", "", NULL);

	(void)state;
	assert_true(a.has_rate_bytes && a.rate_bytes == 0 && !signbit(a.rate_bytes));
	assert_true(a.has_rate_packets && a.rate_packets == 0 && !signbit(a.rate_packets));
	a = actions("8006 0000 ff800000", "", NULL); /* minus infinity */
	assert_true(a.has_rate_bytes && a.rate_bytes == 0);
}

static void of_two_rates_the_lower_counts(void **state)
{
	struct flow_actions a;

	(void)state;
	a = actions("8006 0000 46160000 8006 0000 447a0000 8006 0000 46160000", "", NULL);
	assert_true(a.rate_bytes == 1000);
	assert_false(a.has_rate_packets);
	a = actions("8006 0000 46160000 8006 fde8 00000000", "", NULL);
	assert_true(a.rate_bytes == 0);
}

static void nan_and_infinity_are_passed_on(void **state)
{
	struct flow_actions a = actions("8006 0000 7fc00000", "", NULL);

	(void)state;
	assert_true(a.has_rate_bytes && isnan(a.rate_bytes));
	a = actions("800c 0000 7f800000", "", NULL);
	assert_true(a.has_rate_packets && isinf(a.rate_packets));
	a = actions("8006 0000 7fc00000 8006 0000 447a0000", "", NULL);
	assert_true(a.rate_bytes == 1000);
	a = actions("8006 0000 447a0000 8006 0000 7fc00000", "", NULL);
	assert_true(a.rate_bytes == 1000);
}

static void reserved_bits_are_ignored(void **state)
{
	struct flow_actions a = actions("8007 ffff fffffffe 8009 ffff ffffffca", "", NULL);

	(void)state;
	assert_true(a.sample && !a.more);
	assert_true(a.has_mark && a.mark == 10);
	a = actions("8007 0000 00000001", "", NULL);
	assert_true(!a.sample && a.more);
}

static void of_two_marks_or_redirects_the_first_by_octets_counts(void **state)
{
	struct flow_actions a;

	(void)state;
	a = actions("8009 0000 0000000b 8009 0000 0000000a 8009 0000 0000000c", "", NULL);
	assert_int_equal(a.mark, 10);
	a = actions("8208 00000001 0001 8008 0002 00000001 8008 0001 00000001", "", NULL);
	assert_int_equal(a.redirect, FLOW_REDIRECT_RT);
	assert_int_equal(a.route_target_len, 8);
	assert_memory_equal(a.route_target, "\x80\x08\x00\x01\x00\x00\x00\x01", 8);
	a = actions("8008 0001 00000001", "000d 20010db8000000000000000000000001 0005", NULL);
	assert_int_equal(a.route_target_len, 20);
	a = actions("8008 0001 00000001 0800 0000 00000000", "", "192.0.2.9");
	assert_int_equal(a.redirect, FLOW_REDIRECT_IP);
}

static void a_redirect_to_an_address_has_it_and_the_copy_bit(void **state)
{
	struct flow_actions a = actions("010c c0000263 0001", "", "192.0.2.9");
	char text[ADDR_TEXT_MAX];

	(void)state;
	assert_int_equal(a.redirect, FLOW_REDIRECT_IP);
	assert_true(a.copy);
	assert_string_equal(addr_print(&a.redirect_to, text), "192.0.2.99");
	a = actions("", "000c 20010db8000000000000000000000001 0000", NULL);
	assert_false(a.copy);
	assert_string_equal(addr_print(&a.redirect_to, text), "2001:db8::1");
	a = actions("0800 0000 00000001", "", "2001:db8::9");
	assert_true(a.copy);
	assert_string_equal(addr_print(&a.redirect_to, text), "2001:db8::9");
}

static void a_redirect_to_no_next_hop_is_not_known(void **state)
{
	struct flow_actions a = actions("0800 0000 00000000", "", NULL);

	(void)state;
	assert_int_equal(a.redirect, FLOW_REDIRECT_NONE);
	assert_int_equal(a.unknown, 1);
}

static void what_has_no_row_is_counted(void **state)
{
	struct flow_actions a = actions("0702 00000001 4001 4702 00011170 bfff 0002 fde8 00000001",
					"0002 20010db8000000000000000000000001 0005", NULL);

	(void)state;
	assert_int_equal(a.interface_sets, 2);
	assert_true(a.interface_set[0].input && !a.interface_set[0].output);
	assert_true(a.interface_set[0].as == 1 && a.interface_set[0].group == 1);
	assert_true(!a.interface_set[1].input && a.interface_set[1].output);
	assert_true(a.interface_set[1].as == 70000 && a.interface_set[1].group == 16383);
	assert_int_equal(a.unknown, 2);
}

/* ---- short ------------------------------------------------------------------------------------
 */

static void assert_short(const char *ext, const char *ext6, const char *expected)
{
	uint8_t octets[256], octets6[256];
	size_t n = hex_octets(ext, octets, sizeof(octets)) / 8;
	size_t n6 = hex_octets(ext6, octets6, sizeof(octets6)) / 20;
	char text[256];
	struct str s = str_over(text, sizeof(text));

	flow_actions_print(octets, n, octets6, n6, NULL, &s);
	assert_string_equal(text, expected);
}

static void a_list_is_short(void **state)
{
	(void)state;
	assert_short("", "", "accept");
	assert_short("8006 fde8 00000000", "", "discard");
	assert_short("8006 0000 46160000 8009 0000 0000000a", "", "rate-limit 9600, mark 10");
	assert_short("8006 0000 3f000000 8009 0000 0000004a", "", "rate-limit 0.5, mark 10");
	assert_short("800c 0001 447a0000", "", "rate-limit 1000 packets");
	assert_short("8006 0000 c6160000", "", "discard");
	assert_short("0002 fde8 00000001", "", "accept");
	assert_short("8008 fde8 00000001 0002 fde8 00000001",
		     "000d 20010db8000000000000000000000001 0005",
		     "redirect 65000:1, redirect [2001:db8::1]:5");
}

int main(void)
{
	enum {
		COUNT = sizeof(vectors) / sizeof(vectors[0])
	};
	struct CMUnitTest tests[COUNT + 11] = {
		[COUNT] = cmocka_unit_test(nothing_means_accept),
		[COUNT + 1] = cmocka_unit_test(a_negative_rate_is_zero),
		[COUNT + 2] = cmocka_unit_test(of_two_rates_the_lower_counts),
		[COUNT + 3] = cmocka_unit_test(nan_and_infinity_are_passed_on),
		[COUNT + 4] = cmocka_unit_test(reserved_bits_are_ignored),
		[COUNT + 5] =
			cmocka_unit_test(of_two_marks_or_redirects_the_first_by_octets_counts),
		[COUNT + 6] = cmocka_unit_test(a_redirect_to_an_address_has_it_and_the_copy_bit),
		[COUNT + 7] = cmocka_unit_test(a_redirect_to_no_next_hop_is_not_known),
		[COUNT + 8] = cmocka_unit_test(what_has_no_row_is_counted),
		[COUNT + 9] = cmocka_unit_test(a_list_is_short),
		[COUNT + 10] = cmocka_unit_test(route_targets_go_both_ways),
	};

	for (size_t i = 0; i < COUNT; i++)
		tests[i] = (struct CMUnitTest){ .name = vectors[i].words,
						.test_func = run,
						.initial_state = (void *)&vectors[i] };
	return cmocka_run_group_tests_name("flow_action", tests, NULL, NULL);
}
