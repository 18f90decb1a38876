/* SPDX-License-Identifier: ISC */
/* nft_rule.c - see nft_rule.h.
 *
 * Fields are read by their place behind the network header (@nh) and the transport header (@th), so
 * that nft adds no conditions of its own.  What the kernel (6.1 to 6.18) does there, and what is
 * done about it:
 * 1. It takes the octets of a later fragment for a transport header: such packets are sorted out
 *    before any rule, into the class without one.
 * 2. It reads behind the end of a packet what the link layer padded: the length of the IP header
 *    decides the class.  Behind IPv6 extension headers it is the octets at hand that decide, which
 *    is the same as long as padding fills the frame to 60 octets and no further.
 * 3. A frame that is shorter than its IP header says has no l4proto, and so no transport header
 *    here; the machine itself drops such a frame when it forwards.
 * 4. IPv6: AH ends the chain and is then the l4proto.  It is never said to be a rule's protocol, so
 *    that rules which look at the transport header do not match behind AH.  Extension headers are
 *    walked without a bound.
 *
 * A component is one condition, whatever its ranges; only `port` (either one) and fragments of
 * IPv6 (the header may be missing) take alternatives, a line for each.
 */
#include "enforce/nft_rule.h"

#include <math.h>
#include <string.h>

#include "base/str.h"

enum {
	TEXT_MAX = 16 * 1024, /* of the conditions of one line */
	SPANS_MAX = 128,      /* of one rule, as in XDP */
	FLAGS_MAX = 256,      /* combinations of TCP flags that one rule may name */
	ICMP = 1,
	TCP = 6,
	UDP = 17,
	AH = 51,
	ICMPV6 = 58,
	IPV6_HEADER = 40
};

const char *nft_chain(enum flow_family family, enum nft_class class)
{
	static const char *const names[FLOW_FAMILIES][NFT_CLASSES] = {
		[FLOW_IPV4] = { "ipv4-none", "ipv4-short", "ipv4-full" },
		[FLOW_IPV6] = { "ipv6-none", "ipv6-short", "ipv6-full" },
	};

	return names[family][class];
}

/* ---- Sorting packets ------------------------------------------------------------------ */

/* Octets of a transport header, from..to, and the class that they make. */
static const struct {
	unsigned protocol[FLOW_FAMILIES];
	unsigned from, to;
	enum nft_class class;
} transports[] = {
	{ { TCP, TCP }, 14, 65535, NFT_FULL }, { { TCP, TCP }, 4, 13, NFT_SHORT },
	{ { UDP, UDP }, 4, 65535, NFT_FULL },  { { ICMP, ICMPV6 }, 2, 65535, NFT_FULL },
	{ { ICMP, ICMPV6 }, 1, 1, NFT_SHORT },
};

enum {
	TRANSPORTS = sizeof(transports) / sizeof(transports[0])
};

static void chain_print(const char *name, FILE *to)
{
	(void)fprintf(to, "add chain " NFT_TABLE " %s\n", name);
}

static void ipv4_print(FILE *to)
{
	const char *sep = "";

	/* RFC 8955 4.2.2.4: ports only where they are; the first-fragment guard. */
	fputs("add rule " NFT_TABLE " ipv4 @nh,51,13 != 0 goto ipv4-header\n", to);
	/* l4proto: the frame is as long as its header says. */
	fputs("add rule " NFT_TABLE
	      " ipv4 meta l4proto 0-255 @nh,0,8 . @nh,72,8 . @nh,16,16 vmap { ",
	      to);
	for (unsigned ihl = 5; ihl <= 15; ihl++)
		for (int i = 0; i < TRANSPORTS; i++) {
			unsigned most = transports[i].to + 4 * ihl;

			(void)fprintf(to, "%s0x4%x . %u . %u-%u : goto %s", sep, ihl,
				      transports[i].protocol[FLOW_IPV4],
				      transports[i].from + 4 * ihl, most < 65535 ? most : 65535,
				      nft_chain(FLOW_IPV4, transports[i].class));
			sep = ", ";
		}
	fputs(" }\nadd rule " NFT_TABLE " ipv4 goto ipv4-header\n", to);
	for (unsigned ihl = 5; ihl <= 15; ihl++)
		(void)fprintf(
			to,
			"add rule " NFT_TABLE
			" ipv4-header @nh,0,8 0x4%x @nh,16,16 >= %u meta length >= %u goto %s\n",
			ihl, 4 * ihl, 4 * ihl, nft_chain(FLOW_IPV4, NFT_NONE));
}

