/* SPDX-License-Identifier: ISC */
/* addr_test.c - addresses: what is one, and its canonical text (RFC 5952). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "base/addr.h"

struct vector {
	const char *text, *canonical; /* canonical NULL: not an address */
};

static const struct vector vectors[] = {
	{ "192.0.2.1", "192.0.2.1" },
	{ "0.0.0.0", "0.0.0.0" },
	{ "255.255.255.255", "255.255.255.255" },
	{ "2001:DB8:0:0:0:0:0:1", "2001:db8::1" },
	{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
	{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
	{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
	{ "::", "::" },
	{ "::1", "::1" },
	{ "1::", "1::" },
	{ "::ffff:192.0.2.1", "::ffff:192.0.2.1" },
	{ "::1234:5678", "::1234:5678" },
	{ "2001:8::0", "2001:8::" },
	{ "", NULL },
	{ "1.2.3", NULL },
	{ "1.2.3.4.5", NULL },
	{ "1.2.3.256", NULL },
	{ "1.2.3.04", NULL },
	{ "1.2.3.4 ", NULL },
	{ "1..3.4", NULL },
	{ ".1.2.3", NULL },
	{ "1.2.3.", NULL },
	{ "1.2.3.1000", NULL },
	{ "::1::", NULL },
	{ "fe80::1%eth0", NULL },
	{ "1:2:3:4:5:6:7", NULL },
	{ "1:2:3:4:5:6:7:8:9", NULL },
	{ "12345::", NULL },
	{ "1111111111111111111111111111111111111111111111111111:", NULL },
};

static void run(void **state)
{
	const struct vector *v = *state;
	char buf[ADDR_TEXT_MAX];
	struct addr a = { 0 }, again;

	assert_int_equal(addr_parse(v->text, strlen(v->text), &a), v->canonical != NULL);
	if (v->canonical == NULL) {
		assert_int_equal(a.family, ADDR_NONE); /* written on success only */
		return;
	}
	assert_string_equal(addr_print(&a, buf), v->canonical);
	assert_true(addr_parse(buf, strlen(buf), &again));
	assert_true(addr_equal(&a, &again));
}

static void no_address_is_a_dash(void **state)
{
	struct addr a = { 0 };
	char buf[ADDR_TEXT_MAX];

	(void)state;
	assert_string_equal(addr_print(&a, buf), "-");
	assert_int_equal(addr_bits(&a), 0);
}

static void ipv4_sorts_before_ipv6_and_then_by_octets(void **state)
{
	struct addr a = addr_ipv4((const uint8_t[4]){ 9 }), b = addr_ipv4((const uint8_t[4]){ 10 });
	struct addr c = addr_ipv6((const uint8_t[16]){ 0 });

	(void)state;
	assert_true(addr_compare(&a, &b) < 0 && addr_compare(&b, &a) > 0);
	assert_true(addr_compare(&b, &c) < 0 && addr_compare(&c, &b) > 0);
	assert_int_equal(addr_compare(&c, &c), 0);
}

static void an_embedded_nul_is_no_address(void **state)
{
	struct addr a;

	(void)state;
	assert_false(addr_parse("::1\0", 4, &a));
	assert_false(addr_parse("1.2.3.4\0", 8, &a));
}

/* inet_ntop's text reads back to the same octets, and so does ours. */
static void any_ipv6_address_reads_back(void **state)
{
	uint64_t x = 88172645463325252;
	char buf[ADDR_TEXT_MAX], libc[INET6_ADDRSTRLEN];

	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint8_t octets[16];
		struct addr a, b, c;

		for (size_t j = 0; j < 16; j++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			octets[j] = (x >> 40 & 3) == 0 ? (uint8_t)x : 0;
		}
		a = addr_ipv6(octets);
		(void)addr_print(&a, buf);
		assert_non_null(inet_ntop(AF_INET6, octets, libc, sizeof(libc)));
		assert_true(addr_parse(buf, strlen(buf), &b) && addr_equal(&a, &b));
		assert_true(addr_parse(libc, strlen(libc), &c) && addr_equal(&a, &c));
	}
}

int main(void)
{
	enum {
		COUNT = sizeof(vectors) / sizeof(vectors[0])
	};
	struct CMUnitTest tests[COUNT + 4] = {
		[COUNT] = cmocka_unit_test(no_address_is_a_dash),
		[COUNT + 1] = cmocka_unit_test(ipv4_sorts_before_ipv6_and_then_by_octets),
		[COUNT + 2] = cmocka_unit_test(an_embedded_nul_is_no_address),
		[COUNT + 3] = cmocka_unit_test(any_ipv6_address_reads_back),
	};

	for (size_t i = 0; i < COUNT; i++)
		tests[i] = (struct CMUnitTest){ .name = vectors[i].text,
						.test_func = run,
						.initial_state = (void *)&vectors[i] };
	tests[13].name = "the empty text";
	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
