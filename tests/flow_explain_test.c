/* SPDX-License-Identifier: ISC */
/* flow_explain_test.c - the sentence for a rule, what is odd about it, and actions that interfere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/flow.h"

struct vector {
	const char *rule, *sentence;
	const char *odd; /* all of it, separated by bars */
	enum flow_family family;
};

/* clang-format off */
static const struct vector vectors[] = {
	{ "match { source 203.0.113.201/32; destination 198.51.100.0/24; protocol tcp; destination-port 23; } then { discard; }",
	  "drops TCP from 203.0.113.201 to 198.51.100.0/24 port 23, not later fragments", "", FLOW_IPV4 },
	{ "match { protocol udp; }", "matches UDP", "", FLOW_IPV4 },
	{ "match { protocol [ tcp udp ]; source-port [ 53 123 ]; } then { rate-limit 9600; }",
	  "limits TCP or UDP from port 53 or 123, not later fragments, to 9600 octets a second", "", FLOW_IPV4 },
	{ "match { protocol !=tcp; } then { mark 10; }", "marks any but TCP, with DSCP 10", "", FLOW_IPV4 },
	{ "match { protocol tcp; port >22&<24; }", "matches TCP with source or destination port 23, not later fragments", "", FLOW_IPV4 },
	{ "match { protocol tcp; tcp-flags syn&!ack; } then { redirect 65000:1; }",
	  "redirects TCP with SYN set and ACK clear, not later fragments, to the VRF with route target 65000:1", "", FLOW_IPV4 },
	{ "match { protocol icmp; icmp-type echo-request; } then { accept; }",
	  "accepts ICMP of type 8 (echo-request), not later fragments", "", FLOW_IPV4 },
	{ "match { destination 192.0.2.0/24; fragment is-fragment; } then { discard; }",
	  "drops IPv4 packets to 192.0.2.0/24, later fragments", "", FLOW_IPV4 },
	{ "match { destination 192.0.2.0/24; fragment dont-fragment; } then { discard; }",
	  "drops IPv4 packets to 192.0.2.0/24, DF set", "", FLOW_IPV4 },
	{ "match { destination 2001:db8::/32; next-header icmp6; packet-length >1280; traffic-class 46; flow-label 5; }",
	  "matches ICMPv6 to 2001:db8::/32 of length 1281 to 65575 with DSCP 46 with flow label 5", "", FLOW_IPV6 },
	{ "match { destination 192.0.2.1/32; packet-length <20; } then { discard; }",
	  "drops IPv4 packets to 192.0.2.1 of length 0 to 19",
	  "a length no packet can have: IPv4 packets have 20 to 65535 octets|never matches: no packet can exist that has all of this|", FLOW_IPV4 },
	{ "match { protocol gre; port 80; } then { discard; }", "drops GRE with source or destination port 80, not later fragments",
	  "ports without TCP or UDP, which alone has them|never matches: no packet can exist that has all of this|", FLOW_IPV4 },
	{ "match { destination 192.0.2.1/32; port 80; } then { discard; }",
	  "drops TCP and UDP to 192.0.2.1 with source or destination port 80, not later fragments",
	  "ports without TCP or UDP named, which alone has them|", FLOW_IPV4 },
	{ "match { protocol tcp; port 80; fragment is-fragment; } then { discard; }",
	  "drops TCP with source or destination port 80, no packet that exists",
	  "fragment with ports: later fragments have none, so they do not match|never matches: no packet can exist that has all of this|", FLOW_IPV4 },
	{ "match { destination 0.0.0.0/0; } then { discard; }", "drops IPv4 packets", "matches every IPv4 packet|", FLOW_IPV4 },
	{ "match { packet-length >=40; } then { discard; }", "drops IPv6 packets of length 40 to 65575", "matches every IPv6 packet|", FLOW_IPV6 },
	{ "match { protocol tcp; dscp >10&<10; }", "matches TCP with DSCP none",
	  "dscp: no value passes its operators|never matches: no packet can exist that has all of this|", FLOW_IPV4 },
	{ "match { protocol tcp; } then { rate-limit 9600; rate-limit 19200; mark 1; mark 2; }",
	  "limits TCP, to 9600 octets a second, marks them with DSCP 1",
	  "interfering actions: two different rates in octets|interfering actions: two different marks|", FLOW_IPV4 },
	{ "match { protocol tcp; } then { discard; redirect 65000:1; }", "drops TCP",
	  "interfering actions: a drop beside another action on the same packets|", FLOW_IPV4 },
	{ "match { protocol tcp; } then { rate-limit 9600; rate-limit 9600; action sample-terminal; }",
	  "limits TCP, to 9600 octets a second, samples them, and goes on with later rules", "", FLOW_IPV4 },
};
/* clang-format on */