static void ipv6_print(FILE *to)
{
	const char *sep = "";

	fputs("add rule " NFT_TABLE " ipv6 @nh,0,4 != 6 accept\n"
	      "add rule " NFT_TABLE " ipv6 meta length < 40 accept\n"
	      "add rule " NFT_TABLE " ipv6 frag frag-off != 0 goto ipv6-none\n"
	      "add rule " NFT_TABLE " ipv6 meta l4proto 0-255 @nh,48,8 . @nh,32,16 vmap { ",
	      to);
	for (int i = 0; i < TRANSPORTS; i++) {
		(void)fprintf(to, "%s%u . %u-%u : goto %s", sep, transports[i].protocol[FLOW_IPV6],
			      transports[i].from, transports[i].to,
			      nft_chain(FLOW_IPV6, transports[i].class));
		sep = ", ";
	}
	fputs(" }\n", to);
	/* Behind extension headers; a field that is not there ends the line. */
	for (int i = 0; i < TRANSPORTS; i++)
		(void)fprintf(to,
			      "add rule " NFT_TABLE
			      " ipv6 @nh,48,8 { 0, 43, 44, 60 } meta l4proto %u "
			      "@th,%u,8 0-255 goto %s\n",
			      transports[i].protocol[FLOW_IPV6], 8 * (transports[i].from - 1),
			      nft_chain(FLOW_IPV6, transports[i].class));
	fputs("add rule " NFT_TABLE " ipv6 goto ipv6-none\n", to);
}

void nft_base_print(FILE *to)
{
	fputs("add table " NFT_TABLE "\n", to);
	for (int family = 0; family < FLOW_FAMILIES; family++)
		for (int class = 0; class < NFT_CLASSES; class ++)
			chain_print(nft_chain(family, class), to);
	chain_print("ipv4-header", to);
	chain_print("ipv4", to);
	chain_print("ipv6", to);
	fputs("flush chain " NFT_TABLE " ipv4-header\nflush chain " NFT_TABLE
	      " ipv4\nflush chain " NFT_TABLE " ipv6\n",
	      to);
	ipv4_print(to);
	ipv6_print(to);
}

/* ---- TCP flags ------------------------------------------------------------------------ */

/* The flags that make a difference, and which values of them match. */
struct flags {
	unsigned mask, count;
	uint16_t values[FLAGS_MAX];
};

static bool flags_match(const struct flow_normal *n, unsigned v)
{
	return n->tcp_flags[v >> 6] >> (v & 63) & 1;
}

/* False: too many. */
static bool flags_make(const struct flow_normal *n, struct flags *ret)
{
	*ret = (struct flags){ 0 };
	for (unsigned bit = 1; bit < 0x1000; bit <<= 1)
		for (unsigned v = 0; v < 0x1000 && !(ret->mask & bit); v++)
			if (flags_match(n, v) != flags_match(n, v ^ bit))
				ret->mask |= bit;
	for (unsigned v = 0; v < 0x1000; v++) {
		if ((v & ret->mask) != v || !flags_match(n, v))
			continue;
		if (ret->count == FLAGS_MAX)
			return false;
		ret->values[ret->count++] = (uint16_t)v;
	}
	return true;
}

/* ---- What can be had ------------------------------------------------------------------ */

bool nft_match_fits(const struct flow_nlri *nlri, struct err *e)
{
	struct flow_normal n;
	struct flags flags;

	if (nlri->vpn)
		return err_at(e, 0, 0, "rules of a VPN are not enforced");
	if (!flow_normal_make(nlri, &n, e))
		return false;
	if (n.span_count > SPANS_MAX)
		return err_at(e, 0, 0, "more than %d ranges of values", SPANS_MAX);
	if (n.has_tcp_flags && !flags_make(&n, &flags))
		return err_at(e, 0, 0, "more than %d combinations of TCP flags", FLAGS_MAX);
	return true;
}

