/* SPDX-License-Identifier: ISC */
/* flow_overlap_test.c - rules as sets of packets, a sentence a row; and each planted fault is
 * found.
 *
 * Rules are text.  The proof by numbers is flow_pairs.h and flow_universe.h, which run at full
 * length from the release build (flow_proof_test.c) and shortly here, under sanitizers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "tests/flow_pairs.h"
#include "tests/flow_universe.h"

enum {
	PAIRS = 20000,
	UNIVERSE_RULES = 60,
	FAULTS = 5
};

static uint8_t packet[FLOW_PACKET_MAX];

struct side {
	struct flow_rule rule;
	struct flow_nlri nlri;
	struct flow_normal normal;
};

static void read_rule(const char *text, enum flow_family family, struct side *ret)
{
	char whole[512];
	struct str s = str_over(whole, sizeof(whole));
	struct flow_text_options o = { .family = family, .strict = true };
	struct err e;

	str_addf(&s, "match { %s }", text);
	if (!flow_text_rule(whole, s.len, &o, &ret->rule, &e))
		fail_msg("%s: %s", text, e.text);
	ret->nlri = flow_rule_nlri(&ret->rule);
	if (!flow_normal_make(&ret->nlri, &ret->normal, &e))
		fail_msg("%s: %s", text, e.text);
}

/* ---- Sentences ------------------------------------------------------------------------------ */

struct vector {
	const char *sentence;
	enum flow_family family;
	const char *a, *b;
	bool overlap, a_covers_b, b_covers_a;
};

/* clang-format off */
static const struct vector vectors[] = {
	{ "TCP and UDP are apart", FLOW_IPV4, "protocol tcp;", "protocol udp;", false, false, false },
	{ "a rule covers itself", FLOW_IPV4, "protocol tcp; port 80;", "protocol tcp; port 80;", true, true, true },
	{ "a shorter prefix covers a longer one", FLOW_IPV4, "destination 10.0.0.0/8;", "destination 10.1.0.0/16;", true, true, false },
	{ "sister prefixes are apart", FLOW_IPV4, "destination 10.0.0.0/9;", "destination 10.128.0.0/9;", false, false, false },
	{ "0.0.0.0/0 is every packet", FLOW_IPV4, "destination 0.0.0.0/0;", "packet-length >=0;", true, true, true },
	{ "ranges that touch meet in one value", FLOW_IPV4, "dscp <=10;", "dscp >=10;", true, false, false },
	{ "ranges one apart do not meet", FLOW_IPV4, "dscp <10;", "dscp >=10;", false, false, false },
	{ "ports are TCP's and UDP's", FLOW_IPV4, "port 80;", "protocol icmp;", false, false, false },
	{ "port covers destination port", FLOW_IPV4, "port 80;", "destination-port 80;", true, true, false },
	{ "ports of two ends can both be asked for", FLOW_IPV4, "source-port 53; destination-port 80;", "port 53;", true, false, true },
	{ "port with three values cannot hold in two ends", FLOW_IPV4, "source-port 1; destination-port 2;", "port 3;", false, false, false },
	{ "port not 80 meets a packet whose other port is 80", FLOW_IPV4, "port !=80;", "source-port 80;", true, false, false },
	{ "port not 80 misses a packet with 80 at both ends", FLOW_IPV4, "port !=80;", "source-port 80; destination-port 80;", false, false, false },
	{ "TCP flags are TCP's alone", FLOW_IPV4, "tcp-flags syn;", "protocol udp;", false, false, false },
	{ "TCP flags are covered by TCP", FLOW_IPV4, "protocol tcp;", "tcp-flags syn;", true, true, false },
	{ "a later fragment has no ports", FLOW_IPV4, "fragment is-fragment;", "destination-port 80; fragment !first-fragment;", false, false, false },
	{ "a first fragment has ports", FLOW_IPV4, "fragment first-fragment;", "destination-port 80;", true, false, false },
	{ "a first fragment is not a later one", FLOW_IPV4, "fragment first-fragment;", "fragment is-fragment;", false, false, false },
	{ "the last fragment is a later fragment", FLOW_IPV4, "fragment is-fragment;", "fragment last-fragment;", true, true, false },
	{ "a first and last fragment does not exist", FLOW_IPV4, "fragment first-fragment&last-fragment;", "protocol >=0;", false, false, true },
	{ "no IPv4 packet is shorter than its header", FLOW_IPV4, "packet-length <20;", "destination 0.0.0.0/0;", false, false, true },
	{ "20 octets are an IPv4 packet", FLOW_IPV4, "packet-length <=20;", "destination 0.0.0.0/0;", true, false, true },
	{ "24 octets are the shortest with ports", FLOW_IPV4, "packet-length <24;", "port >=0;", false, false, false },
	{ "24 octets can have ports", FLOW_IPV4, "packet-length 24;", "port >=0;", true, false, false },
	{ "34 octets are the shortest with TCP flags", FLOW_IPV4, "packet-length <34;", "tcp-flags !fin;", false, false, false },
	{ "34 octets can have TCP flags", FLOW_IPV4, "packet-length =34;", "tcp-flags !fin;", true, false, false },
	{ "an ICMP type needs an octet, its code two", FLOW_IPV4, "packet-length =21;", "icmp-type >=0; icmp-code >=0;", false, false, false },
	{ "not every unfragmented TCP packet has its ports", FLOW_IPV4, "port >=0;", "protocol tcp; fragment !is-fragment;", true, false, false },
	{ "but a long one has", FLOW_IPV4, "port >=0;", "protocol tcp; fragment !is-fragment; packet-length >63;", true, true, false },
	{ "one of 63 octets may be options", FLOW_IPV4, "port >=0;", "protocol tcp; fragment !is-fragment; packet-length >62;", true, false, false },
	{ "a list is the union of its terms", FLOW_IPV4, "destination-port >=10&<=20;", "destination-port [ >=10&<15 >14&<=20 ];", true, true, true },
	{ "contradictory terms match nothing", FLOW_IPV4, "destination-port >20&<10;", "destination-port >=0;", false, false, true },
	{ "a header of IPv6 has 40 octets", FLOW_IPV6, "packet-length <40;", "destination ::/0;", false, false, true },
	{ "IPv6 packets may be longer than 65535 octets", FLOW_IPV6, "packet-length >65535;", "destination ::/0;", true, false, true },
	{ "IPv6 has no DF", FLOW_IPV6, "fragment first-fragment;", "fragment is-fragment;", false, false, false },
	{ "a fragment header takes 8 octets", FLOW_IPV6, "fragment first-fragment;", "packet-length <48;", false, false, false },
	{ "offsets that look at other bits meet", FLOW_IPV6, "destination ::1234:5678:9a00:0/104/64;", "destination 2001:db8::/32;", true, false, false },
	{ "hop-by-hop options are no upper-layer protocol", FLOW_IPV6, "next-header 0;", "destination ::/0;", false, false, true },
	{ "ICMPv6 is not ICMP", FLOW_IPV6, "icmp-type 1;", "next-header 1;", false, false, false },
	{ "extension headers can hold off the ports of a long packet", FLOW_IPV6, "port >=0;", "next-header tcp; fragment !is-fragment; packet-length =16427;", true, false, false },
	{ "every packet with a known protocol has known fragment bits", FLOW_IPV6, "fragment [ is-fragment !is-fragment ];", "next-header >=0;", true, true, false },
	{ "a chain that ends nowhere has no known protocol", FLOW_IPV6, "next-header >=0;", "destination ::/0;", true, false, true },
	{ "a flow label is compared", FLOW_IPV6, "flow-label 5;", "flow-label >5;", false, false, false },
};
/* clang-format on */

