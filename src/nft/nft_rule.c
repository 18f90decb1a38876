/* SPDX-License-Identifier: ISC */
/* nft_rule.c - see nft_rule.h.
 *
 * What the kernel does with the fields that are read here is told in nft_sort.c.  Of IPv6 besides:
 * AH ends the chain and is then the l4proto.  It is never said to be a rule's protocol, so that
 * rules which look at the transport header do not match behind AH.  Extension headers are walked
 * without a bound.
 *
 * A set of its own for a line costs the kernel more the more sets there are, so few values are
 * lines of their own and only many are a set.
 */
#include "nft/nft_rule.h"

#include <math.h>
#include <string.h>

#include "base/str.h"
#include "nft/nft_protect.h"

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

enum {
	OCTETS_EXACT = 1000,      /* from here on whole octets are exact to 0.1 % */
	OCTETS_MOST = 1000000000, /* nftables counts time in whole nanoseconds */
	PACKETS_MOST = 2000000
};

bool nft_then_make(const struct plan_able *able, enum flow_family family,
		   const struct flow_actions *a, struct plan_then *ret, struct err *e)
{
	float octets, packets;

	if (a->redirect != FLOW_REDIRECT_NONE)
		return err_at(e, 0, 0, "%s is not enforced with nftables",
			      a->copy ? "copy" : "redirect");
	if (!plan_then_make(able, family, a, ret, e))
		return false;
	if (ret->more)
		return err_at(e, 0, 0,
			      "going on with later rules (traffic-action bit 47) is not enforced "
			      "with nftables");
	if (ret->sample)
		return err_at(e, 0, 0, "sample is not enforced with nftables");
	if (a->interface_sets > 0)
		return err_at(e, 0, 0, "interface-set is not enforced with nftables");
	octets = ret->rate[XDP_UNIT_OCTETS];
	packets = ret->rate[XDP_UNIT_PACKETS];
	if (octets > 0 && packets > 0)
		return err_at(e, 0, 0, "nftables cannot limit octets and packets at once");
	if (octets > 0 && octets < OCTETS_EXACT && octets != floorf(octets))
		return err_at(e, 0, 0, "nftables limits to whole octets a second");
	if ((double)octets > OCTETS_MOST)
		return err_at(e, 0, 0, "nftables cannot limit to more than %d octets a second",
			      OCTETS_MOST);
	if ((double)packets > PACKETS_MOST)
		return err_at(e, 0, 0, "nftables cannot limit to more than %d packets a second",
			      PACKETS_MOST);
	return true;
}

/* ---- Conditions ----------------------------------------------------------------------- */

enum {
	PARTS_MAX = 16,
	TEXTS_MAX = NFT_LINES_MAX + 32,
	LINES_FEW = 4 /* up to so many lines instead of a set */
};

/* A rule's lines in the making: each line has one text of each part, in all combinations. */
struct conditions {
	bool never; /* nothing matches */
	unsigned lines;
	unsigned parts, texts;
	unsigned part[PARTS_MAX + 1]; /* its first text; up to the next part's */
	size_t text[TEXTS_MAX];       /* where it is */
	struct str s;
	char room[TEXT_MAX];
};

static void begin(struct conditions *c)
{
	c->never = false;
	c->lines = 1;
	c->parts = c->texts = 0;
	c->s = str_over(c->room, sizeof(c->room));
}

/* One more text of the part that is being made; it is written to c->s then. */
static struct str *add_text(struct conditions *c)
{
	if (c->s.len > 0)
		c->s.len++; /* behind its NUL */
	c->text[c->texts++] = c->s.len;
	return &c->s;
}

static void end_part(struct conditions *c)
{
	unsigned first = c->parts > 0 ? c->part[c->parts] : 0, n = c->texts - first;

	c->part[0] = 0;
	c->lines *= n;
	c->never |= n == 0;
	c->part[++c->parts] = c->texts;
}

static void span_print(struct str *s, const struct flow_span *span)
{
	str_addf(s, "%u", span->lo);
	if (span->hi > span->lo)
		str_addf(s, "-%u", span->hi);
}

