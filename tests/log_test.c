/* SPDX-License-Identifier: ISC */
/* log_test.c - a line of the log, as it stands on standard error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* What say() writes there. */
static size_t heard(void (*say)(void), char *line, size_t size)
{
	int ends[2], before = dup(STDERR_FILENO);

	assert_true(before >= 0);
	assert_int_equal(pipe(ends), 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	say();
	assert_true(dup2(before, STDERR_FILENO) >= 0);
	close(before);
	close(ends[1]);
	ssize_t n = read(ends[0], line, size - 1);
	close(ends[0]);
	assert_true(n >= 0);
	line[n] = '\0';
	return (size_t)n;
}

static void say_something(void)
{
	log_info("peer %s: up", "192.0.2.1");
}

static void say_much(void)
{
	char text[3000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_error("%s", text);
}

static void say_a_forged_line(void)
{
	log_warning("said\n2026-11-24T08:03:04.123Z hub: \x1b[31mgone");
}

static void say_nothing(void)
{
	log_debug("not asked for");
}

/* The shape of "2026-11-24T08:03:04.123Z ". */
static void assert_time(const char *line)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddZ ";

	for (size_t i = 0; shape[i] != '\0'; i++)
		if (shape[i] == 'd')
			assert_in_range(line[i], '0', '9');
		else
			assert_int_equal(line[i], shape[i]);
}

static void a_line_begins_with_the_time(void **state)
{
	char line[256];

	(void)state;
	unsetenv("JOURNAL_STREAM");
	heard(say_something, line, sizeof(line));
	assert_time(line);
	assert_string_equal(line + 25, "peer 192.0.2.1: up\n");
}

static void under_systemd_the_journal_has_the_time(void **state)
{
	char line[256];

	(void)state;
	setenv("JOURNAL_STREAM", "8:12345", 1);
	heard(say_something, line, sizeof(line));
	assert_string_equal(line, "peer 192.0.2.1: up\n");
}

static void a_long_line_is_cut_and_ends(void **state)
{
	char line[4096];

	(void)state;
	unsetenv("JOURNAL_STREAM");
	size_t n = heard(say_much, line, sizeof(line));
	assert_in_range(n, 1000, 1024);
	assert_int_equal(line[n - 1], '\n');
	assert_int_equal(line[n - 2], 'x');
}

static void what_a_peer_said_forges_no_line(void **state)
{
	char line[256];

	(void)state;
	setenv("JOURNAL_STREAM", "8:12345", 1);
	heard(say_a_forged_line, line, sizeof(line));
	assert_string_equal(line, "said?2026-11-24T08:03:04.123Z hub: ?[31mgone\n");
}

static void a_level_above_is_dropped(void **state)
{
	char line[256];

	(void)state;
	assert_int_equal(heard(say_nothing, line, sizeof(line)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_begins_with_the_time),
		cmocka_unit_test(under_systemd_the_journal_has_the_time),
		cmocka_unit_test(a_long_line_is_cut_and_ends),
		cmocka_unit_test(what_a_peer_said_forges_no_line),
		cmocka_unit_test(a_level_above_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
