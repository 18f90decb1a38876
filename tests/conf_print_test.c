/* SPDX-License-Identifier: ISC */
/* conf_print_test.c - what is printed, and that it parses to the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/conf_samples.h"

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

/* Printed, it parses without a warning to an equal one, and that prints the same. */
static void comes_back(const char *text)
{
	char warnings[512];
	struct str w = str_over(warnings, sizeof(warnings));
	struct conf *c = parse(text), *again;
	struct printed first = printed_conf(c), second;

	again = conf_parse("b.conf", first.text, first.len, sample_note, &w, NULL);
	assert_non_null(again);
	assert_string_equal(warnings, "");
	assert_true(conf_equal(c, again, true));
	second = printed_conf(again);
	assert_string_equal(first.text, second.text);
	free(first.text);
	free(second.text);
	conf_free(c);
	conf_free(again);
}

static void prints_as(const char *text, const char *want)
{
	struct conf *c = parse(text);
	struct printed p = printed_conf(c);

	assert_string_equal(p.text, want);
	free(p.text);
	conf_free(c);
}

static void the_write_ups_file_prints_as_this(void **state)
{
	size_t len;
	char *text = sample_text("whole.conf", &len), *want = sample_text("whole.printed", &len);

	(void)state;
	prints_as(text, want);
	comes_back(text);
	free(text);
	free(want);
}

static void every_statement_prints(void **state)
{
	static const char text[] = "cluster-id 192.0.2.205;\n"
				   "control {\n"
				   "\tsocket /run/headgate/a;\n"
				   "\tgroup \"net ops\";\n"
				   "}\n"
				   "neighbor 192.0.2.1 {\n"
				   "\tdescription \"p5, \\\"the\\\" \\\\reflector\";\n"
				   "\trouter-id 192.0.2.9;\n"
				   "\tlocal-address 192.0.2.10;\n"
				   "\tlocal-as 65537;\n"
				   "\tpeer-as 4294967295;\n"
				   "\thold-time 0;\n"
				   "\tpassive;\n"
				   "\tlisten 1179;\n"
				   "\tconnect 65535;\n"
				   "\tmd5-password \"a;b#c\";\n"
				   "\troute-reflector-client;\n"
				   "\tvalidate log;\n"
				   "\tcapability {\n"
				   "\t\tasn4 enable;\n"
				   "\t\troute-refresh disable;\n"
				   "\t}\n"
				   "\tfamily {\n"
				   "\t\tipv4 unicast;\n"
				   "\t\tipv6 flow;\n"
				   "\t}\n"
				   "}\n"
				   "enforce {\n"
				   "\tinterface r2-inet7;\n"
				   "\tinterface eth* {\n"
				   "\t\tmode monitor;\n"
				   "\t\tgroup 65000:7;\n"
				   "\t\tgroup 4294967295:16383;\n"
				   "\t}\n"
				   "\tinterface eth9 {\n"
				   "\t\tgroup 65000:7;\n"
				   "\t}\n"
				   "\tinterface wg0 {\n"
				   "\t\tattach tc;\n"
				   "\t}\n"
				   "\tmode monitor;\n"
				   "\thub-away remove;\n"
				   "\tsource 192.0.2.10 {\n"
				   "\t\tmode monitor;\n"
				   "\t\thub-away keep 300 seconds;\n"
				   "\t}\n"
				   "\tsource user:root {\n"
				   "\t\tmode enforce;\n"
				   "\t\thub-away keep;\n"
				   "\t}\n"
				   "\tbackend nftables;\n"
				   "\tattach native;\n"
				   "\tsample 50;\n"
				   "\tvrf red {\n"
				   "\t\timport target:65000:9;\n"
				   "\t\timport target:192.0.2.1:9;\n"
				   "\t\timport target:1L:9;\n"
				   "\t\timport target:[2001:db8::9]:9;\n"
				   "\t\tinterface red0;\n"
				   "\t\tinterface red1;\n"
				   "\t\ttable 9;\n"
				   "\t}\n"
				   "\tvrf \"scrubbing center\" {\n"
				   "\t\timport target:65000:9;\n"
				   "\t\tredirect interface scrub0;\n"
				   "\t}\n"
				   "}\n"
				   "protect {\n"
				   "\troute lab { match { source 192.0.2.0/24; } }\n"
				   "\troute \"two words\" { match { destination-port =8443; } }\n"
				   "\tdefault ospf off;\n"
				   "\tdefault ssh off;\n"
				   "}\n";

	(void)state;
	prints_as(text, text);
	comes_back(text);
}

static void an_empty_configuration_prints_nothing(void **state)
{
	(void)state;
	prints_as("", "");
	comes_back("");
}

#define NEIGHBOR "neighbor 192.0.2.1 { router-id 192.0.2.9; local-as 1; peer-as 1; "

