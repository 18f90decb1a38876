/* SPDX-License-Identifier: ISC */
/* lex_test.c - words of the rule language and their places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/lex.h"

/* Words as "line:col:text|", a quoted one in "". */
struct vector {
	const char *text, *words;
};

static const struct vector vectors[] = {
	{ "", "" },
	{ "  \t\n\r ", "" },
	{ "a bc;", "1:1:a|1:3:bc|1:5:;|" },
	{ "route A { match{x;}}",
	  "1:1:route|1:7:A|1:9:{|1:11:match|1:16:{|1:17:x|1:18:;|1:19:}|1:20:}|" },
	{ "a\n  b\n\tc", "1:1:a|2:3:b|3:2:c|" },
	{ "a # b { ; \"\nc#d\n", "1:1:a|2:1:c|" },
	{ "#", "" },
	{ "[=80 =443],(x)", "1:1:[|1:2:=80|1:6:=443|1:10:]|1:11:,|1:12:(|1:13:x|1:14:)|" },
	{ ">8080&<8088", "1:1:>8080&<8088|" },
	{ "\"a b\" 'c;d' x", "1:1:\"a b\"|1:7:\"c;d\"|1:13:x|" },
	{ "\"\"", "1:1:\"\"|" },
	{ "'a\\'b' c", "1:1:\"a\\'b\"|1:8:c|" },
	{ "\"a\nb\" c", "1:1:\"a\nb\"|2:4:c|" },
	{ "a \\\n b", "1:1:a|2:2:b|" },
	{ "a\\\r\nb", "1:1:a|2:1:b|" },
	{ "a\\nb", "1:1:a\\nb|" },
	{ "\xff\xfe", "1:1:\xff\xfe|" },
	{ "\"never", "1:1:\"never\"!|" },
};

static void run(void **state)
{
	const struct vector *v = *state;
	char got[256] = "";
	size_t n = 0;
	struct lex l;

	for (lex_init(&l, v->text, strlen(v->text)); !lex_at_end(&l); lex_next(&l)) {
		const char *quote = l.word.quoted ? "\"" : "";

		n += (size_t)snprintf(got + n, sizeof(got) - n, "%u:%u:%s%.*s%s%s|", l.word.line,
				      l.word.col, quote, (int)l.word.len, l.word.text, quote,
				      l.unterminated ? "!" : "");
	}
	assert_string_equal(got, v->words);
}

static struct word word(const char *text)
{
	return (struct word){ .text = text, .len = strlen(text) };
}

static void numbers_are_decimal_and_hex_where_asked(void **state)
{
	static const char *const bad[] = { "",
					   "-1",
					   "+1",
					   " 1",
					   "1 ",
					   "1x",
					   "0x",
					   "ff",
					   "0xg",
					   "256",
					   "99999999999999999999999" };
	uint64_t v = 0;
	struct word w = word("0x1F");

	(void)state;
	assert_true(word_number(&w, 255, true, &v) && v == 31);
	assert_false(word_number(&w, 255, false, &v));
	w = word("18446744073709551615");
	assert_true(word_number(&w, UINT64_MAX, false, &v) && v == UINT64_MAX);
	w = word("18446744073709551616");
	assert_false(word_number(&w, UINT64_MAX, false, &v));
	w = word("007");
	assert_true(word_number(&w, 255, true, &v) && v == 7);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		w = word(bad[i]);
		assert_false(word_number(&w, 255, true, &v));
	}
	assert_int_equal(v, 7);
}

static void a_copy_resolves_escapes_and_knows_its_room(void **state)
{
	struct word w = word("a\\n\\t\\\"\\q\\u20AC\\");
	char buf[16];

	(void)state;
	w.quoted = true;
	assert_true(word_copy(&w, buf, sizeof(buf)));
	assert_string_equal(buf, "a\n\t\"q\xe2\x82\xac\\");
	w.quoted = false;
	assert_false(word_copy(&w, buf, sizeof(buf)));
	w = word("abcd");
	assert_false(word_copy(&w, buf, 4));
	assert_true(word_copy(&w, buf, 5));
	assert_string_equal(buf, "abcd");
	assert_false(word_copy(&w, buf, 0));
	w = (struct word){ .text = "a\0b", .len = 3 };
	assert_false(word_copy(&w, buf, sizeof(buf)));
}

static void a_quoted_word_is_no_keyword(void **state)
{
	struct word w = word("Match");

	(void)state;
	assert_true(word_is(&w, "match"));
	assert_false(word_is(&w, "mat"));
	assert_false(word_is(&w, "matchx"));
	w.quoted = true;
	assert_false(word_is(&w, "match"));
	w = (struct word){ .text = "ab\0cd", .len = 5 };
	assert_false(word_is(&w, "ab"));
}

static void an_error_names_the_word_and_its_place(void **state)
{
	struct err e = { .source = "edge.conf" };
	char buf[256];
	struct lex l;

	(void)state;
	lex_init(&l, "x\n  th\x1b\x65n", 9);
	assert_true(lex_expect(&l, "x", &e));
	assert_false(lex_expect(&l, ";", &e));
	assert_string_equal(err_string(&e, buf, sizeof(buf)),
			    "edge.conf:2:3: expected ';', found 'th?en'");
	lex_next(&l);
	assert_false(lex_expect(&l, "}", &e));
	assert_string_equal(err_string(&e, buf, sizeof(buf)),
			    "edge.conf:2:8: expected '}' at the end of the file");
	assert_false(lex_fail(&l, NULL, "no error asked for"));
}

static void a_long_word_is_shown_in_part(void **state)
{
	static char text[5000];
	struct err e = { 0 };
	struct lex l;

	(void)state;
	memset(text, 'y', sizeof(text));
	lex_init(&l, text, sizeof(text));
	assert_false(lex_fail(&l, &e, "unknown"));
	assert_string_equal(e.text, "unknown 'yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy...'");
}

static void an_open_quote_is_named_as_such(void **state)
{
	struct err e = { 0 };
	struct lex l;

	(void)state;
	lex_init(&l, "a 'b", 4);
	lex_next(&l);
	assert_true(l.unterminated);
	assert_false(lex_fail(&l, &e, "unknown"));
	assert_string_equal(e.text, "a quote that is never closed");
	assert_int_equal(e.col, 3);
}

int main(void)
{
	enum {
		COUNT = sizeof(vectors) / sizeof(vectors[0])
	};
	struct CMUnitTest tests[COUNT + 6] = {
		[COUNT] = cmocka_unit_test(numbers_are_decimal_and_hex_where_asked),
		[COUNT + 1] = cmocka_unit_test(a_copy_resolves_escapes_and_knows_its_room),
		[COUNT + 2] = cmocka_unit_test(a_quoted_word_is_no_keyword),
		[COUNT + 3] = cmocka_unit_test(an_error_names_the_word_and_its_place),
		[COUNT + 4] = cmocka_unit_test(a_long_word_is_shown_in_part),
		[COUNT + 5] = cmocka_unit_test(an_open_quote_is_named_as_such),
	};
	static char names[COUNT][24];

	for (size_t i = 0; i < COUNT; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "words, row %zu", i + 1);
		tests[i] = (struct CMUnitTest){ .name = names[i],
						.test_func = run,
						.initial_state = (void *)&vectors[i] };
	}
	return cmocka_run_group_tests_name("lex", tests, NULL, NULL);
}
