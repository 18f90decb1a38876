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

static void printable_is_utf8_without_control_characters(void **state)
{
	static const struct {
		const char *text;
		size_t bad;
	} wrong[] = {
		{ "a\x1b[31m", 1 },        { "ab\x7f", 2 },    { "\xff", 0 },
		{ "caf\xc3", 3 },          { "\xc0\xaf", 0 },  { "\xed\xa0\x80", 0 },
		{ "\xf4\x90\x80\x80", 0 }, { "x\xc2\x85", 1 }, { "a\tb", 1 },
	};
	size_t bad = 99;

	(void)state;
	assert_true(str_is_text("caf\xc3\xa9 \xf0\x9f\x8c\x8a", 10, false, &bad));
	assert_true(str_is_text("", 0, false, &bad));
	assert_true(str_is_text("a\tb\r\n", 5, true, &bad));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_false(str_is_text(wrong[i].text, strlen(wrong[i].text), false, &bad));
		assert_int_equal(bad, wrong[i].bad);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fits_is_there_and_what_does_not_is_said_once),
		cmocka_unit_test(a_format_that_is_too_long_is_cut),
		cmocka_unit_test(one_octet_holds_the_empty_text),
		cmocka_unit_test(hex_goes_both_ways),
		cmocka_unit_test(wrong_hex_is_refused),
		cmocka_unit_test(printable_is_utf8_without_control_characters),
	};

	return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