static void rules_of_every_kind_come_back(void **state)
{
	(void)state;
	comes_back(NEIGHBOR "flow {\n"
			    "route \"two words\" { match { protocol tcp; } then { accept; } }\n"
			    "route { match { protocol udp; } }\n"
			    "route { rd 65000:1; match { destination 2001:db8::/32; }\n"
			    " then { redirect 65000:1; mark 10; community 65000:666; } }\n"
			    "route { next-hop self; match { source 10.0.0.0/8; }\n"
			    " then { redirect-to-nexthop; } }\n"
			    "route { match { source 11.0.0.0/8; } then { redirect 192.0.2.7; } }\n"
			    "route { scope { interface-set transitive:input:65000:1; }\n"
			    " match { source 12.0.0.0/8; } then { rate-limit 9600; } }\n"
			    "route destination 192.0.2.1/24 fragment [ is-fragment ] discard;\n"
			    "} }");
}

static void templates_and_groups_come_back_as_neighbors(void **state)
{
	(void)state;
	comes_back("template { neighbor t { local-as 1; peer-as 2; flow {\n"
		   "route { match { protocol tcp; } then { discard; } } } } }\n"
		   "group g { inherit t; router-id 192.0.2.9;\n"
		   " neighbor 192.0.2.1 { } neighbor 2001:DB8::1 { family { all; } } }\n");
}

static void every_odd_sample_comes_back(void **state)
{
	char path[4096], name[512];
	struct dirent **files;
	int n = scandir(sample_path("warnings", path, sizeof(path)), &files, NULL, alphasort);
	size_t len;
	char *text;

	(void)state;
	assert_true(n > 2);
	for (int i = 0; i < n; i++) {
		if (files[i]->d_name[0] != '.') {
			(void)snprintf(name, sizeof(name), "warnings/%s", files[i]->d_name);
			text = sample_text(name, &len);
			comes_back(text);
			free(text);
		}
		free(files[i]);
	}
	free(files);
}

/* Changes one value each, and must be seen. */
static void equality_sees_every_difference(void **state)
{
	static const char base[] =
		NEIGHBOR "flow { route a { match { protocol tcp; } then { discard; } } } }";
	static const char *const others[] = {
		"",
		"cluster-id 192.0.2.9; " NEIGHBOR
		"flow { route a { match { protocol tcp; } then { discard; } } } }",
		"control { group a; } " NEIGHBOR
		"flow { route a { match { protocol tcp; } then { discard; } } } }",
		"enforce { interface a; } " NEIGHBOR
		"flow { route a { match { protocol tcp; } then { discard; } } } }",
		NEIGHBOR
		"hold-time 9; flow { route a { match { protocol tcp; } then { discard; } } } }",
		NEIGHBOR
		"validate on; flow { route a { match { protocol tcp; } then { discard; } } } }",
		NEIGHBOR "flow { route b { match { protocol tcp; } then { discard; } } } }",
		NEIGHBOR "flow { route a { match { protocol udp; } then { discard; } } } }",
		NEIGHBOR "flow { route a { match { protocol tcp; } then { mark 1; } } } }",
		NEIGHBOR "flow { route a { match { protocol tcp; } then { accept; } } } }",
		NEIGHBOR "}",
	};
	struct conf *a = parse(base), *b = parse(base);

	(void)state;
	assert_true(conf_equal(a, b, true));
	conf_free(b);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		b = parse(others[i]);
		assert_false(conf_equal(a, b, true));
		assert_false(conf_equal(b, a, true));
		conf_free(b);
	}
	conf_free(a);
}

/* The same of what a VRF says. */
static void equality_sees_every_difference_of_a_vrf(void **state)
{
	static const char base[] =
		"enforce { interface a; vrf red { import target:1:1; table 9; } }";
	static const char *const others[] = {
		"enforce { interface a; }",
		"enforce { interface a; vrf blue { import target:1:1; table 9; } }",
		"enforce { interface a; vrf red { import target:1:2; table 9; } }",
		"enforce { interface a; vrf red { import target:[::1]:1; table 9; } }",
		"enforce { interface a; vrf red { import [ target:1:1 target:1:2 ]; table 9; } }",
		"enforce { interface a; vrf red { import target:1:1; table 10; } }",
		"enforce { interface a; vrf red { import target:1:1; redirect interface b; } }",
		"enforce { interface a; vrf red { import target:1:1; table 9; interface b; } }",
	};
	struct conf *a = parse(base), *b = parse(base);

	(void)state;
	assert_true(conf_equal(a, b, true));
	conf_free(b);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		b = parse(others[i]);
		assert_false(conf_equal(a, b, true));
		assert_false(conf_equal(b, a, true));
		conf_free(b);
	}
	conf_free(a);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_write_ups_file_prints_as_this),
		cmocka_unit_test(every_statement_prints),
		cmocka_unit_test(an_empty_configuration_prints_nothing),
		cmocka_unit_test(rules_of_every_kind_come_back),
		cmocka_unit_test(templates_and_groups_come_back_as_neighbors),
		cmocka_unit_test(every_odd_sample_comes_back),
		cmocka_unit_test(equality_sees_every_difference),
		cmocka_unit_test(equality_sees_every_difference_of_a_vrf),
	};

	return cmocka_run_group_tests_name("conf_print", tests, NULL, NULL);
}
