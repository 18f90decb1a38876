/* SPDX-License-Identifier: ISC */
/* conf_parse_test.c - files and what they mean, and files that are refused.
 *
 * tests/conf/errors holds one wrong file an error, tests/conf/warnings files that are taken but
 * odd; the first lines of each are comments that say what is expected, as LINE:COL: TEXT.  Each
 * file is a case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/conf_samples.h"

#define ALL_FAMILIES ((1U << BGP_FAMILIES) - 1)

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

static struct addr addr(const char *text)
{
	struct addr a = { 0 };

	assert_true(addr_parse(text, strlen(text), &a));
	return a;
}

static void addr_is(const struct addr *a, const char *want)
{
	char text[ADDR_TEXT_MAX];

	assert_string_equal(addr_print(a, text), want);
}

static void rule_is(const struct conf_rule *r, const char *name, const char *nlri, const char *ext)
{
	uint8_t octets[64];
	size_t len;

	if (name == NULL)
		assert_null(r->name);
	else
		assert_string_equal(r->name, name);
	assert_true(hex_parse(nlri, strlen(nlri), octets, sizeof(octets), &len));
	assert_int_equal(r->nlri_len, len);
	assert_memory_equal(r->nlri, octets, len);
	assert_true(hex_parse(ext, strlen(ext), octets, sizeof(octets), &len));
	if (len == 0) {
		assert_null(r->then);
		return;
	}
	assert_non_null(r->then);
	assert_int_equal(r->then->ext_count * 8, len);
	assert_memory_equal(r->then->ext, octets, len);
}

/* ---- Whole files --------------------------------------------------------------------------- */

static void the_write_ups_file_says_what_it_says(void **state)
{
	static const uint8_t router_id[4] = { 192, 0, 2, 10 };
	char path[4096], warnings[256];
	struct str w = str_over(warnings, sizeof(warnings));
	struct conf *c =
		conf_read(sample_path("whole.conf", path, sizeof(path)), sample_note, &w, NULL);

	(void)state;
	assert_non_null(c);
	assert_string_equal(warnings, "");
	assert_string_equal(c->file, path);
	assert_int_equal(c->neighbor_count, 2);
	assert_false(c->has_cluster_id);
	assert_false(c->enforce.present);
	assert_string_equal(c->socket, "");
	for (int i = 0; i < 2; i++) {
		const struct conf_neighbor *n = &c->neighbors[i];

		assert_memory_equal(n->bgp.router_id, router_id, 4);
		assert_int_equal(n->bgp.local_as, 1);
		assert_int_equal(n->bgp.remote_as, 1);
		assert_int_equal(n->bgp.hold_time, 180);
		assert_int_equal(n->bgp.connect_port, 0);
		assert_int_equal(n->bgp.listen_port, 0);
		assert_false(n->bgp.passive);
		assert_true(n->bgp.asn4);
		assert_true(n->bgp.route_refresh);
		assert_int_equal(n->bgp.families, ALL_FAMILIES);
		assert_string_equal(n->bgp.md5, "");
		assert_string_equal(n->bgp.description, "");
		assert_false(n->rib.route_reflector_client);
		assert_int_equal(n->rib.validate, RIB_VALIDATE_DEFAULT);
		assert_int_equal(n->rule_count, 1);
		assert_false(n->rules[0].vpn);
	}
	addr_is(&c->neighbors[0].bgp.remote, "192.0.2.1");
	addr_is(&c->neighbors[0].bgp.local, "192.0.2.10");
	addr_is(&c->neighbors[1].bgp.remote, "2001:db8:2:1::1");
	addr_is(&c->neighbors[1].bgp.local, "2001:db8:2:1:250:1ff:fe00:500");
	assert_int_equal(c->neighbors[0].line, 5);
	assert_int_equal(c->neighbors[0].rules[0].line, 12);
	assert_int_equal(c->neighbors[0].rules[0].family, FLOW_IPV4);
	assert_int_equal(c->neighbors[1].rules[0].family, FLOW_IPV6);
	rule_is(&c->neighbors[0].rules[0], "IPV4-TELNET", "0118c633640220cb0071c9038106058117",
		"8006000000000000");
	rule_is(&c->neighbors[1].rules[0], "IPV6-TELNET",
		"0140002001000800000000"
		"028000200102010000000000000000000002010381060581"
		"17",
		"8006000000000000");
	/* Equal actions are one object. */
	assert_ptr_equal(c->neighbors[0].rules[0].then, c->neighbors[1].rules[0].then);
	conf_free(c);
}

