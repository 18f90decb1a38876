/* SPDX-License-Identifier: ISC */
/* flow_match_test.c - the reference matcher, a sentence a row: RFC 8955 4.2.2, RFC 8956 3.
 *
 * Rules are components without length octets, packets begin at the IP header; both in hex with
 * blanks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "flow/flow.h"

struct vector {
	const char *sentence;
	enum flow_family family;
	const char *rule, *packet;
	bool matches;
};

/* From 203.0.113.5 to 192.0.2.1, DSCP 46; total length, flags and fragment offset, protocol. */
#define V4(total, frag, protocol) "45b8" total "0001" frag "40" protocol "0000 cb007105 c0000201 "
#define V4_OPTIONS(total, frag, protocol)                                                          \
	"46b8" total "0001" frag "40" protocol "0000 cb007105 c0000201 01010101 "
/* From 2001:201::201 to 2001:8::1, DSCP 46, label 0x12345. */
#define V6(payload, next)                                                                          \
	"6b812345" payload next                                                                    \
	"40 20010201000000000000000000000201 20010008000000000000000000000001 "
/* Port 49152 (0xc000) to 80. */
#define PORTS                   "c0000050 "
#define SYN                     PORTS "00000000 00000000 5002 ffff 00000000 "
#define ACK                     PORTS "00000000 00000000 5010 ffff 00000000 "
#define CWR                     PORTS "00000000 00000000 5182 ffff 00000000 " /* NS, CWR, SYN */
#define UDP                     PORTS "00080000 "
#define ECHO                    "08010000 00000000 "
#define HOP(next)               next "00 010400000000 "
#define DEST(next)              next "01 010c00000000 0000000000000000 "
#define AUTH(next)              next "01 0000 00000001 00000001 "
#define FRAG(next, offset_more) next "00" offset_more "00000007 "
#define EIGHT_HOPS(next)                                                                           \
	HOP("3c") HOP("3c") HOP("3c") HOP("3c") HOP("3c") HOP("3c") HOP("3c") HOP(next)

#define TCP4 V4("0028", "0000", "06") SYN
#define UDP4 V4("001c", "0000", "11") UDP
#define TCP6 V6("0014", "06") SYN