static bool asks_more_than_rates(const struct flow_actions *a)
{
	return a->redirect != FLOW_REDIRECT_NONE || a->has_mark || a->sample || a->more ||
	       a->interface_sets > 0;
}

enum {
	OCTETS_EXACT = 1000,      /* from here on whole octets are exact to 0.1 % */
	OCTETS_MOST = 1000000000, /* nftables counts time in whole nanoseconds */
	PACKETS_MOST = 2000000
};

bool nft_then_make(const struct flow_actions *a, struct plan_then *ret, struct err *e)
{
	float octets, packets;

	if (!plan_then_make(a, ret, e))
		return false;
	if (asks_more_than_rates(a))
		return err_at(e, 0, 0, "nftables is used for discard, accept and rate limits only");
	octets = ret->rate[XDP_UNIT_OCTETS];
	packets = ret->rate[XDP_UNIT_PACKETS];
	if (octets > 0 && packets > 0)
		return err_at(e, 0, 0, "nftables cannot limit octets and packets at once");
	if (octets > 0 && octets < OCTETS_EXACT && octets != floorf(octets))
		return err_at(e, 0, 0, "nftables limits to whole octets a second");
	if (octets > OCTETS_MOST)
		return err_at(e, 0, 0, "nftables cannot limit to more than %d octets a second",
			      OCTETS_MOST);
	if (packets > PACKETS_MOST)
		return err_at(e, 0, 0, "nftables cannot limit to more than %d packets a second",
			      PACKETS_MOST);
	return true;
}

bool nft_needs_whole(const struct flow_nlri *n, const struct plan_then *t)
{
	struct rd r = flow_nlri_components(n);
	struct flow_comp c;

	while (flow_comp_next(&r, n->family, &c))
		if (c.type == FLOW_PACKET_LENGTH)
			return true;
	return t->rate[XDP_UNIT_PACKETS] > 0;
}

/* ---- Conditions ----------------------------------------------------------------------- */

/* A line in the making: what has to hold for the rule to match, one after the other. */
struct conditions {
	struct str text;
	bool never; /* nothing matches */
	char room[TEXT_MAX];
};

/* " FIELD == spans"; all that the field can be is no condition.  Spans are moved down by `down`;
 * what falls out of 0..max is not there. */
static void add_spans(struct conditions *c, const char *field, const struct flow_span *spans,
		      size_t n, uint32_t down, uint32_t max)
{
	const struct flow_span *end = spans + n;
	struct str *s = &c->text;
	size_t kept = 0;

	while (spans < end && spans->hi < down)
		spans++;
	while (end > spans && end[-1].lo > down && end[-1].lo - down > max)
		end--;
	c->never |= spans == end;
	if (spans < end && spans->lo <= down && spans->hi >= max + down)
		return;
	str_addf(s, " %s == %s", field, end - spans > 1 ? "{ " : "");
	for (const struct flow_span *i = spans; i < end; i++) {
		uint32_t lo = i->lo > down ? i->lo - down : 0;
		uint32_t hi = i->hi - down < max ? i->hi - down : max;

		str_addf(s, kept++ > 0 ? ", %u" : "%u", lo);
		if (hi > lo)
			str_addf(s, "-%u", hi);
	}
	str_add(s, end - spans > 1 ? " }" : "");
}

static void add_prefix(struct conditions *c, const struct flow_normal_prefix *p, unsigned at,
		       unsigned octets)
{
	uint8_t mask[16] = { 0 };

	if (!p->present || p->len == p->offset)
		return;
	for (unsigned i = p->offset; i < p->len; i++)
		mask[i / 8] |= (uint8_t)(0x80 >> i % 8);
	str_addf(&c->text, " @nh,%u,%u & 0x", at, 8 * octets);
	str_add_hex(&c->text, mask, octets);
	str_add(&c->text, " == 0x");
	str_add_hex(&c->text, p->octets, octets);
}