static void the_pages_damaged_text_is_refused_at_its_place(void **state)
{
	struct err e;
	char path[4096], text[4500], want[4200];

	(void)state;
	assert_null(conf_read(sample_path("damaged.conf", path, sizeof(path)), NULL, NULL, &e));
	(void)snprintf(want, sizeof(want), "%s:1:10: neighbor: expected an address, found '{'",
		       path);
	assert_string_equal(err_string(&e, text, sizeof(text)), want);
}

static void every_statement_is_taken(void **state)
{
	static const uint8_t cluster[4] = { 192, 0, 2, 205 }, id[4] = { 192, 0, 2, 9 };
	struct conf *c =
		parse("cluster-id 192.0.2.205;\n"
		      "control { socket /tmp/a; group \"net ops\"; }\n"
		      "enforce { interface [ r2-inet7 eth* ] { group 1:2; group 3:4; group 1:2; }\n"
		      "          interface \"lo\" { group 3:4; }\n"
		      "          mode monitor; backend auto; }\n"
		      "neighbor 192.0.2.1 {\n"
		      " description \"p5, \\\"the\\\" reflector\"; router-id 192.0.2.9;\n"
		      " local-address 192.0.2.10; local-as 1.1; peer-as 4294967295;\n"
		      " hold-time 0; passive; listen 1179; connect 65535;\n"
		      " md5-password 'se cret';\n"
		      " family { ipv4 flow; ipv6 flow-vpn; inet unicast; }\n"
		      " capability { asn4 enable; route-refresh disable; }\n"
		      " route-reflector-client; validate log;\n"
		      "}\n");
	const struct conf_neighbor *n = c->neighbors;

	(void)state;
	assert_true(c->has_cluster_id);
	assert_memory_equal(c->cluster_id, cluster, 4);
	assert_string_equal(c->socket, "/tmp/a");
	assert_string_equal(c->group, "net ops");
	assert_true(c->enforce.present);
	assert_int_equal(c->enforce.interface_count, 3);
	assert_string_equal(c->enforce.interfaces[0], "r2-inet7");
	assert_string_equal(c->enforce.interfaces[1], "eth*");
	assert_string_equal(c->enforce.interfaces[2], "lo");
	assert_int_equal(c->enforce.group_count, 2);
	assert_int_equal(c->enforce.groups[1].as, 3);
	assert_int_equal(c->enforce.groups[1].group, 4);
	assert_int_equal(c->enforce.member[0], 3);
	assert_int_equal(c->enforce.member[1], 3);
	assert_int_equal(c->enforce.member[2], 2);
	assert_int_equal(c->enforce.mode, CONF_MODE_MONITOR);
	assert_int_equal(c->enforce.backend, CONF_BACKEND_AUTO);
	assert_string_equal(n->bgp.description, "p5, \"the\" reflector");
	assert_memory_equal(n->bgp.router_id, id, 4);
	assert_int_equal(n->bgp.local_as, 65537);
	assert_int_equal(n->bgp.remote_as, 4294967295U);
	assert_int_equal(n->bgp.hold_time, 0);
	assert_true(n->bgp.passive);
	assert_int_equal(n->bgp.listen_port, 1179);
	assert_int_equal(n->bgp.connect_port, 65535);
	assert_string_equal(n->bgp.md5, "se cret");
	assert_int_equal(n->bgp.families,
			 1 << BGP_IPV4_FLOW | 1 << BGP_IPV6_FLOW_VPN | 1 << BGP_IPV4_UNICAST);
	assert_true(n->bgp.asn4);
	assert_false(n->bgp.route_refresh);
	assert_true(n->rib.route_reflector_client);
	assert_int_equal(n->rib.validate, RIB_VALIDATE_LOG);
	conf_free(c);
}