/* clang-format off */
static const struct vector vectors[] = {
	/* the packet as such */
	{ "no octets match nothing", FLOW_IPV4, "01 00", "", false },
	{ "an IPv4 packet matches 0.0.0.0/0", FLOW_IPV4, "01 00", TCP4, true },
	{ "an IPv6 packet does not match 0.0.0.0/0", FLOW_IPV4, "01 00", TCP6, false },
	{ "an IPv4 packet does not match ::/0", FLOW_IPV6, "01 0000", TCP4 "00000000", false },
	{ "an IPv6 packet matches ::/0", FLOW_IPV6, "01 0000", TCP6, true },
	{ "an IPv4 header of 19 octets matches nothing", FLOW_IPV4, "01 00", "45000014000100004006 0000 cb007105 c00002", false },
	{ "IHL 4 matches nothing", FLOW_IPV4, "01 00", "44000014000100004006 0000 cb007105 c0000201", false },
	{ "options that are not there match nothing", FLOW_IPV4, "01 00", "46000018000100004006 0000 cb007105 c0000201 010101", false },
	{ "a total length below the header's matches nothing", FLOW_IPV4, "01 00", V4("0013", "0000", "06") SYN, false },
	{ "an IPv6 header of 39 octets matches nothing", FLOW_IPV6, "01 0000", "6b812345 0000 3b40 20010201000000000000000000000201 200100080000000000000000000000", false },
	{ "all components must match", FLOW_IPV4, "01 20 c0000201 03 81 11", TCP4, false },
		{ "an unknown component matches nothing", FLOW_IPV4, "63 81 06", TCP4, false },
	{ "a rule cut short matches nothing", FLOW_IPV4, "03 91 00", TCP4, false },

	/* 4.2.2.1, 4.2.2.2, RFC 8956 3.1 */
	{ "a destination matches", FLOW_IPV4, "01 18 c00002", TCP4, true },
	{ "another destination does not", FLOW_IPV4, "01 18 c00003", TCP4, false },
	{ "a length within an octet looks at its bits only", FLOW_IPV4, "01 19 c000027f", TCP4, true },
	{ "the bit before the length counts", FLOW_IPV4, "01 19 c0000280", TCP4, false },
	{ "a source matches", FLOW_IPV4, "02 20 cb007105", TCP4, true },
	{ "a source is not the destination", FLOW_IPV4, "02 20 c0000201", TCP4, false },
	{ "an IPv6 destination matches", FLOW_IPV6, "01 4000 2001000800000000", TCP6, true },
	{ "an offset skips leading bits", FLOW_IPV6, "01 2010 0008", TCP6, true },
	{ "an offset within an octet shifts the pattern", FLOW_IPV6, "02 20 11 0402", TCP6, true },
	{ "the last bit of a shifted pattern counts", FLOW_IPV6, "02 20 11 0400", TCP6, false },
	{ "padding behind a shifted pattern is ignored", FLOW_IPV6, "02 20 11 0403", TCP6, true },

	/* 4.2.1.1 */
	{ "an operator without lt, gt, eq is false", FLOW_IPV4, "03 80 06", TCP4, false },
	{ "an operator with all of them is true", FLOW_IPV4, "03 87 11", TCP4, true },
	{ "== holds", FLOW_IPV4, "03 81 06", TCP4, true },
	{ "> does not hold for the value itself", FLOW_IPV4, "03 82 06", TCP4, false },
	{ ">= does", FLOW_IPV4, "03 83 06", TCP4, true },
	{ "< does not hold for the value itself", FLOW_IPV4, "03 84 06", TCP4, false },
	{ "<= does", FLOW_IPV4, "03 85 06", TCP4, true },
	{ "!= holds for another value", FLOW_IPV4, "03 86 07", TCP4, true },
	{ "a list is an OR", FLOW_IPV4, "03 01 11 81 06", TCP4, true },
	{ "AND joins the terms", FLOW_IPV4, "05 03 40 c5 50", TCP4, true },
	{ "an AND with a false term is false", FLOW_IPV4, "05 03 51 c5 60", TCP4, false },
	{ "AND binds tighter than OR in front", FLOW_IPV4, "05 01 50 01 07 c1 08", TCP4, true },
	{ "AND binds tighter than OR behind", FLOW_IPV4, "05 01 07 41 08 81 50", TCP4, true },
	{ "the AND bit of the first operator is ignored", FLOW_IPV4, "03 c1 06", TCP4, true },
	{ "the reserved bit of an operator is ignored", FLOW_IPV4, "03 89 06", TCP4, true },
	{ "a wide operand is compared as a number", FLOW_IPV4, "05 b1 0000000000000050", TCP4, true },
	{ "an operand no field reaches is compared as a number", FLOW_IPV4, "05 a4 00011170", TCP4, true },
	{ "a wide operand does not lose its upper octets", FLOW_IPV4, "03 91 0106", TCP4, false },

	/* 4.2.2.3, RFC 8956 3.3 */
	{ "AH is a protocol in IPv4", FLOW_IPV4, "03 81 33", V4("0028", "0000", "33") AUTH("06"), true },
	{ "IPv6 extension headers are no protocol", FLOW_IPV6, "03 81 06", V6("002c", "00") HOP("3c") DEST("06") SYN, true },
	{ "hop-by-hop is not the protocol", FLOW_IPV6, "03 81 00", V6("001c", "00") HOP("06") SYN, false },
	{ "AH is stepped over in IPv6 in its own unit", FLOW_IPV6, "05 81 50", V6("0020", "33") AUTH("06") SYN, true },
	{ "ESP is the protocol", FLOW_IPV6, "03 81 32", V6("0010", "00") HOP("32") SYN, true },
	{ "no next header is the protocol", FLOW_IPV6, "03 81 3b", V6("0000", "3b"), true },
	{ "eight extension headers are walked", FLOW_IPV6, "05 81 50", V6("0054", "00") EIGHT_HOPS("06") SYN, true },
	{ "nine are not", FLOW_IPV6, "03 87 06", V6("005c", "00") EIGHT_HOPS("3c") HOP("06") SYN, false },
	{ "an extension header cut short leaves no protocol", FLOW_IPV6, "03 87 00", V6("0018", "3c") "0601 010c00000000 00000000", false },
	{ "a protocol with nothing behind it is known", FLOW_IPV6, "03 81 06", V6("0008", "00") HOP("06"), true },

	/* 4.2.2.4 to 4.2.2.6 */
	{ "port finds the destination port", FLOW_IPV4, "04 81 50", TCP4, true },
	{ "port finds the source port", FLOW_IPV4, "04 91 c000", TCP4, true },
	{ "port != one of them matches by the other", FLOW_IPV4, "04 86 50", TCP4, true },
	{ "the two ports never share an AND", FLOW_IPV4, "04 12 1000 d4 00ff", V4("001c", "0000", "11") "20000050 00080000", false },
	{ "a destination port matches UDP", FLOW_IPV4, "05 81 50", UDP4, true },
	{ "a source port matches", FLOW_IPV4, "06 91 c000", UDP4, true },
	{ "a source port is not the destination port", FLOW_IPV4, "06 81 50", UDP4, false },
	{ "SCTP has no ports", FLOW_IPV4, "05 87 50", V4("001c", "0000", "84") UDP, false },
	{ "ports stand behind IPv4 options", FLOW_IPV4, "05 81 50", V4_OPTIONS("0020", "0000", "11") UDP, true },
	{ "a first fragment has ports", FLOW_IPV4, "05 81 50", V4("001c", "2000", "11") UDP, true },
	{ "a later fragment has none", FLOW_IPV4, "05 87 50", V4("001c", "2001", "11") UDP, false },
	{ "three octets are no ports", FLOW_IPV4, "06 87 50", V4("0017", "0000", "11") "c00000", false },
	{ "four octets of TCP have ports", FLOW_IPV4, "05 81 50", V4("0028", "0000", "06") PORTS, true },
	{ "what the link layer padded is no port", FLOW_IPV4, "05 87 00", V4("0016", "0000", "11") "c0000000 00000000", false },
	{ "IPv6 padding is no port", FLOW_IPV6, "05 87 00", V6("0002", "11") "c0000000 00000000", false },
	{ "an IPv6 first fragment has ports", FLOW_IPV6, "05 81 50", V6("0010", "2c") FRAG("11", "0001") UDP, true },
	{ "an IPv6 later fragment has none", FLOW_IPV6, "05 87 50", V6("0010", "2c") FRAG("11", "0008") UDP, false },
	{ "an IPv6 later fragment has its protocol", FLOW_IPV6, "03 81 11", V6("0010", "2c") FRAG("11", "0008") UDP, true },
	{ "a later fragment whose next header is an extension has none", FLOW_IPV6, "03 87 3c", V6("0010", "2c") FRAG("3c", "0008") UDP, false },

	/* 4.2.2.7, 4.2.2.8, RFC 8956 3.4, 3.5 */
	{ "an ICMP type matches", FLOW_IPV4, "07 81 08", V4("001c", "0000", "01") ECHO, true },
	{ "an ICMP code matches", FLOW_IPV4, "08 81 01", V4("001c", "0000", "01") ECHO, true },
	{ "one octet of ICMP has a type", FLOW_IPV4, "07 81 08", V4("001c", "0000", "01") "08", true },
	{ "one octet of ICMP has no code", FLOW_IPV4, "08 87 01", V4("001c", "0000", "01") "08", false },
	{ "a later ICMP fragment has no type", FLOW_IPV4, "07 87 08", V4("001c", "0001", "01") ECHO, false },
	{ "ICMPv6 in IPv4 is no ICMP", FLOW_IPV4, "07 81 08", V4("001c", "0000", "3a") ECHO, false },
	{ "ICMPv6 has a type", FLOW_IPV6, "07 81 08", V6("0008", "3a") ECHO, true },
	{ "ICMP in IPv6 is no ICMPv6", FLOW_IPV6, "07 81 08", V6("0008", "01") ECHO, false },
	{ "TCP has no ICMP type", FLOW_IPV4, "07 87 08", TCP4, false },

	/* 4.2.2.9, 4.2.1.2 */
	{ "a flag matches", FLOW_IPV4, "09 80 02", TCP4, true },
	{ "any of the flags will do without m", FLOW_IPV4, "09 80 12", TCP4, true },
	{ "all are needed with m", FLOW_IPV4, "09 81 12", TCP4, false },
	{ "m allows other flags", FLOW_IPV4, "09 81 02", V4("0028", "0000", "06") CWR, true },
	{ "not inverts any", FLOW_IPV4, "09 82 02", TCP4, false },
	{ "not inverts all", FLOW_IPV4, "09 83 12", TCP4, true },
	{ "SYN and not ACK", FLOW_IPV4, "09 00 02 c2 10", TCP4, true },
	{ "SYN and not ACK refuses ACK", FLOW_IPV4, "09 00 02 c2 10", V4("0028", "0000", "06") ACK, false },
	{ "m with 0 is true", FLOW_IPV4, "09 81 00", TCP4, true },
	{ "any of 0 is false", FLOW_IPV4, "09 80 00", TCP4, false },
	{ "two octets reach NS", FLOW_IPV4, "09 91 0102", V4("0028", "0000", "06") CWR, true },
	{ "the data offset reads as 0", FLOW_IPV4, "09 90 f000", TCP4, false },
	{ "an operand with data offset bits never matches whole", FLOW_IPV4, "09 91 5002", TCP4, false },
	{ "13 octets of TCP have no flags", FLOW_IPV4, "09 83 01", V4("0028", "0000", "06") PORTS "00000000 00000000 50", false },
	{ "14 octets of TCP have flags", FLOW_IPV4, "09 80 02", V4("0028", "0000", "06") PORTS "00000000 00000000 5002", true },
	{ "UDP has no flags, not even with not", FLOW_IPV4, "09 82 02", UDP4, false },

	/* 4.2.2.10, 4.2.2.11, RFC 8956 3.7 */
	{ "packet length is the total length", FLOW_IPV4, "0a 81 28", TCP4, true },
	{ "packet length is not what is at hand", FLOW_IPV4, "0a 91 05dc", V4("05dc", "0000", "06") SYN, true },
	{ "IPv6 packet length counts the header", FLOW_IPV6, "0a 81 3c", TCP6, true },
	{ "DSCP is the upper six bits", FLOW_IPV4, "0b 81 2e", TCP4, true },
	{ "the upper bits of a DSCP operand are ignored", FLOW_IPV4, "0b 81 ee", TCP4, true },
	{ "DSCP is in the traffic class", FLOW_IPV6, "0b 81 2e", TCP6, true },
	{ "a flow label matches", FLOW_IPV6, "0d a1 00012345", TCP6, true },
	{ "another flow label does not", FLOW_IPV6, "0d a1 00012344", TCP6, false },
	{ "IPv4 has no flow label", FLOW_IPV4, "0d 87 00", TCP4, false },

	/* 4.2.2.12, RFC 8956 3.6 */
	{ "DF matches", FLOW_IPV4, "0c 80 01", V4("0028", "4000", "06") SYN, true },
	{ "IsF is an offset", FLOW_IPV4, "0c 80 02", V4("0028", "0001", "06") SYN, true },
	{ "IsF is not a first fragment", FLOW_IPV4, "0c 80 02", V4("0028", "2000", "06") SYN, false },
	{ "FF is MF without an offset", FLOW_IPV4, "0c 80 04", V4("0028", "2000", "06") SYN, true },
	{ "LF is an offset without MF", FLOW_IPV4, "0c 80 08", V4("0028", "0001", "06") SYN, true },
	{ "LF is not a middle fragment", FLOW_IPV4, "0c 80 08", V4("0028", "2001", "06") SYN, false },
	{ "no fragment is not IsF", FLOW_IPV4, "0c 82 02", TCP4, true },
	{ "reserved bits of a fragment operand are ignored", FLOW_IPV4, "0c 81 14", V4("0028", "2000", "06") SYN, true },
	{ "a fragment operand of reserved bits alone is true with m", FLOW_IPV4, "0c 81 10", TCP4, true },
	{ "IPv6 without a fragment header is not IsF", FLOW_IPV6, "0c 82 02", TCP6, true },
	{ "the DF bit of an IPv6 operand is ignored", FLOW_IPV6, "0c 81 03", V6("0010", "2c") FRAG("11", "0008") UDP, true },
	{ "an IPv6 first fragment is FF", FLOW_IPV6, "0c 81 04", V6("0010", "2c") FRAG("11", "0001") UDP, true },
	{ "an IPv6 last fragment is LF", FLOW_IPV6, "0c 81 0a", V6("0010", "2c") FRAG("11", "0008") UDP, true },
	{ "reserved bits of a fragment header are no offset", FLOW_IPV6, "0c 80 0e", V6("0010", "2c") FRAG("11", "0006") UDP, false },
	{ "an atomic fragment has no bit", FLOW_IPV6, "0c 82 0e", V6("0010", "2c") FRAG("11", "0000") UDP, true },
	{ "an atomic fragment has its ports", FLOW_IPV6, "05 81 50", V6("0010", "2c") FRAG("11", "0000") UDP, true },
	{ "the first fragment header decides", FLOW_IPV6, "0c 81 04", V6("0018", "2c") FRAG("2c", "0001") FRAG("11", "0008") UDP, true },
	{ "a later offset hides the ports all the same", FLOW_IPV6, "05 87 50", V6("0018", "2c") FRAG("2c", "0001") FRAG("11", "0008") UDP, false },
	{ "a chain cut before its end may hide a fragment header", FLOW_IPV6, "0c 82 02", V6("0004", "3c") "0600 0104", false },
	{ "a fragment header cut short tells nothing", FLOW_IPV6, "0c 82 02", V6("0004", "2c") "1100 0008", false },
};
/* clang-format on */