static bool asks(const struct flow_normal *n, enum flow_type t)
{
	return n->numeric[t].present;
}

static void add_numeric(struct conditions *c, const struct flow_normal *n, enum flow_type t,
			const char *field, uint32_t down, uint32_t max)
{
	if (asks(n, t))
		add_spans(c, field, n->spans + n->numeric[t].first, n->numeric[t].count, down, max);
}

/* Those protocols that the rule names and that have the fields it asks for. */
static void add_protocol(struct conditions *c, const struct flow_normal *n)
{
	bool ipv6 = n->family == FLOW_IPV6;
	bool ports =
		asks(n, FLOW_PORT) || asks(n, FLOW_DESTINATION_PORT) || asks(n, FLOW_SOURCE_PORT);
	bool icmp = asks(n, FLOW_ICMP_TYPE) || asks(n, FLOW_ICMP_CODE);
	struct flow_span spans[256];
	size_t count = 0;

	if (!ports && !icmp && !n->has_tcp_flags && !asks(n, FLOW_PROTOCOL))
		return;
	for (uint32_t p = 0; p < 256; p++) {
		bool named = !asks(n, FLOW_PROTOCOL);

		for (unsigned i = 0; i < n->numeric[FLOW_PROTOCOL].count && !named; i++) {
			const struct flow_span *s = &n->spans[n->numeric[FLOW_PROTOCOL].first + i];

			named = p >= s->lo && p <= s->hi;
		}
		if (!named || (ports && p != TCP && p != UDP) ||
		    (icmp && p != (ipv6 ? ICMPV6 : ICMP)) || (n->has_tcp_flags && p != TCP) ||
		    (ipv6 && p == AH))
			continue;
		if (count > 0 && spans[count - 1].hi + 1 == p)
			spans[count - 1].hi = p;
		else
			spans[count++] = (struct flow_span){ p, p };
	}
	add_spans(c, ipv6 ? "meta l4proto" : "@nh,72,8", spans, count, 0, 255);
}

static void add_flags(struct conditions *c, const struct flow_normal *n)
{
	struct flags f;

	if (!n->has_tcp_flags || !flags_make(n, &f))
		return;
	c->never |= f.count == 0;
	if (f.mask == 0)
		return;
	str_addf(&c->text, " @th,96,16 & 0x%x == %s", f.mask, f.count > 1 ? "{ " : "");
	for (unsigned i = 0; i < f.count; i++)
		str_addf(&c->text, i > 0 ? ", 0x%x" : "0x%x", f.values[i]);
	str_add(&c->text, f.count > 1 ? " }" : "");
}

enum {
	DF = 1,
	ISF = 2,
	FF = 4,
	LF = 8
};

/* IPv4: the word with the flags and the offset, by what its values mean. */
static void add_fragment(struct conditions *c, const struct flow_normal *n)
{
	static const struct {
		struct flow_span words;
		uint8_t value;
	} kinds[] = {
		{ { 0, 0 }, 0 },
		{ { 0x0001, 0x1fff }, ISF | LF },
		{ { 0x2000, 0x2000 }, FF },
		{ { 0x2001, 0x3fff }, ISF },
	};
	struct flow_span spans[16];
	size_t count = 0;

	if (!n->has_fragment || n->family != FLOW_IPV4)
		return;
	for (uint32_t top = 0; top < 4; top++) /* the reserved bit and DF */
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
			unsigned value = kinds[i].value | (top & 1 ? DF : 0);
			uint32_t lo = top << 14 | kinds[i].words.lo,
				 hi = top << 14 | kinds[i].words.hi;

			if (!(n->fragment >> value & 1))
				continue;
			if (count > 0 && spans[count - 1].hi + 1 == lo)
				spans[count - 1].hi = hi;
			else
				spans[count++] = (struct flow_span){ lo, hi };
		}
	add_spans(c, "@nh,48,16", spans, count, 0, 0xffff);
}

