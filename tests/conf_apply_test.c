/* SPDX-License-Identifier: ISC */
/* conf_apply_test.c - the steps from one configuration to the next, as a line each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/conf_samples.h"

/* ---- The steps as text --------------------------------------------------------------------- */

static void note(void *ctx, const char *step, const struct conf_neighbor *n,
		 const struct conf_rule *r)
{
	char text[ADDR_TEXT_MAX];

	str_addf(ctx, "%s %s", step, addr_print(&n->bgp.remote, text));
	if (r != NULL)
		str_addf(ctx, " %u:%u", r->nlri[2], r->then != NULL ? r->then->ext[0][1] : 0);
	str_add(ctx, "\n");
}

static void add(void *ctx, const struct conf_neighbor *n)
{
	note(ctx, "add", n, NULL);
}

static void change(void *ctx, const struct conf_neighbor *old, const struct conf_neighbor *n)
{
	assert_true(addr_equal(&old->bgp.remote, &n->bgp.remote));
	note(ctx, "change", n, NULL);
}

static void announce(void *ctx, const struct conf_neighbor *n, const struct conf_rule *r)
{
	note(ctx, "announce", n, r);
}

static void withdraw(void *ctx, const struct conf_neighbor *n, const struct conf_rule *r)
{
	note(ctx, "withdraw", n, r);
}

static void gone(void *ctx, const struct conf_neighbor *n)
{
	note(ctx, "remove", n, NULL);
}

static const struct conf_steps steps = { add, change, announce, withdraw, gone };

static struct conf *parse(const char *text)
{
	struct err e;
	char buf[400];
	struct conf *c = conf_parse("a.conf", text, strlen(text), NULL, NULL, &e);

	if (c == NULL)
		print_message("# %s\n", err_string(&e, buf, sizeof(buf)));
	assert_non_null(c);
	return c;
}

/* From one file (NULL: none) to another these steps are taken, and none again. */
static void steps_are(const char *from, const char *to, const char *want)
{
	char got[4096];
	struct str s = str_over(got, sizeof(got));
	struct conf *old = from != NULL ? parse(from) : NULL, *c = parse(to);

	conf_apply(old, c, &steps, &s);
	assert_string_equal(got, want);
	conf_free(old);
	old = parse(to);
	s = str_over(got, sizeof(got));
	conf_apply(old, c, &steps, &s);
	assert_string_equal(got, "");
	conf_free(old);
	conf_free(c);
}

#define N1         "neighbor 192.0.2.1 { router-id 192.0.2.9; local-as 1; peer-as 1; "
#define N2         "neighbor 192.0.2.2 { router-id 192.0.2.9; local-as 1; peer-as 1; "
#define RULE(p, t) "route { match { protocol " #p "; } then { " t "; } } "

/* ---- Cases --------------------------------------------------------------------------------- */

static void the_first_configuration_is_all_additions(void **state)
{
	(void)state;
	steps_are(NULL,
		  N1 "flow { " RULE(6, "discard") " } }" N2 "flow { " RULE(17, "mark 1") "} }",
		  "add 192.0.2.1\nadd 192.0.2.2\n"
		  "announce 192.0.2.1 6:6\nannounce 192.0.2.2 17:9\n");
}

static void the_same_file_again_is_no_step(void **state)
{
	static const char text[] = N1 "flow { " RULE(6, "discard") " } }";

	(void)state;
	steps_are(text, text, "");
}

static void a_changed_action_is_one_announcement(void **state)
{
	(void)state;
	steps_are(N1 "flow { " RULE(6, "discard") RULE(17, "discard") " } }",
		  N1 "flow { " RULE(6, "discard") RULE(17, "mark 1") " } }",
		  "announce 192.0.2.1 17:9\n");
	steps_are(N1 "flow { " RULE(6, "discard") " } }", N1 "flow { " RULE(6, "accept") " } }",
		  "announce 192.0.2.1 6:0\n");
	steps_are(N1 "flow { " RULE(6, "accept") " } }", N1 "flow { " RULE(6, "discard") " } }",
		  "announce 192.0.2.1 6:6\n");
}

static void a_changed_next_hop_is_one_announcement(void **state)
{
	(void)state;
	steps_are(N1 "flow { " RULE(6, "redirect 192.0.2.7") " } }",
		  N1 "flow { " RULE(6, "redirect 192.0.2.8") " } }", "announce 192.0.2.1 6:0\n");
}

static void a_rule_renamed_or_moved_is_no_step(void **state)
{
	(void)state;
	steps_are(N1 "flow { route a { match { protocol 6; } then { discard; } } }\n }",
		  N1 "flow { route b { then { discard; } match { protocol =tcp; } } } }", "");
	steps_are(N1 "flow { " RULE(6, "discard") RULE(17, "discard") " } }",
		  N1 "flow { " RULE(17, "discard") "\n" RULE(6, "discard") " } }", "");
}

