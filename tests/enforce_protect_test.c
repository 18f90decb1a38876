/* SPDX-License-Identifier: ISC */
/* enforce_protect_test.c - protected flows: their names, and statements as the kernel reads them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "conf/conf.h"
#include "enforce/protect.h"

/* The file and the enforcer name the same defaults, and each says what it is. */
static void names_are_those_of_the_file(void **state)
{
	(void)state;
	assert_int_equal(CONF_PROTECT_DEFAULTS, XDP_DEFAULTS);
	assert_int_equal(CONF_PROTECT_MAX, XDP_STATEMENTS);
	for (int d = 0; d < CONF_PROTECT_DEFAULTS; d++) {
		int number = protect_default_number(conf_protect_defaults[d]);

		assert_true(number >= 0);
		assert_string_equal(protect_default_name((unsigned)number),
				    conf_protect_defaults[d]);
		assert_non_null(protect_default_match((unsigned)number));
	}
	assert_int_equal(protect_default_number("rsh"), -1);
}

static bool make(const char *rule, struct xdp_rule *ret, struct err *e)
{
	static struct flow_rule r;
	struct enforce_protect_statement s = { .name = "lab" };
	struct flow_text_options o = { .family = FLOW_IPV4 };

	assert_true(flow_text_rule(rule, strlen(rule), &o, &r, NULL));
	s.nlri = flow_rule_nlri(&r);
	return protect_statement_make(&s, ret, e);
}

static void prefixes_are_in_host_order(void **state)
{
	struct xdp_rule r;

	(void)state;
	assert_true(make("match { destination 192.0.2.0/24; }", &r, NULL));
	assert_int_equal(r.destination.mask[0], 0xffffff00);
	assert_int_equal(r.destination.value[0], 0xc0000200);
	assert_int_equal(r.source.mask[0], 0);
	assert_true(make("match { source 2001:db8::1/128; }", &r, NULL));
	assert_int_equal(r.family, XDP_IPV6);
	assert_int_equal(r.source.mask[1], UINT64_MAX);
	assert_int_equal(r.source.value[0], 0x20010db800000000);
	assert_int_equal(r.source.value[1], 1);
	assert_int_equal(r.destination.mask[0], 0);
}

static void what_is_not_exact_is_refused_by_name(void **state)
{
	char rule[4096] = "match { destination-port [";
	struct xdp_rule r;
	struct err e = { 0 };

	(void)state;
	for (int port = 1; port < 260; port += 2)
		(void)snprintf(rule + strlen(rule), sizeof(rule) - strlen(rule), " =%d", port);
	strcat(rule, " ]; }");
	assert_false(make(rule, &r, &e));
	assert_string_equal(e.text, "protect: route lab: more than 128 ranges of values");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_those_of_the_file),
		cmocka_unit_test(prefixes_are_in_host_order),
		cmocka_unit_test(what_is_not_exact_is_refused_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