static void an_empty_file_is_a_configuration(void **state)
{
	struct conf *c = parse("# nothing\n");

	(void)state;
	assert_int_equal(c->neighbor_count, 0);
	conf_free(c);
}

static void the_router_id_is_an_ipv4_local_address_by_default(void **state)
{
	static const uint8_t id[4] = { 192, 0, 2, 10 };
	struct conf *c = parse("neighbor 192.0.2.1 { local-as 1; peer-as 2; "
			       "local-address 192.0.2.10; }");

	(void)state;
	assert_memory_equal(c->neighbors[0].bgp.router_id, id, 4);
	conf_free(c);
}

static void a_local_address_of_auto_is_none(void **state)
{
	struct conf *c = parse("neighbor 192.0.2.1 { local-as 1; peer-as 2; router-id 192.0.2.9; "
			       "local-address auto; }");

	(void)state;
	assert_int_equal(c->neighbors[0].bgp.local.family, ADDR_NONE);
	conf_free(c);
}

/* ---- Families ------------------------------------------------------------------------------ */

static uint32_t families_of(const char *inside)
{
	char text[512];
	struct conf *c;
	uint32_t families;

	(void)snprintf(text, sizeof(text),
		       "neighbor 192.0.2.1 { router-id 192.0.2.9; local-as 1; peer-as 1; %s }",
		       inside);
	c = parse(text);
	families = c->neighbors[0].bgp.families;
	conf_free(c);
	return families;
}

static void families_are_offered_as_listed(void **state)
{
	(void)state;
	assert_int_equal(families_of(""), ALL_FAMILIES);
	assert_int_equal(families_of("family { all; }"), ALL_FAMILIES);
	assert_int_equal(families_of("family { inet4 flow; }"), 1 << BGP_IPV4_FLOW);
	assert_int_equal(families_of("family { inet6 flow; } family { ipv4 flow-vpn; }"),
			 1 << BGP_IPV6_FLOW | 1 << BGP_IPV4_FLOW_VPN);
	assert_int_equal(families_of("family { ipv4 multicast; ipv6 unicast; }"),
			 1 << BGP_IPV6_UNICAST);
}

static void minimal_offers_the_families_of_the_rules(void **state)
{
	(void)state;
	assert_int_equal(families_of("family { minimal; } flow { route { rd 65000:1; "
				     "match { destination 2001:db8::/32; } then { discard; } } }"),
			 1 << BGP_IPV6_FLOW_VPN);
	assert_int_equal(families_of("family { minimal; }"), 1 << BGP_IPV4_UNICAST);
}

/* ---- Rules --------------------------------------------------------------------------------- */

#define NEIGHBOR "neighbor 192.0.2.1 { router-id 192.0.2.9; local-as 1; peer-as 1; "

static void rules_keep_the_order_of_the_file(void **state)
{
	struct conf *c =
		parse(NEIGHBOR "flow { route b { match { protocol udp; } then { discard; } } }\n"
			       "flow { route destination 192.0.2.0/24 discard;\n"
			       " route a { then { accept; } match { protocol =tcp; } } } }");
	const struct conf_neighbor *n = c->neighbors;

	(void)state;
	assert_int_equal(n->rule_count, 3);
	rule_is(&n->rules[0], "b", "038111", "8006000000000000");
	rule_is(&n->rules[1], NULL, "0118c00002", "8006000000000000");
	rule_is(&n->rules[2], "a", "038106", "");
	conf_free(c);
}