/* FIELD is in one of the spans: a text for each if so many more lines are few, else one. */
static void add_spans(struct conditions *c, const char *field, const struct flow_span *spans,
		      size_t n, bool few)
{
	struct str *s;

	if (few || n <= 1) {
		for (size_t i = 0; i < n; i++) {
			s = add_text(c);
			str_addf(s, " %s == ", field);
			span_print(s, &spans[i]);
		}
		return;
	}
	s = add_text(c);
	str_addf(s, " %s == { ", field);
	for (size_t i = 0; i < n; i++) {
		str_add(s, i > 0 ? ", " : "");
		span_print(s, &spans[i]);
	}
	str_add(s, " }");
}

static bool is_few(const struct conditions *c, size_t n)
{
	return c->lines * n <= LINES_FEW;
}

static bool is_all(const struct flow_span *spans, size_t n, uint32_t max)
{
	return n == 1 && spans[0].lo == 0 && spans[0].hi >= max;
}

/* All that the field can be is no condition. */
static void add_field(struct conditions *c, const char *field, const struct flow_span *spans,
		      size_t n, uint32_t max)
{
	if (is_all(spans, n, max))
		return;
	add_spans(c, field, spans, n, is_few(c, n));
	end_part(c);
}

static void add_prefix(struct conditions *c, const struct flow_normal_prefix *p, unsigned at,
		       unsigned octets)
{
	uint8_t mask[16] = { 0 };
	struct str *s;

	if (!p->present || p->len == p->offset)
		return;
	for (unsigned i = p->offset; i < p->len; i++)
		mask[i / 8] |= (uint8_t)(0x80 >> i % 8);
	s = add_text(c);
	str_addf(s, " @nh,%u,%u & 0x", at, 8 * octets);
	str_add_hex(s, mask, octets);
	str_add(s, " == 0x");
	str_add_hex(s, p->octets, octets);
	end_part(c);
}

static bool asks(const struct flow_normal *n, enum flow_type t)
{
	return n->numeric[t].present;
}

static void add_numeric(struct conditions *c, const struct flow_normal *n, enum flow_type t,
			const char *field, uint32_t max)
{
	if (asks(n, t))
		add_field(c, field, n->spans + n->numeric[t].first, n->numeric[t].count, max);
}

/* Either port. */
static void add_port(struct conditions *c, const struct flow_normal *n)
{
	const struct flow_span *spans = n->spans + n->numeric[FLOW_PORT].first;
	size_t count = n->numeric[FLOW_PORT].count;

	if (!asks(n, FLOW_PORT) || is_all(spans, count, 0xffff))
		return;
	add_spans(c, "@th,0,16", spans, count, is_few(c, 2 * count));
	add_spans(c, "@th,16,16", spans, count, is_few(c, 2 * count));
	end_part(c);
}

/* In the header without the octets of the IPv6 header itself. */
static void add_length(struct conditions *c, const struct flow_normal *n)
{
	struct flow_span spans[SPANS_MAX];
	size_t count = 0;
	uint32_t header = n->family == FLOW_IPV6 ? IPV6_HEADER : 0;

	if (!asks(n, FLOW_PACKET_LENGTH))
		return;
	for (unsigned i = 0; i < n->numeric[FLOW_PACKET_LENGTH].count; i++) {
		struct flow_span s = n->spans[n->numeric[FLOW_PACKET_LENGTH].first + i];

		if (s.hi >= header)
			spans[count++] = (struct flow_span){ s.lo > header ? s.lo - header : 0,
							     s.hi - header };
	}
	add_field(c, header > 0 ? "@nh,32,16" : "@nh,16,16", spans, count, 0xffff);
}

static bool asks_ports(const struct flow_normal *n)
{
	return asks(n, FLOW_PORT) || asks(n, FLOW_DESTINATION_PORT) || asks(n, FLOW_SOURCE_PORT);
}