static void hold_witness(const char *sentence, const struct flow_witness *w, const struct side *in,
			 const struct side *also, const struct side *not_in)
{
	if (!flow_match(&in->nlri, packet, w->len) ||
	    (also != NULL && !flow_match(&also->nlri, packet, w->len)) ||
	    (not_in != NULL && flow_match(&not_in->nlri, packet, w->len)))
		fail_msg("%s: a witness that is none", sentence);
}

static void a_sentence(void **state)
{
	static struct side a, b;
	const struct vector *v = *state;
	struct flow_witness w = { .octets = packet, .size = sizeof(packet) };

	read_rule(v->a, v->family, &a);
	read_rule(v->b, v->family, &b);
	assert_int_equal(flow_overlap(&a.normal, &b.normal, &w), v->overlap);
	if (v->overlap)
		hold_witness(v->sentence, &w, &a, &b, NULL);
	assert_int_equal(flow_covers(&a.normal, &b.normal, &w), v->a_covers_b);
	if (!v->a_covers_b)
		hold_witness(v->sentence, &w, &b, NULL, &a);
	assert_int_equal(flow_covers(&b.normal, &a.normal, &w), v->b_covers_a);
	if (!v->b_covers_a)
		hold_witness(v->sentence, &w, &a, NULL, &b);
	assert_int_equal(flow_equal(&a.normal, &b.normal, NULL), v->a_covers_b && v->b_covers_a);
	assert_int_equal(flow_overlap(&b.normal, &a.normal, NULL), v->overlap);
}

/* ---- The rest ------------------------------------------------------------------------------- */

static void families_are_apart(void **state)
{
	static struct side a, b;

	(void)state;
	read_rule("destination 0.0.0.0/0;", FLOW_IPV4, &a);
	read_rule("destination ::/0;", FLOW_IPV6, &b);
	assert_false(flow_overlap(&a.normal, &b.normal, NULL));
	assert_false(flow_covers(&a.normal, &b.normal, NULL));
}

