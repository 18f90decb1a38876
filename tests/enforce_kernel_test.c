/* SPDX-License-Identifier: ISC */
/* enforce_kernel_test.c - what is said of a kernel that lacks something. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "enforce/kernel.h"

static char warned[512];
static unsigned warnings;

static void note(const char *text)
{
	(void)snprintf(warned, sizeof(warned), "%s", text);
	warnings++;
}

static struct kernel all(int value)
{
	struct kernel k;

	for (int i = 0; i < KERNEL_FACTS; i++)
		k.has[i] = value;
	warnings = 0;
	return k;
}

static void test_a_whole_kernel_is_not_spoken_of(void **state)
{
	struct kernel k = all(1);
	struct err e = { 0 };

	(void)state;
	assert_true(kernel_suffices(&k, note, &e));
	assert_int_equal(warnings, 0);
}

/* What cannot be told is found out, or not, when the program is loaded. */
static void test_what_cannot_be_told_is_not_said_to_lack(void **state)
{
	struct kernel k = all(-1);
	struct err e = { 0 };

	(void)state;
	assert_true(kernel_suffices(&k, note, &e));
	assert_int_equal(warnings, 0);
}

static void test_each_thing_that_lacks_is_named_with_what_follows(void **state)
{
	static const struct {
		enum kernel_fact fact;
		const char *what, *follows;
	} rows[] = {
		{ KERNEL_XDP, "no XDP program", "only backend nftables" },
		{ KERNEL_ARRAY, "no BPF array maps", "only backend nftables" },
		{ KERNEL_PERCPU_ARRAY, "no BPF arrays for each CPU", "only backend nftables" },
		{ KERNEL_HASH, "no BPF hash maps", "only backend nftables" },
		{ KERNEL_ARRAY_OF_MAPS, "no BPF maps of maps", "only backend nftables" },
		{ KERNEL_PROG_ARRAY, "no BPF arrays of programs", "only backend nftables" },
		{ KERNEL_RINGBUF, "no BPF ring buffers", "only backend nftables" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kernel k = all(1);
		struct err e = { 0 };

		k.has[rows[i].fact] = 0;
		assert_false(kernel_suffices(&k, note, &e));
		assert_non_null(strstr(e.text, rows[i].what));
		assert_non_null(strstr(e.text, rows[i].follows));
		assert_int_equal(warnings, 0);
	}
	assert_int_equal(sizeof(rows) / sizeof(rows[0]), KERNEL_FACTS - 1);
}

static void test_without_a_jit_it_works_and_says_what_it_costs(void **state)
{
	struct kernel k = all(1);
	struct err e = { 0 };

	(void)state;
	k.has[KERNEL_JIT] = 0;
	assert_true(kernel_suffices(&k, note, &e));
	assert_int_equal(warnings, 1);
	assert_non_null(strstr(warned, "bpf_jit_enable"));
	assert_non_null(strstr(warned, "each packet costs"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_whole_kernel_is_not_spoken_of),
		cmocka_unit_test(test_what_cannot_be_told_is_not_said_to_lack),
		cmocka_unit_test(test_each_thing_that_lacks_is_named_with_what_follows),
		cmocka_unit_test(test_without_a_jit_it_works_and_says_what_it_costs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
