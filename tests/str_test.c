/* SPDX-License-Identifier: ISC */
/* str_test.c - text with a cap, and hex. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/str.h"

static void what_fits_is_there_and_what_does_not_is_said_once(void **state)
{
	char buf[8];
	struct str s = str_over(buf, sizeof(buf));

	(void)state;
	str_add(&s, "abc");
	str_addf(&s, "%d", 1234);
	assert_true(str_ok(&s));
	assert_string_equal(buf, "abc1234");
	str_add(&s, "");
	assert_true(str_ok(&s));
	str_add(&s, "x");
	assert_false(str_ok(&s));
	str_add(&s, "");
	assert_false(str_ok(&s));
	assert_string_equal(buf, "abc1234");
}

static void a_format_that_is_too_long_is_cut(void **state)
{
	char buf[5];
	struct str s = str_over(buf, sizeof(buf));

	(void)state;
	str_addf(&s, "%s", "123456");
	assert_false(str_ok(&s));
	assert_string_equal(buf, "1234");
	assert_int_equal(s.len, 4);
}

static void one_octet_holds_the_empty_text(void **state)
{
	char buf[1] = { 'x' };
	struct str s = str_over(buf, sizeof(buf));

	(void)state;
	assert_string_equal(buf, "");
	str_add(&s, "a");
	assert_false(str_ok(&s));
	assert_string_equal(buf, "");
}

static void hex_goes_both_ways(void **state)
{
	char buf[16];
	struct str s = str_over(buf, sizeof(buf));
	uint8_t out[4];
	size_t len = 99;

	(void)state;
	str_add_hex(&s, "\x00\xfe\xAB", 3);
	assert_string_equal(buf, "00feab");
	assert_true(hex_parse("00FEab", 6, out, sizeof(out), &len));
	assert_int_equal(len, 3);
	assert_memory_equal(out, "\x00\xfe\xab", 3);
	assert_true(hex_parse("", 0, out, sizeof(out), &len));
	assert_int_equal(len, 0);
}

static void wrong_hex_is_refused(void **state)
{
	uint8_t out[2];
	size_t len = 99;

	(void)state;
	assert_false(hex_parse("123", 3, out, sizeof(out), &len));
	assert_false(hex_parse("1g", 2, out, sizeof(out), &len));
	assert_false(hex_parse(" 1", 2, out, sizeof(out), &len));
	assert_false(hex_parse("112233", 6, out, sizeof(out), &len));
	assert_int_equal(len, 99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fits_is_there_and_what_does_not_is_said_once),
		cmocka_unit_test(a_format_that_is_too_long_is_cut),
		cmocka_unit_test(one_octet_holds_the_empty_text),
		cmocka_unit_test(hex_goes_both_ways),
		cmocka_unit_test(wrong_hex_is_refused),
	};

	return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
