/* SPDX-License-Identifier: ISC */
/* names.c - see names.h.  ExaBGP's words, and a few that it lacks: icmpv6, psh, the code points of
 * RFC 2474, 2597, 3246 and 8622.  Its ICMP words are numbers of ICMPv4; none is written for IPv6.
 */
#include "flow/names.h"

#include <string.h>

enum {
	WORD_MAX = 48
};

struct name {
	const char *text;
	uint16_t value;
};

/* Of two words for a value the first is the canonical one. */
static const struct name protocols[] = {
	{ "tcp", 6 },   { "udp", 17 },  { "icmp", 1 },   { "igmp", 2 }, { "egp", 8 },
	{ "rsvp", 46 }, { "gre", 47 },  { "esp", 50 },   { "ah", 51 },  { "ospf", 89 },
	{ "ipip", 94 }, { "pim", 103 }, { "sctp", 132 }, { NULL, 0 },
};

/* Read, never written: ExaBGP would not know them. */
static const struct name protocols_ours[] = {
	{ "icmpv6", 58 },
	{ "ipv6-icmp", 58 },
	{ "icmp6", 58 },
	{ NULL, 0 },
};

static const struct name icmp_types[] = {
	{ "echo-reply", 0 },
	{ "unreachable", 3 },
	{ "source-quench", 4 },
	{ "redirect", 5 },
	{ "echo-request", 8 },
	{ "router-advertisement", 9 },
	{ "router-solicit", 10 },
	{ "time-exceeded", 11 },
	{ "parameter-problem", 12 },
	{ "timestamp", 13 },
	{ "timestamp-reply", 14 },
	{ "info-request", 15 },
	{ "info-reply", 16 },
	{ "mask-request", 17 },
	{ "mask-reply", 18 },
	{ "traceroute", 30 },
	{ "photuris", 40 },
	{ "experimental-mobility", 41 },
	{ "extended-echo-request", 42 },
	{ "extended-echo-reply", 43 },
	{ "experimental-one", 253 },
	{ "experimental-two", 254 },
	{ NULL, 0 },
};

/* What a code means hangs on the type, so a number is written. */
static const struct name icmp_codes[] = {
	{ "network-unreachable", 0 },
	{ "host-unreachable", 1 },
	{ "protocol-unreachable", 2 },
	{ "port-unreachable", 3 },
	{ "fragmentation-needed", 4 },
	{ "source-route-failed", 5 },
	{ "destination-network-unknown", 6 },
	{ "destination-host-unknown", 7 },
	{ "source-host-isolated", 8 },
	{ "destination-network-prohibited", 9 },
	{ "destination-host-prohibited", 10 },
	{ "network-unreachable-for-tos", 11 },
	{ "host-unreachable-for-tos", 12 },
	{ "communication-prohibited-by-filtering", 13 },
	{ "host-precedence-violation", 14 },
	{ "precedence-cutoff-in-effect", 15 },
	{ "redirect-for-network", 0 },
	{ "redirect-for-host", 1 },
	{ "redirect-for-tos-and-net", 2 },
	{ "redirect-for-tos-and-host", 3 },
	{ "ttl-eq-zero-during-transit", 0 },
	{ "ttl-eq-zero-during-reassembly", 1 },
	{ "required-option-missing", 1 },
	{ "ip-header-bad", 2 },
	{ NULL, 0 },
};

static const struct name tcp_flags[] = {
	{ "fin", 0x01 }, { "syn", 0x02 },    { "rst", 0x04 }, { "push", 0x08 },
	{ "ack", 0x10 }, { "urg", 0x20 },    { "ece", 0x40 }, { "cwr", 0x80 },
	{ "ns", 0x100 }, { "urgent", 0x20 }, { "psh", 0x08 }, { NULL, 0 },
};

static const struct name fragments[] = {
	{ "dont-fragment", 1 }, { "is-fragment", 2 }, { "first-fragment", 4 },
	{ "last-fragment", 8 }, { NULL, 0 },
};

static const struct name dscps[] = {
	{ "ef", 46 },   { "be", 0 },    { "default", 0 }, { "cs0", 0 },   { "cs1", 8 },
	{ "cs2", 16 },  { "cs3", 24 },  { "cs4", 32 },    { "cs5", 40 },  { "cs6", 48 },
	{ "cs7", 56 },  { "af11", 10 }, { "af12", 12 },   { "af13", 14 }, { "af21", 18 },
	{ "af22", 20 }, { "af23", 22 }, { "af31", 26 },   { "af32", 28 }, { "af33", 30 },
	{ "af41", 34 }, { "af42", 36 }, { "af43", 38 },   { "le", 1 },    { "voice-admit", 44 },
	{ NULL, 0 },
};

static const struct name *const tables[FLOW_COMPONENTS + 1] = {
	[FLOW_PROTOCOL] = protocols,  [FLOW_ICMP_TYPE] = icmp_types, [FLOW_ICMP_CODE] = icmp_codes,
	[FLOW_TCP_FLAGS] = tcp_flags, [FLOW_DSCP] = dscps,           [FLOW_FRAGMENT] = fragments,
};

static char fold(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c | 0x20);
	if (c == '_')
		return '-';
	return c;
}

bool flow_word_equal(const char *text, size_t len, const char *word, size_t word_len)
{
	if (len != word_len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (fold(text[i]) != word[i])
			return false;
	return true;
}

static bool find(const struct name *n, const char *word, uint64_t *ret)
{
	for (; n != NULL && n->text != NULL; n++) {
		if (strcmp(n->text, word) != 0)
			continue;
		*ret = n->value;
		return true;
	}
	return false;
}

bool flow_name_value(uint8_t type, const char *text, size_t len, uint64_t *ret)
{
	char word[WORD_MAX];

	if (len == 0 || len >= sizeof(word))
		return false;
	for (size_t i = 0; i < len; i++)
		word[i] = fold(text[i]);
	word[len] = '\0';
	if (type == FLOW_PORT || type == FLOW_DESTINATION_PORT || type == FLOW_SOURCE_PORT)
		return flow_port_value(word, ret);
	return find(tables[type], word, ret) ||
	       (type == FLOW_PROTOCOL && find(protocols_ours, word, ret));
}

static const char *find_value(const struct name *n, uint64_t value)
{
	for (; n->text != NULL; n++)
		if (n->value == value)
			return n->text;
	return NULL;
}

const char *flow_value_name(uint8_t type, enum flow_family family, uint64_t value)
{
	if (type == FLOW_PROTOCOL)
		return find_value(protocols, value);
	if (type == FLOW_ICMP_TYPE && family == FLOW_IPV4)
		return find_value(icmp_types, value);
	return NULL;
}

const char *flow_bit_name(uint8_t type, unsigned bit)
{
	return find_value(tables[type], bit);
}