static void conditions_make(const struct flow_normal *n, struct conditions *c)
{
	bool ipv6 = n->family == FLOW_IPV6;

	c->text = str_over(c->room, sizeof(c->room));
	c->never = false;
	add_prefix(c, &n->destination, ipv6 ? 192 : 128, ipv6 ? 16 : 4);
	add_prefix(c, &n->source, ipv6 ? 64 : 96, ipv6 ? 16 : 4);
	add_protocol(c, n);
	add_numeric(c, n, FLOW_DESTINATION_PORT, "@th,16,16", 0, 0xffff);
	add_numeric(c, n, FLOW_SOURCE_PORT, "@th,0,16", 0, 0xffff);
	add_numeric(c, n, FLOW_ICMP_TYPE, "@th,0,8", 0, 0xff);
	add_numeric(c, n, FLOW_ICMP_CODE, "@th,8,8", 0, 0xff);
	add_flags(c, n);
	add_numeric(c, n, FLOW_PACKET_LENGTH, ipv6 ? "@nh,32,16" : "@nh,16,16",
		    ipv6 ? IPV6_HEADER : 0, 0xffff);
	add_numeric(c, n, FLOW_DSCP, ipv6 ? "@nh,4,6" : "@nh,8,6", 0, 0x3f);
	add_numeric(c, n, FLOW_LABEL, "@nh,12,20", 0, 0xfffff);
	add_fragment(c, n);
}

/* ---- Lines ---------------------------------------------------------------------------- */

/* IPv6: what the fragment header may say, and a packet without one whose chain is whole. */
static const struct {
	uint8_t value;
	const char *text;
} ipv6_fragments[] = {
	{ 0, " exthdr frag missing meta l4proto 0-255" },
	{ 0, " frag frag-off == 0 frag more-fragments == 0" },
	{ FF, " frag frag-off == 0 frag more-fragments == 1" },
	{ ISF, " frag frag-off != 0 frag more-fragments == 1" },
	{ ISF | LF, " frag frag-off != 0 frag more-fragments == 0" },
};

static unsigned line_print(const char *chain, const struct conditions *c, const char *port,
			   const char *fragment, int number, FILE *to)
{
	(void)fprintf(to, "add rule " NFT_TABLE " %s%s%s%s goto rule%d\n", chain, c->text.text,
		      port, fragment, number);
	return 1;
}

static unsigned fragments_print(const char *chain, const struct flow_normal *n,
				const struct conditions *c, const char *port, int number, FILE *to)
{
	unsigned lines = 0;

	if (!n->has_fragment || n->family != FLOW_IPV6)
		return line_print(chain, c, port, "", number, to);
	for (size_t i = 0; i < sizeof(ipv6_fragments) / sizeof(ipv6_fragments[0]); i++)
		if (n->fragment >> ipv6_fragments[i].value & 1)
			lines += line_print(chain, c, port, ipv6_fragments[i].text, number, to);
	return lines;
}

static unsigned ports_print(const char *chain, const struct flow_normal *n, struct conditions *c,
			    int number, FILE *to)
{
	static const char *const fields[] = { "@th,0,16", "@th,16,16" };
	static struct conditions port;
	unsigned lines = 0;

	if (!asks(n, FLOW_PORT))
		return fragments_print(chain, n, c, "", number, to);
	for (int i = 0; i < 2; i++) {
		port.text = str_over(port.room, sizeof(port.room));
		port.never = false;
		add_numeric(&port, n, FLOW_PORT, fields[i], 0, 0xffff);
		if (port.never)
			return 0;
		lines += fragments_print(chain, n, c, port.text.text, number, to);
		if (*port.text.text == '\0') /* any port */
			break;
	}
	return lines;
}

unsigned nft_match_print(const struct flow_nlri *nlri, int number, enum nft_class class, FILE *to)
{
	static struct conditions c;
	struct flow_normal n;
	bool full, some;

	if (!flow_normal_make(nlri, &n, NULL))
		return 0;
	full = n.has_tcp_flags || asks(&n, FLOW_ICMP_CODE);
	some = full || asks(&n, FLOW_PORT) || asks(&n, FLOW_DESTINATION_PORT) ||
	       asks(&n, FLOW_SOURCE_PORT) || asks(&n, FLOW_ICMP_TYPE);
	if ((full && class < NFT_FULL) || (some && class < NFT_SHORT))
		return 0;
	conditions_make(&n, &c);
	return c.never ? 0 : ports_print(nft_chain(n.family, class), &n, &c, number, to);
}

