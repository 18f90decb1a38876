/* SPDX-License-Identifier: ISC */
/* nft_sort.c - see nft_sort.h.
 *
 * Fields are read by their place behind the network header (@nh) and the transport header (@th), so
 * that nft adds no conditions of its own.  What the kernel (6.1 to 6.18) does there, and what is
 * done about it:
 * 1. It takes the octets of a later fragment for a transport header: such packets are sorted into
 *    the class without one.
 * 2. It reads behind the end of a packet what the link layer padded: the length of the IP header
 *    decides the class, and is asked again by rules that look further in.  Behind IPv6 extension
 *    headers it is the octets at hand that decide, which is the same as long as padding fills the
 *    frame to 60 octets and no further.
 * 3. A frame that is shorter than its IP header says has no l4proto, and so no transport header
 *    here; the machine itself drops such a frame when it forwards.
 * 4. With each change it walks all ways from the interfaces through the chains, one after the
 *    other: so as few of them as can be lead to the same chain, and what could be a map of verdicts
 *    is a set in front of one.
 */
#include "nft/nft_sort.h"

enum {
	ICMP = 1,
	TCP = 6,
	UDP = 17,
	ICMPV6 = 58,
	IHL_MIN = 5,
	IHL_MAX = 15
};

const char *nft_sorter(enum nft_purpose purpose, enum flow_family family)
{
	static const char *const names[NFT_PURPOSES][FLOW_FAMILIES] = {
		[NFT_RULES] = { "ipv4", "ipv6" },
		[NFT_DEFAULTS] = { "ipv4-defaults", "ipv6-defaults" },
		[NFT_STATEMENTS] = { "ipv4-statements", "ipv6-statements" },
	};

	return names[purpose][family];
}

const char *nft_chain(enum nft_purpose purpose, enum flow_family family, enum nft_class class)
{
	static const char *const names[NFT_PURPOSES][FLOW_FAMILIES][NFT_CLASSES] = {
		[NFT_RULES] = { { "ipv4-none", "ipv4-some" }, { "ipv6-none", "ipv6-some" } },
		[NFT_DEFAULTS] = { { "ipv4-defaults-none", "ipv4-defaults-some" },
				   { "ipv6-defaults-none", "ipv6-defaults-some" } },
		[NFT_STATEMENTS] = { { "ipv4-statements-none", "ipv4-statements-some" },
				     { "ipv6-statements-none", "ipv6-statements-some" } },
	};

	return names[purpose][family][class];
}

/* ---- Where fields are ------------------------------------------------------------------- */

/* Octets that a transport header needs for the first of its fields. */
static const struct {
	unsigned protocol[FLOW_FAMILIES];
	unsigned octets;
} transports[] = {
	{ { TCP, TCP }, 4 },
	{ { UDP, UDP }, 4 },
	{ { ICMP, ICMPV6 }, 1 },
};

enum {
	TRANSPORTS = sizeof(transports) / sizeof(transports[0])
};

/* IPv4: the header and total lengths with which so many octets are behind the header. */
static void lengths_print(const char *name, unsigned octets, FILE *to)
{
	(void)fprintf(to,
		      "add set " NFT_TABLE
		      " %s { typeof @nh,0,8 . @nh,16,16; flags interval; elements = { ",
		      name);
	for (unsigned ihl = IHL_MIN; ihl <= IHL_MAX; ihl++)
		(void)fprintf(to, "%s0x4%x . %u-65535", ihl > IHL_MIN ? ", " : "", ihl,
			      4 * ihl + octets);
	fputs(" }; }\n", to);
}

static void ipv4_transports_print(FILE *to)
{
	const char *sep = "";

	fputs("add set " NFT_TABLE " ipv4-transports { typeof @nh,0,8 . @nh,72,8 . @nh,16,16; "
	      "flags interval; elements = { ",
	      to);
	for (unsigned ihl = IHL_MIN; ihl <= IHL_MAX; ihl++)
		for (int i = 0; i < TRANSPORTS; i++) {
			(void)fprintf(to, "%s0x4%x . %u . %u-65535", sep, ihl,
				      transports[i].protocol[FLOW_IPV4],
				      transports[i].octets + 4 * ihl);
			sep = ", ";
		}
	fputs(" }; }\n", to);
}

static void ipv6_transports_print(FILE *to)
{
	fputs("add set " NFT_TABLE " ipv6-transports { typeof @nh,48,8 . @nh,32,16; "
	      "flags interval; elements = { ",
	      to);
	for (int i = 0; i < TRANSPORTS; i++)
		(void)fprintf(to, "%s%u . %u-65535", i > 0 ? ", " : "",
			      transports[i].protocol[FLOW_IPV6], transports[i].octets);
	fputs(" }; }\n", to);
}