static void collect(void *ctx, const char *what)
{
	str_addf(ctx, "%s|", what);
}

static void a_rule(void **state)
{
	static struct flow_rule rule;
	const struct vector *v = *state;
	struct flow_text_options o = { .family = v->family, .strict = true };
	char sentence[1024], odd[1024];
	struct str s = str_over(sentence, sizeof(sentence)), list = str_over(odd, sizeof(odd));
	struct err e = { .source = NULL };

	if (!flow_text_rule(v->rule, strlen(v->rule), &o, &rule, &e))
		fail_msg("%s", e.text);
	struct flow_nlri n = flow_rule_nlri(&rule);
	const struct flow_then *then = rule.has_then ? &rule.then : NULL;

	flow_explain(&n, then, &s);
	assert_string_equal(sentence, v->sentence);
	assert_true(flow_oddities(&n, then, collect, &list) == 0 || list.len > 0);
	assert_string_equal(odd, v->odd);
}

static unsigned interferes(const char *a, const char *b)
{
	uint8_t ext[2][8];
	size_t len;

	assert_true(hex_parse(a, 16, ext[0], 8, &len) && hex_parse(b, 16, ext[1], 8, &len));
	return flow_interferences(ext[0], 2, NULL, 0);
}

static void what_does_not_count_does_not_interfere(void **state)
{
	(void)state;
	/* the AS number of a rate; reserved bits of a mark; unused bits of the traffic action */
	assert_int_equal(interferes("8006000146160000", "8006fde846160000"), 0);
	assert_int_equal(interferes("800900000000000a", "80090000000000ca"), 0);
	assert_int_equal(interferes("8007000000000001", "8007ffffffffff01"), 0);
	assert_int_equal(interferes("8007000000000001", "8007000000000002"), FLOW_ACTION_BITS);
	/* a negative rate is a rate of 0, minus zero too */
	assert_int_equal(interferes("8006000080000000", "8006000000000000"), 0);
	assert_int_equal(interferes("80060000c6160000", "8006000000000000"), 0);
	assert_int_equal(interferes("8006000000000000", "800c000000000000"), 0);
	assert_int_equal(interferes("8006000000000000", "800c000046160000"), FLOW_DROP_AND_MORE);
	assert_int_equal(interferes("8006000046160000", "800c000046160000"), 0);
	assert_int_equal(interferes("8008fde800000001", "8008fde800000002"), FLOW_REDIRECTS);
}

static void a_rule_that_is_never_enforced_says_why(void **state)
{
	static const uint8_t octets[] = { 12, 0x80, 0x10 };
	struct flow_nlri n = { .family = FLOW_IPV4, .octets = octets, .len = sizeof(octets) };
	char text[256];
	struct str s = str_over(text, sizeof(text));

	(void)state;
	flow_explain(&n, NULL, &s);
	assert_string_equal(text, "is passed on and never enforced: "
				  "fragment: operand 0x10 has only reserved bits");
	assert_int_equal(flow_oddities(&n, NULL, NULL, NULL), 1);
}

int main(void)
{
	enum {
		VECTORS = sizeof(vectors) / sizeof(vectors[0])
	};
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(what_does_not_count_does_not_interfere),
		cmocka_unit_test(a_rule_that_is_never_enforced_says_why),
	};
	struct CMUnitTest tests[VECTORS + 2];

	for (size_t i = 0; i < VECTORS; i++)
		tests[i] = (struct CMUnitTest){ .name = vectors[i].sentence,
						.test_func = a_rule,
						.initial_state = (void *)(uintptr_t)&vectors[i] };
	memcpy(tests + VECTORS, others, sizeof(others));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