/* Hex with blanks. */
static size_t octets(const char *hex, uint8_t *ret, size_t size)
{
	char packed[1024];
	size_t n = 0, len = 0;

	for (; *hex != '\0'; hex++)
		if (*hex != ' ')
			packed[n++] = *hex;
	assert_true(hex_parse(packed, n, ret, size, &len));
	return len;
}

static void run(void **state)
{
	const struct vector *v = *state;
	uint8_t rule[64], packet[256];
	struct flow_nlri n = { .family = v->family, .octets = rule };
	size_t len = octets(v->packet, packet, sizeof(packet));

	n.len = octets(v->rule, rule, sizeof(rule));
	assert_int_equal(flow_match(&n, packet, len), v->matches);
}

static void a_route_distinguisher_is_not_looked_at(void **state)
{
	uint8_t rule[64], packet[256];
	struct flow_nlri n = { .family = FLOW_IPV4, .vpn = true, .octets = rule };
	size_t len = octets(TCP4, packet, sizeof(packet));

	(void)state;
	n.len = octets("0000fde800000001 03 81 06", rule, sizeof(rule));
	assert_true(flow_match(&n, packet, len));
	n.len = octets("0000fde800000001", rule, sizeof(rule));
	assert_false(flow_match(&n, packet, len));
}

int main(void)
{
	enum {
		COUNT = sizeof(vectors) / sizeof(vectors[0])
	};
	struct CMUnitTest tests[COUNT + 1] = {
		[COUNT] = cmocka_unit_test(a_route_distinguisher_is_not_looked_at),
	};

	for (size_t i = 0; i < COUNT; i++)
		tests[i] = (struct CMUnitTest){ .name = vectors[i].sentence,
						.test_func = run,
						.initial_state = (void *)&vectors[i] };
	return cmocka_run_group_tests_name("flow_match", tests, NULL, NULL);
}