static bool asks_icmp(const struct flow_normal *n)
{
	return asks(n, FLOW_ICMP_TYPE) || asks(n, FLOW_ICMP_CODE);
}

static bool names_protocol(const struct flow_normal *n, uint32_t p)
{
	const struct flow_span *s = n->spans + n->numeric[FLOW_PROTOCOL].first;

	for (unsigned i = 0; i < n->numeric[FLOW_PROTOCOL].count; i++)
		if (p >= s[i].lo && p <= s[i].hi)
			return true;
	return !asks(n, FLOW_PROTOCOL);
}

/* Those protocols that the rule names and that have the fields it asks for. */
static void add_protocol(struct conditions *c, const struct flow_normal *n)
{
	bool ipv6 = n->family == FLOW_IPV6;
	struct flow_span spans[256];
	size_t count = 0;

	if (!asks_ports(n) && !asks_icmp(n) && !n->has_tcp_flags && !asks(n, FLOW_PROTOCOL))
		return;
	for (uint32_t p = 0; p < 256; p++) {
		if (!names_protocol(n, p) || (asks_ports(n) && p != TCP && p != UDP) ||
		    (asks_icmp(n) && p != (ipv6 ? ICMPV6 : ICMP)) ||
		    (n->has_tcp_flags && p != TCP) || (ipv6 && p == AH))
			continue;
		if (count > 0 && spans[count - 1].hi + 1 == p)
			spans[count - 1].hi = p;
		else
			spans[count++] = (struct flow_span){ p, p };
	}
	add_field(c, ipv6 ? "meta l4proto" : "@nh,72,8", spans, count, 0xff);
}

static void add_flags(struct conditions *c, const struct flow_normal *n)
{
	struct flags f;
	struct str *s;

	if (!n->has_tcp_flags || !flags_make(n, &f))
		return;
	if (f.mask != 0 && f.count > 0) {
		s = add_text(c);
		str_addf(s, " @th,96,16 & 0x%x == %s", f.mask, f.count > 1 ? "{ " : "");
		for (unsigned i = 0; i < f.count; i++)
			str_addf(s, i > 0 ? ", 0x%x" : "0x%x", f.values[i]);
		str_add(s, f.count > 1 ? " }" : "");
		end_part(c);
	}
	c->never |= f.count == 0;
}

enum {
	DF = 1,
	ISF = 2,
	FF = 4,
	LF = 8
};

/* IPv4: the word with the flags and the offset, by what its values mean. */
static void add_ipv4_fragment(struct conditions *c, const struct flow_normal *n)
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
	add_field(c, "@nh,48,16", spans, count, 0xffff);
}

