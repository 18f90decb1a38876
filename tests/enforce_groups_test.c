/* SPDX-License-Identifier: ISC */
/* Groups of interfaces: their numbers, and where a rule is in force. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "enforce/groups.h"

static const struct enforce_group abc[] = { { 65000, 1 }, { 65000, 2 }, { 4294967295U, 16383 } };

static struct groups made(__u64 name[XDP_GROUPS], const struct enforce_group *list, size_t n,
			  uint64_t in_use)
{
	struct groups g;
	struct err e = { 0 };

	if (!groups_make(&g, name, list, n, in_use, &e))
		fail_msg("%s", e.text);
	return g;
}

static uint64_t where(const struct groups *g, uint32_t as, uint16_t group)
{
	struct flow_actions a = { .interface_sets = 1,
				  .interface_set = { { as, group, true, 0 } } };
	uint64_t ret = 77;

	return groups_of_rule(g, &a, &ret, NULL) ? ret : 0;
}

static void test_a_group_keeps_its_number(void **state)
{
	static const struct enforce_group cxa[] = { { 4294967295U, 16383 },
						    { 7, 7 },
						    { 65000, 1 } };
	__u64 name[XDP_GROUPS] = { 0 };
	struct groups first = made(name, abc, 3, 0), second;
	uint64_t a = where(&first, 65000, 1), c = where(&first, 4294967295U, 16383);

	(void)state;
	assert_true(a != 0 && c != 0 && a != c);
	second = made(name, cxa, 3, 0);
	assert_true(where(&second, 65000, 1) == a);
	assert_true(where(&second, 4294967295U, 16383) == c);
	assert_true(where(&second, 65000, 2) == 0); /* no longer in the file */
	assert_true(groups_of_file(&second, 1) == c);
	assert_true(groups_of_file(&second, 4) == a);
	assert_true(groups_of_file(&second, 5) == (a | c));
}

/* A number is given to another group only when no rule goes by it. */
static void test_numbers_are_used_again(void **state)
{
	__u64 name[XDP_GROUPS] = { 0 };
	struct enforce_group all[ENFORCE_GROUPS_MAX];
	struct groups g;
	struct err e = { 0 };

	(void)state;
	for (unsigned i = 0; i < ENFORCE_GROUPS_MAX; i++)
		all[i] = (struct enforce_group){ 1, (uint16_t)i };
	g = made(name, all, ENFORCE_GROUPS_MAX, 0);
	for (unsigned i = 0; i < ENFORCE_GROUPS_MAX; i++)
		assert_true(groups_of_file(&g, UINT64_C(1) << i) == where(&g, 1, (uint16_t)i));
	assert_true(groups_of_file(&g, UINT64_MAX) == UINT64_MAX);
	g = made(name, abc, 1, ~(UINT64_C(1) << 40));
	assert_true(groups_of_file(&g, 1) == UINT64_C(1) << 40);
	assert_false(groups_make(&g, name, abc, 2, UINT64_MAX, &e));
	assert_non_null(strstr(e.text, "more than 64 groups"));
}

static void refused(const struct groups *g, const struct flow_actions *a, const char *reason)
{
	struct err e = { 0 };
	uint64_t ret;

	assert_false(groups_of_rule(g, a, &ret, &e));
	assert_string_equal(e.text, reason);
}

static void test_where_a_rule_is_in_force(void **state)
{
	__u64 name[XDP_GROUPS] = { 0 };
	struct groups g = made(name, abc, 3, 0);
	struct flow_actions a = { .interface_sets = 3,
				  .interface_set = { { 65000, 1, true, false },
						     { 65000, 2, false, true },
						     { 7, 7, true, true } } };
	uint64_t ret = 77;

	(void)state;
	assert_true(groups_of_rule(&g, &a, &ret, NULL));
	assert_true(ret == where(&g, 65000, 1));
	a.interface_set[2] = (struct flow_interface_set){ 65000, 2, true, true };
	assert_true(groups_of_rule(&g, &a, &ret, NULL));
	assert_true(ret == (where(&g, 65000, 1) | where(&g, 65000, 2)));
	assert_true(groups_of_rule(&g, &(struct flow_actions){ 0 }, &ret, NULL));
	assert_true(ret == 0);
}

static void test_nowhere_has_a_reason(void **state)
{
	__u64 name[XDP_GROUPS] = { 0 };
	struct groups g = made(name, abc, 1, 0);
	struct flow_actions a = { .interface_sets = 1,
				  .interface_set = { { 65000, 2, true, false } } };

	(void)state;
	refused(&g, &a, "interface-set: no interface here is in its groups");
	refused(NULL, &a, "interface-set: no interface here is in its groups");
	a.interface_set[0] = (struct flow_interface_set){ 65000, 1, false, true };
	refused(&g, &a,
		"interface-set for output alone is not enforced: packets are looked at as they "
		"come in");
	a.interface_sets = FLOW_EXT_MAX + 1;
	refused(&g, &a, "more than 64 interface-sets");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_group_keeps_its_number),
		cmocka_unit_test(test_numbers_are_used_again),
		cmocka_unit_test(test_where_a_rule_is_in_force),
		cmocka_unit_test(test_nowhere_has_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