/* ---- Verdicts ------------------------------------------------------------------------- */

static void rule_add(int number, FILE *to)
{
	(void)fprintf(to, "add rule " NFT_TABLE " rule%d ", number);
}

/* A limit lets at least so much pass at once, as in plan.c. */
enum {
	OCTETS_AT_ONCE = 6000,
	PACKETS_AT_ONCE = 4
};

/* The kernel's bucket of octets has a second's worth besides the burst. */
static void limit_octets(double rate, FILE *to)
{
	double at_once = rate < OCTETS_AT_ONCE ? OCTETS_AT_ONCE - rate : 0;

	(void)fprintf(to, "limit rate over %.0f bytes/second", rate);
	if (at_once > 0)
		(void)fprintf(to, " burst %.0f bytes", ceil(at_once));
}

/* Rates are whole numbers: of the time that makes them exact to 0.1 %, or the longest. */
static void limit_packets(double rate, FILE *to)
{
	static const struct {
		const char *name;
		double seconds;
	} times[] = { { "second", 1 },
		      { "minute", 60 },
		      { "hour", 3600 },
		      { "day", 86400 },
		      { "week", 7 * 86400 } };
	size_t i = 0, last = sizeof(times) / sizeof(times[0]) - 1;

	while (i < last && rate * times[i].seconds < 1000 &&
	       rate * times[i].seconds != floor(rate * times[i].seconds))
		i++;
	(void)fprintf(to, "limit rate over %.0f/%s burst %.0f packets",
		      round(rate * times[i].seconds), times[i].name,
		      fmax(PACKETS_AT_ONCE, ceil(rate / 50)));
}

static void verdict_print(const struct plan_then *t, int number, FILE *to)
{
	if (t->kind == XDP_THEN_RATE) {
		rule_add(number, to);
		if (t->rate[XDP_UNIT_OCTETS] > 0)
			limit_octets((double)t->rate[XDP_UNIT_OCTETS], to);
		else
			limit_packets((double)t->rate[XDP_UNIT_PACKETS], to);
		(void)fprintf(to, " counter name dropped%d drop\n", number);
	}
	rule_add(number, to);
	if (t->kind == XDP_THEN_DISCARD)
		(void)fprintf(to, "counter name dropped%d drop\n", number);
	else
		fputs("accept\n", to);
}

/* Octets of an NLRI in one comment: nft has room for 128 characters. */
enum {
	COMMENT_OCTETS = 60
};

static void comments_print(const struct flow_nlri *n, const struct plan_then *t, int number,
			   FILE *to)
{
	char hex[2 * COMMENT_OCTETS + 1];

	rule_add(number, to);
	(void)fprintf(to, "continue comment \"%d %d %a %a\"\n", n->family == FLOW_IPV6 ? 6 : 4,
		      t->kind, (double)t->rate[XDP_UNIT_OCTETS], (double)t->rate[XDP_UNIT_PACKETS]);
	for (size_t at = 0; at < n->len; at += COMMENT_OCTETS) {
		struct str s = str_over(hex, sizeof(hex));

		str_add_hex(&s, n->octets + at,
			    n->len - at < COMMENT_OCTETS ? n->len - at : COMMENT_OCTETS);
		rule_add(number, to);
		(void)fprintf(to, "continue comment \"%s\"\n", hex);
	}
}

void nft_then_print(const struct flow_nlri *n, const struct plan_then *t, int number, bool monitor,
		    FILE *to)
{
	(void)fprintf(to, "flush chain " NFT_TABLE " rule%d\n", number);
	rule_add(number, to);
	(void)fprintf(to, "counter name matched%d\n", number);
	if (monitor) {
		rule_add(number, to);
		fputs("accept\n", to);
	} else {
		verdict_print(t, number, to);
	}
	comments_print(n, t, number, to);
}