/* IPv6: what the fragment header may say, and a packet without one whose chain is whole. */
static void add_ipv6_fragment(struct conditions *c, const struct flow_normal *n)
{
	static const struct {
		uint8_t value;
		const char *text;
	} kinds[] = {
		{ 0, " exthdr frag missing meta l4proto 0-255" },
		{ 0, " frag frag-off == 0 frag more-fragments == 0" },
		{ FF, " frag frag-off == 0 frag more-fragments == 1" },
		{ ISF, " frag frag-off != 0 frag more-fragments == 1" },
		{ ISF | LF, " frag frag-off != 0 frag more-fragments == 0" },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (n->fragment >> kinds[i].value & 1)
			str_add(add_text(c), kinds[i].text);
	end_part(c);
}

/* The fields that lie further in than the class says. */
static void add_guards(struct conditions *c, const struct flow_normal *n)
{
	if (!n->has_tcp_flags && !asks(n, FLOW_ICMP_CODE))
		return;
	str_add(add_text(c), n->has_tcp_flags ? nft_has_flags(n->family) : nft_has_code(n->family));
	end_part(c);
}

static void conditions_make(const struct flow_normal *n, enum nft_part part, struct conditions *c)
{
	bool ipv6 = n->family == FLOW_IPV6;

	begin(c);
	if (part == NFT_WHOLE)
		add_prefix(c, &n->destination, ipv6 ? 192 : 128, ipv6 ? 16 : 4);
	add_prefix(c, &n->source, ipv6 ? 64 : 96, ipv6 ? 16 : 4);
	/* What cannot be had otherwise is first to have lines. */
	if (n->has_fragment)
		(ipv6 ? add_ipv6_fragment : add_ipv4_fragment)(c, n);
	add_port(c, n);
	add_protocol(c, n);
	add_numeric(c, n, FLOW_DESTINATION_PORT, "@th,16,16", 0xffff);
	add_numeric(c, n, FLOW_SOURCE_PORT, "@th,0,16", 0xffff);
	add_numeric(c, n, FLOW_ICMP_TYPE, "@th,0,8", 0xff);
	add_numeric(c, n, FLOW_ICMP_CODE, "@th,8,8", 0xff);
	add_flags(c, n);
	add_length(c, n);
	add_numeric(c, n, FLOW_DSCP, ipv6 ? "@nh,4,6" : "@nh,8,6", 0x3f);
	add_numeric(c, n, FLOW_LABEL, "@nh,12,20", 0xfffff);
	add_guards(c, n);
}

/* False: it matches no packet of the class. */
static bool match_make(const struct flow_nlri *nlri, enum nft_class class, enum nft_part part,
		       struct conditions *c)
{
	static struct flow_normal n;

	if (!flow_normal_make(nlri, &n, NULL))
		return false;
	if (class == NFT_NONE && (n.has_tcp_flags || asks_ports(&n) || asks_icmp(&n)))
		return false;
	conditions_make(&n, part, c);
	return !c->never;
}

unsigned nft_match_lines(const struct flow_nlri *n, enum nft_class class)
{
	static struct conditions c;

	return match_make(n, class, NFT_WHOLE, &c) ? c.lines : 0;
}

void nft_match_print(const struct flow_nlri *n, enum nft_class class, enum nft_part part,
		     const char *chain, const char *then, FILE *to)
{
	static struct conditions c;

	if (!match_make(n, class, part, &c))
		return;
	for (unsigned line = 0; line < c.lines; line++) {
		unsigned rest = line;

		(void)fprintf(to, "add rule " NFT_TABLE " %s", chain);
		for (unsigned p = 0; p < c.parts; p++) {
			unsigned of_part = c.part[p + 1] - c.part[p];

			fputs(c.room + c.text[c.part[p] + rest % of_part], to);
			rest /= of_part;
		}
		(void)fprintf(to, " %s\n", then);
	}
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

/* The family's own word keeps ECN, and IPv4's checksum by the difference. */
static void verdict_print(enum flow_family family, const struct plan_then *t, int number, FILE *to)
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
	if (t->marks)
		(void)fprintf(to, "%s dscp set %u ", family == FLOW_IPV6 ? "ip6" : "ip", t->dscp);
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
	(void)fprintf(to, "continue comment \"%d %d %a %a %d\"\n", n->family == FLOW_IPV6 ? 6 : 4,
		      t->kind, (double)t->rate[XDP_UNIT_OCTETS], (double)t->rate[XDP_UNIT_PACKETS],
		      t->marks ? t->dscp : -1);
	for (size_t at = 0; at < n->len; at += COMMENT_OCTETS) {
		struct str s = str_over(hex, sizeof(hex));

		str_add_hex(&s, n->octets + at,
			    n->len - at < COMMENT_OCTETS ? n->len - at : COMMENT_OCTETS);
		rule_add(number, to);
		(void)fprintf(to, "continue comment \"%s\"\n", hex);
	}
}

void nft_then_print(const struct flow_nlri *n, const struct plan_then *t, int number, FILE *to)
{
	(void)fprintf(to, "flush chain " NFT_TABLE " rule%d\n", number);
	rule_add(number, to);
	(void)fprintf(to, "counter name matched%d\n", number);
	if (t->kind != XDP_THEN_ACCEPT || t->marks) {
		rule_add(number, to);
		(void)fprintf(to, "jump %s\n", nft_protected(n->family));
	}
	verdict_print(n->family, t, number, to);
	comments_print(n, t, number, to);
}