static void of_two_rules_with_one_match_the_last_counts(void **state)
{
	struct conf *c =
		parse(NEIGHBOR "flow { route a { match { protocol udp; } then { discard; } }\n"
			       "route { match { protocol tcp; } then { discard; } }\n"
			       "route b { match { protocol =udp; } then { mark 10; } } } }");
	const struct conf_neighbor *n = c->neighbors;

	(void)state;
	assert_int_equal(n->rule_count, 2);
	rule_is(&n->rules[0], "b", "038111", "800900000000000a");
	assert_int_equal(n->rules[0].line, 3);
	conf_free(c);
}

static void one_match_under_two_route_distinguishers_is_two_rules(void **state)
{
	struct conf *c =
		parse(NEIGHBOR "flow {\n"
			       "route { match { protocol 6; } then { discard; } }\n"
			       "route { rd 1:1; match { protocol 6; } then { discard; } }\n"
			       "route { rd 1:2; match { protocol 6; } then { discard; } }\n"
			       "} }");

	(void)state;
	assert_int_equal(c->neighbors[0].rule_count, 3);
	conf_free(c);
}

/* ---- Templates and groups ------------------------------------------------------------------ */

static void a_neighbors_word_counts_before_its_templates(void **state)
{
	struct conf *c = parse("template {\n"
			       " neighbor base { hold-time 30; local-as 1; peer-as 1; }\n"
			       " neighbor edge { inherit base; peer-as 2; family { ipv4 flow; }\n"
			       "  flow { route { match { protocol udp; } then { discard; } } } }\n"
			       "}\n" NEIGHBOR "}\n"
			       "neighbor 192.0.2.2 { inherit [ edge ]; router-id 192.0.2.9;\n"
			       " hold-time 60; family { ipv6 flow; }\n"
			       " flow { route { match { protocol tcp; } then { discard; } } } }\n");
	const struct conf_neighbor *n = &c->neighbors[1];

	(void)state;
	assert_int_equal(n->bgp.hold_time, 60);
	assert_int_equal(n->bgp.local_as, 1);
	assert_int_equal(n->bgp.remote_as, 2);
	assert_int_equal(n->bgp.families, 1 << BGP_IPV4_FLOW | 1 << BGP_IPV6_FLOW);
	assert_int_equal(n->rule_count, 2);
	rule_is(&n->rules[0], NULL, "038106", "8006000000000000");
	rule_is(&n->rules[1], NULL, "038111", "8006000000000000");
	conf_free(c);
}

static void a_groups_words_count_for_each_of_its_neighbors(void **state)
{
	struct conf *c = parse("group edges { local-as 1; router-id 192.0.2.9;\n"
			       " neighbor 192.0.2.1 { peer-as 2; }\n"
			       " neighbor 192.0.2.2 { hold-time 9; }\n"
			       " peer-as 3;\n"
			       " flow { route { match { protocol udp; } then { discard; } } } }\n");

	(void)state;
	assert_int_equal(c->neighbor_count, 2);
	assert_int_equal(c->neighbors[0].bgp.remote_as, 2);
	assert_int_equal(c->neighbors[1].bgp.remote_as, 3);
	assert_int_equal(c->neighbors[0].bgp.hold_time, 180);
	assert_int_equal(c->neighbors[1].bgp.hold_time, 9);
	for (int i = 0; i < 2; i++)
		assert_int_equal(c->neighbors[i].rule_count, 1);
	conf_free(c);
}

static void two_sessions_to_one_address_from_two_are_two_neighbors(void **state)
{
	struct conf *c =
		parse("neighbor 192.0.2.1 { local-address 192.0.2.9; local-as 1; peer-as 1; }"
		      "neighbor 192.0.2.1 { local-address 192.0.2.8; local-as 1; peer-as 1; }");
	const struct addr second = addr("192.0.2.8");

	(void)state;
	assert_int_equal(c->neighbor_count, 2);
	assert_true(addr_equal(&c->neighbors[1].bgp.local, &second));
	conf_free(c);
}