static void additions_come_before_removals(void **state)
{
	(void)state;
	steps_are(N1 "flow { " RULE(6, "discard") RULE(17, "discard") " } }",
		  N1 "flow { " RULE(17, "discard") RULE(1, "discard") " } }",
		  "announce 192.0.2.1 1:6\nwithdraw 192.0.2.1 6:6\n");
	steps_are(N1 "flow { " RULE(6, "discard") " } }" N2 "}",
		  N1 "}" N2 "flow { " RULE(6, "discard") " } }",
		  "announce 192.0.2.2 6:6\nwithdraw 192.0.2.1 6:6\n");
}

static void a_neighbor_goes_last_and_takes_its_rules(void **state)
{
	(void)state;
	steps_are(N1 "flow { " RULE(6, "discard") " } }", N2 "flow { " RULE(6, "discard") " } }",
		  "add 192.0.2.2\nannounce 192.0.2.2 6:6\nremove 192.0.2.1\n");
	steps_are(N1 "flow { " RULE(6, "discard") " } }", "", "remove 192.0.2.1\n");
}

static void changed_parameters_are_told_before_rules(void **state)
{
	static const char *const words[] = {
		"hold-time 9; ",
		"description a; ",
		"connect 1179; ",
		"md5-password a; ",
		"family { ipv4 flow; } ",
		"capability { asn4 disable; } ",
		"capability { route-refresh disable; } ",
		"route-reflector-client; ",
		"validate off; ",
	};
	char to[512];

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		(void)snprintf(to, sizeof(to),
			       N1 "%s"
				  "flow { " RULE(6, "mark 1") " } }",
			       words[i]);
		steps_are(N1 "flow { " RULE(6, "discard") " } }" N2 "}", to,
			  "change 192.0.2.1\nannounce 192.0.2.1 6:9\nremove 192.0.2.2\n");
	}
}

static void another_local_address_is_another_neighbor(void **state)
{
	(void)state;
	steps_are("neighbor 192.0.2.1 { local-as 1; peer-as 1; local-address 192.0.2.8; }",
		  "neighbor 192.0.2.1 { local-as 1; peer-as 1; local-address 192.0.2.9; }",
		  "add 192.0.2.1\nremove 192.0.2.1\n");
}

/* ---- Many rules ---------------------------------------------------------------------------- */

struct counts {
	unsigned announced, withdrawn;
};

static void count_announce(void *ctx, const struct conf_neighbor *n, const struct conf_rule *r)
{
	(void)n;
	(void)r;
	((struct counts *)ctx)->announced++;
}

static void count_withdraw(void *ctx, const struct conf_neighbor *n, const struct conf_rule *r)
{
	(void)n;
	(void)r;
	((struct counts *)ctx)->withdrawn++;
}

/* Rules from..to - 1, one destination each. */
static struct conf *many(unsigned from, unsigned to)
{
	struct printed p = { 0 };
	char one[160];
	struct conf *c;

	printed_add(&p, N1 "flow {\n");
	for (unsigned i = from; i < to; i++) {
		(void)snprintf(one, sizeof(one),
			       "route { match { destination 10.%u.%u.%u/32; protocol udp; } "
			       "then { discard; } }\n",
			       i >> 16, i >> 8 & 255, i & 255);
		printed_add(&p, one);
	}
	printed_add(&p, "} }\n");
	c = parse(p.text);
	free(p.text);
	return c;
}

static void of_a_hundred_thousand_rules_the_difference_goes_out(void **state)
{
	const struct conf_steps counting = { add, change, count_announce, count_withdraw, gone };
	struct conf *old = many(0, 100000), *c = many(10, 100020);
	struct counts n = { 0 };

	(void)state;
	conf_apply(old, c, &counting, &n);
	assert_int_equal(n.announced, 20);
	assert_int_equal(n.withdrawn, 10);
	conf_free(old);
	conf_free(c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_configuration_is_all_additions),
		cmocka_unit_test(the_same_file_again_is_no_step),
		cmocka_unit_test(a_changed_action_is_one_announcement),
		cmocka_unit_test(a_changed_next_hop_is_one_announcement),
		cmocka_unit_test(a_rule_renamed_or_moved_is_no_step),
		cmocka_unit_test(additions_come_before_removals),
		cmocka_unit_test(a_neighbor_goes_last_and_takes_its_rules),
		cmocka_unit_test(changed_parameters_are_told_before_rules),
		cmocka_unit_test(another_local_address_is_another_neighbor),
		cmocka_unit_test(of_a_hundred_thousand_rules_the_difference_goes_out),
	};

	return cmocka_run_group_tests_name("conf_apply", tests, NULL, NULL);
}