static void a_small_buffer_is_not_overrun(void **state)
{
	static struct side a;
	uint8_t octets[21];
	struct flow_witness w = { .octets = octets, .size = 20 };

	(void)state;
	octets[20] = 0xaa;
	read_rule("packet-length >1400; protocol tcp;", FLOW_IPV4, &a);
	assert_true(flow_possible(&a.normal, &w));
	assert_int_equal(w.len, 1401);
	assert_int_equal(octets[0], 0x45);
	assert_int_equal(octets[20], 0xaa);
	w = (struct flow_witness){ .octets = NULL, .size = 0 };
	assert_true(flow_possible(&a.normal, &w));
	assert_int_equal(w.len, 1401);
}

static uint32_t sum16(const uint8_t *p, size_t n, uint32_t sum)
{
	for (size_t i = 0; i < n; i++)
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void a_witness_is_well_formed_where_it_can_be(void **state)
{
	static struct side a;
	struct flow_witness w = { .octets = packet, .size = sizeof(packet) };

	(void)state;
	read_rule("destination 192.0.2.0/24; protocol tcp; destination-port 23;", FLOW_IPV4, &a);
	assert_true(flow_possible(&a.normal, &w));
	assert_int_equal(w.len, 40);
	assert_int_equal(packet[32] >> 4, 5); /* data offset */
	assert_int_equal(sum16(packet, 20, 0), 0xffff);
	assert_int_equal(sum16(packet + 12, 28, 6 + 20), 0xffff);
	read_rule("destination 2001:db8::/32; next-header udp;", FLOW_IPV6, &a);
	assert_true(flow_possible(&a.normal, &w));
	assert_int_equal(w.len, 48);
	assert_int_equal(sum16(packet + 8, 40, 17 + 8), 0xffff);
	read_rule("protocol udp; fragment first-fragment;", FLOW_IPV4, &a);
	assert_true(flow_possible(&a.normal, &w));
	assert_int_equal((w.len - 20) % 8, 0);
}

static void random_pairs_are_never_wrong(void **state)
{
	struct pair_stats st = { .pairs = 0 };

	(void)state;
	assert_null(pairs_try(4, PAIRS, &st));
	assert_true(st.overlaps > PAIRS / 10 && st.disjoint > PAIRS / 10 && st.hits > PAIRS);
}

static void small_domains_are_never_wrong(void **state)
{
	(void)state;
	assert_null(universe_try(FLOW_IPV4, 11, UNIVERSE_RULES, NULL));
	assert_null(universe_try(FLOW_IPV6, 12, UNIVERSE_RULES, NULL));
}

/* A program with this fault in the algebra says that it is wrong: exit status 1. */
static void a_planted_fault_is_found(void **state)
{
	char command[512];
	int status;

	(void)snprintf(command, sizeof(command),
		       "%s/flow_fault_%d 2>&1 | sed 's/^/# /' >&2; "
		       "%s/flow_fault_%d >/dev/null 2>&1",
		       FLOW_FAULT_DIR, (int)(intptr_t)*state, FLOW_FAULT_DIR,
		       (int)(intptr_t)*state);
	status = system(command); /* NOLINT(cert-env33-c): our own program */
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
}

static void without_a_fault_nothing_is_found(void **state)
{
	char command[512];

	(void)state;
	(void)snprintf(command, sizeof(command), "%s/flow_fault_0 >/dev/null", FLOW_FAULT_DIR);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
}

int main(void)
{
	enum {
		VECTORS = sizeof(vectors) / sizeof(vectors[0])
	};
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(families_are_apart),
		cmocka_unit_test(a_small_buffer_is_not_overrun),
		cmocka_unit_test(a_witness_is_well_formed_where_it_can_be),
		cmocka_unit_test(random_pairs_are_never_wrong),
		cmocka_unit_test(small_domains_are_never_wrong),
		cmocka_unit_test(without_a_fault_nothing_is_found),
	};
	static const char *const faults[FAULTS] = {
		"a forgotten coupling of ports to protocols is found",
		"one off at a span's end is found",
		"ignored fragments are found",
		"port that looks at one port only is found",
		"lengths not held against headers are found",
	};
	enum {
		OTHERS = sizeof(others) / sizeof(others[0])
	};
	struct CMUnitTest tests[VECTORS + OTHERS + FAULTS];

	for (size_t i = 0; i < VECTORS; i++)
		tests[i] = (struct CMUnitTest){ .name = vectors[i].sentence,
						.test_func = a_sentence,
						.initial_state = (void *)(uintptr_t)&vectors[i] };
	memcpy(tests + VECTORS, others, sizeof(others));
	for (int i = 0; i < FAULTS; i++)
		tests[VECTORS + OTHERS + i] =
			(struct CMUnitTest){ .name = faults[i],
					     .test_func = a_planted_fault_is_found,
					     .initial_state = (void *)(intptr_t)(i + 1) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