/* ---- Characters ---------------------------------------------------------------------------- */

static bool is_text(const char *octets)
{
	struct err e;
	char text[256];
	struct conf *c;

	(void)snprintf(text, sizeof(text), "group x { description \"%s\"; }", octets);
	c = conf_parse("a.conf", text, strlen(text), NULL, NULL, &e);
	conf_free(c);
	return c != NULL;
}

static void text_is_utf8_without_control_characters(void **state)
{
	static const char *const right[] = { "a",
					     "~",
					     "\xc2\xa0",
					     "\xdf\xbf",
					     "\xe0\xa0\x80",
					     "\xed\x9f\xbf",
					     "\xef\xbf\xbf",
					     "\xf0\x90\x80\x80",
					     "\xf4\x8f\xbf\xbf",
					     "\\u00e9" };
	static const char *const wrong[] = { "\x01",
					     "\x7f",
					     "\x80",
					     "\xbf",
					     "\xc0\xaf",
					     "\xc1\xbf",
					     "\xc2",
					     "\xc2\x41",
					     "\xc2\x9f",
					     "\xe0\x9f\xbf",
					     "\xe2\x82",
					     "\xed\xa0\x80",
					     "\xf0\x8f\xbf\xbf",
					     "\xf4\x90\x80\x80",
					     "\xf8\x88\x80\x80\x80",
					     "\xff",
					     "\\u0001",
					     "\\ud800",
					     "\\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
		assert_true(is_text(right[i]));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(is_text(wrong[i]));
}

/* ---- Files that cannot be read ------------------------------------------------------------- */

static void a_file_that_is_not_there_is_an_error(void **state)
{
	struct err e;

	(void)state;
	assert_null(conf_read("/nowhere/a.conf", NULL, NULL, &e));
	assert_int_equal(e.line, 0);
	assert_string_equal(e.text, "cannot read /nowhere/a.conf: No such file or directory");
}

static void a_directory_is_an_error(void **state)
{
	struct err e;

	(void)state;
	assert_null(conf_read("/", NULL, NULL, &e));
	assert_string_equal(e.text, "cannot read /: Is a directory");
}

static void a_file_that_is_too_large_is_an_error(void **state)
{
	char name[] = "/tmp/conf_parse_test.XXXXXX";
	int fd = mkstemp(name);
	struct err e;

	(void)state;
	assert_true(fd >= 0);
	/* A hole; its size alone is looked at. */
	assert_int_equal(ftruncate(fd, (off_t)CONF_FILE_MAX + 1), 0);
	assert_null(conf_read(name, NULL, NULL, &e));
	(void)close(fd);
	(void)unlink(name);
	assert_int_equal(e.line, 0);
	assert_non_null(strstr(e.text, "larger than 536870912 octets"));
}

static void more_neighbors_than_the_cap_are_an_error(void **state)
{
	struct printed p = { 0 };
	char one[128];
	struct err e;

	(void)state;
	for (int i = 0; i <= CONF_NEIGHBORS_MAX; i++) {
		(void)snprintf(
			one, sizeof(one),
			"neighbor 10.0.%d.%d { router-id 192.0.2.9; local-as 1; peer-as 1; }\n",
			i / 250, i % 250 + 1);
		printed_add(&p, one);
	}
	assert_null(conf_parse("a.conf", p.text, p.len, NULL, NULL, &e));
	free(p.text);
	assert_int_equal(e.line, CONF_NEIGHBORS_MAX + 1);
	assert_string_equal(e.text, "more than 4096 neighbors");
}

/* ---- A case a file ------------------------------------------------------------------------- */

/* The lines of the comment that a sample starts with, without their "# ". */
static void expectations(const char *text, char *buf, size_t size)
{
	struct str s = str_over(buf, size);

	while (text[0] == '#' && text[1] == ' ') {
		const char *end = strchr(text, '\n');

		assert_non_null(end);
		str_addn(&s, text + 2, (size_t)(end + 1 - text - 2));
		text = end + 1;
	}
	assert_true(str_ok(&s) && s.len > 0);
}

static void a_wrong_file_is_refused(void **state)
{
	char want[1024], got[1024];
	struct str s = str_over(got, sizeof(got));
	struct err e;
	size_t len;
	char *text = sample_text(*state, &len);
	struct conf *c = conf_parse(*state, text, len, NULL, NULL, &e);

	expectations(text, want, sizeof(want));
	free(text);
	assert_null(c);
	assert_string_equal(e.source, *state);
	sample_note(&s, &e);
	assert_string_equal(got, want);
}

static void an_odd_file_is_taken_and_told(void **state)
{
	char want[1024], got[1024];
	struct str s = str_over(got, sizeof(got));
	struct err e;
	size_t len;
	char *text = sample_text(*state, &len);
	struct conf *c = conf_parse(*state, text, len, sample_note, &s, &e);

	expectations(text, want, sizeof(want));
	free(text);
	assert_non_null(c);
	conf_free(c);
	assert_string_equal(got, want);
}

enum {
	FILES_MAX = 200
};

static int is_sample(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static size_t add_files(struct CMUnitTest *to, size_t n, const char *dir, CMUnitTestFunction test)
{
	char path[4096], name[512];
	struct dirent **files;
	int count = scandir(sample_path(dir, path, sizeof(path)), &files, is_sample, alphasort);

	if (count <= 0) {
		(void)fprintf(stderr, "# %s has no files\n", path);
		abort();
	}
	for (int i = 0; i < count && n < FILES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "%s/%s", dir, files[i]->d_name);
		to[n] = (struct CMUnitTest){ .test_func = test, .initial_state = strdup(name) };
		to[n].name = to[n].initial_state;
		n++;
		free(files[i]);
	}
	free(files);
	return n;
}

int main(void)
{
	static struct CMUnitTest files[FILES_MAX];
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_write_ups_file_says_what_it_says),
		cmocka_unit_test(the_pages_damaged_text_is_refused_at_its_place),
		cmocka_unit_test(every_statement_is_taken),
		cmocka_unit_test(an_empty_file_is_a_configuration),
		cmocka_unit_test(the_router_id_is_an_ipv4_local_address_by_default),
		cmocka_unit_test(a_local_address_of_auto_is_none),
		cmocka_unit_test(families_are_offered_as_listed),
		cmocka_unit_test(minimal_offers_the_families_of_the_rules),
		cmocka_unit_test(rules_keep_the_order_of_the_file),
		cmocka_unit_test(of_two_rules_with_one_match_the_last_counts),
		cmocka_unit_test(one_match_under_two_route_distinguishers_is_two_rules),
		cmocka_unit_test(a_neighbors_word_counts_before_its_templates),
		cmocka_unit_test(a_groups_words_count_for_each_of_its_neighbors),
		cmocka_unit_test(two_sessions_to_one_address_from_two_are_two_neighbors),
		cmocka_unit_test(text_is_utf8_without_control_characters),
		cmocka_unit_test(a_file_that_is_not_there_is_an_error),
		cmocka_unit_test(a_directory_is_an_error),
		cmocka_unit_test(a_file_that_is_too_large_is_an_error),
		cmocka_unit_test(more_neighbors_than_the_cap_are_an_error),
	};
	size_t n = sizeof(tests) / sizeof(tests[0]);
	int failed;

	memcpy(files, tests, sizeof(tests));
	n = add_files(files, n, "errors", a_wrong_file_is_refused);
	n = add_files(files, n, "warnings", an_odd_file_is_taken_and_told);
	failed = _cmocka_run_group_tests("conf_parse", files, n, NULL, NULL);
	for (size_t i = sizeof(tests) / sizeof(tests[0]); i < n; i++)
		free(files[i].initial_state);
	return failed;
}