const char *nft_has_code(enum flow_family family)
{
	return family == FLOW_IPV6 ? " @nh,32,16 >= 2 @th,8,8 0-255"
				   : " @nh,0,8 . @nh,16,16 @ipv4-with-code";
}

const char *nft_has_flags(enum flow_family family)
{
	return family == FLOW_IPV6 ? " @nh,32,16 >= 14 @th,104,8 0-255"
				   : " @nh,0,8 . @nh,16,16 @ipv4-with-flags";
}

/* ---- Sorting ---------------------------------------------------------------------------- */

static void begin(const char *chain, FILE *to)
{
	(void)fprintf(to, "add chain " NFT_TABLE " %s\nflush chain " NFT_TABLE " %s\n", chain,
		      chain);
}

static void rule(const char *chain, FILE *to)
{
	(void)fprintf(to, "add rule " NFT_TABLE " %s ", chain);
}

static void ipv4_print(enum nft_purpose purpose, FILE *to)
{
	const char *sorter = nft_sorter(purpose, FLOW_IPV4);
	char header[40];

	(void)snprintf(header, sizeof(header), "%s-header", sorter);
	begin(header, to);
	begin(sorter, to);
	/* RFC 8955 4.2.2.4: ports only where they are; the first-fragment guard. */
	rule(sorter, to);
	(void)fprintf(to, "@nh,51,13 != 0 goto %s\n", header);
	/* l4proto: the frame is as long as its header says. */
	rule(sorter, to);
	(void)fprintf(
		to, "meta l4proto 0-255 @nh,0,8 . @nh,72,8 . @nh,16,16 @ipv4-transports goto %s\n",
		nft_chain(purpose, FLOW_IPV4, NFT_SOME));
	rule(sorter, to);
	(void)fprintf(to, "goto %s\n", header);

	/* No rule matches what has no whole header.  A field that is not there ends the line,
	 * whatever it asks: the length comes first. */
	rule(header, to);
	fputs("meta length < 20 accept\n", to);
	rule(header, to);
	fputs("@nh,0,8 . @nh,16,16 != @ipv4-whole accept\n", to);
	for (unsigned ihl = IHL_MIN + 1; ihl <= IHL_MAX; ihl++) {
		rule(header, to);
		(void)fprintf(to, "@nh,0,8 0x4%x meta length < %u accept\n", ihl, 4 * ihl);
	}
	rule(header, to);
	(void)fprintf(to, "goto %s\n", nft_chain(purpose, FLOW_IPV4, NFT_NONE));
}

static void ipv6_print(enum nft_purpose purpose, FILE *to)
{
	const char *sorter = nft_sorter(purpose, FLOW_IPV6),
		   *some = nft_chain(purpose, FLOW_IPV6, NFT_SOME),
		   *none = nft_chain(purpose, FLOW_IPV6, NFT_NONE);

	begin(sorter, to);
	rule(sorter, to);
	fputs("@nh,0,4 != 6 accept\n", to);
	rule(sorter, to);
	fputs("meta length < 40 accept\n", to);
	rule(sorter, to);
	(void)fprintf(to, "frag frag-off != 0 goto %s\n", none);
	rule(sorter, to);
	(void)fprintf(to, "meta l4proto 0-255 @nh,48,8 . @nh,32,16 @ipv6-transports goto %s\n",
		      some);
	/* Behind extension headers; a field that is not there ends the line. */
	rule(sorter, to);
	(void)fprintf(to,
		      "@nh,48,8 { 0, 43, 44, 60 } meta l4proto { %d, %d } @th,24,8 0-255 goto %s\n",
		      TCP, UDP, some);
	rule(sorter, to);
	(void)fprintf(to, "@nh,48,8 { 0, 43, 44, 60 } meta l4proto %d @th,0,8 0-255 goto %s\n",
		      ICMPV6, some);
	rule(sorter, to);
	(void)fprintf(to, "goto %s\n", none);
}

void nft_sort_print(FILE *to)
{
	fputs("add table " NFT_TABLE "\n", to);
	lengths_print("ipv4-whole", 0, to);
	lengths_print("ipv4-with-code", 2, to);
	lengths_print("ipv4-with-flags", 14, to);
	ipv4_transports_print(to);
	ipv6_transports_print(to);
	for (int p = 0; p < NFT_PURPOSES; p++) {
		for (int family = 0; family < FLOW_FAMILIES; family++)
			for (int class = 0; class < NFT_CLASSES; class ++)
				(void)fprintf(to, "add chain " NFT_TABLE " %s\n",
					      nft_chain(p, family, class));
		ipv4_print(p, to);
		ipv6_print(p, to);
	}
}
