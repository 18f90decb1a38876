/* SPDX-License-Identifier: ISC */
/* explain.c - what a rule does, in one plain sentence, and what is odd about it.
 *
 * The sentence is made from the normal form, so that it says what is matched and not how it was
 * written: `>22&<24` is "port 23", and ports imply "not later fragments".  What the sentence has no
 * words for (a truth table of TCP flags that is no "these set, those clear") it gives in the rule's
 * own.
 */
#include <stdarg.h>
#include <stdio.h>

#include "flow/algebra.h"
#include "flow/names.h"

enum {
	TRANSPORT = 1 << FLOW_PORT | 1 << FLOW_DESTINATION_PORT | 1 << FLOW_SOURCE_PORT |
		    1 << FLOW_ICMP_TYPE | 1 << FLOW_ICMP_CODE | 1 << FLOW_TCP_FLAGS,
	PORTS = 1 << FLOW_PORT | 1 << FLOW_DESTINATION_PORT | 1 << FLOW_SOURCE_PORT,
	ICMP = 1 << FLOW_ICMP_TYPE | 1 << FLOW_ICMP_CODE,
	SPANS_SHOWN = 6,
	ODD_MAX = 200
};

/* ---- Numbers -------------------------------------------------------------------------------- */

static const char *protocol_name(enum flow_family family, uint32_t v)
{
	static const char *const names[256] = {
		[2] = "IGMP",        [4] = "IPv4-in-IP", [6] = "TCP",   [17] = "UDP",
		[41] = "IPv6-in-IP", [47] = "GRE",       [50] = "ESP",  [51] = "AH",
		[89] = "OSPF",       [103] = "PIM",      [132] = "SCTP"
	};

	if (v == (family == FLOW_IPV6 ? 58U : 1U))
		return family == FLOW_IPV6 ? "ICMPv6" : "ICMP";
	return v < 256 ? names[v] : NULL;
}

static void add_value(struct str *out, enum flow_family family, unsigned type, uint32_t v)
{
	const char *name = NULL;

	if (type == FLOW_PROTOCOL)
		name = protocol_name(family, v);
	else if (type == FLOW_ICMP_TYPE)
		name = flow_value_name(FLOW_ICMP_TYPE, family, v);
	if (name == NULL)
		str_addf(out, type == FLOW_PROTOCOL ? "protocol %u" : "%u", v);
	else if (type == FLOW_ICMP_TYPE)
		str_addf(out, "%u (%s)", v, name);
	else
		str_add(out, name);
}

static void add_span(struct str *out, enum flow_family family, unsigned type,
		     const struct flow_span *s)
{
	if (s->lo == s->hi)
		add_value(out, family, type, s->lo);
	else
		str_addf(out, type == FLOW_PROTOCOL ? "protocols %u to %u" : "%u to %u", s->lo,
			 s->hi);
}

static uint32_t field_max(enum flow_family family, unsigned type)
{
	static const uint32_t max[FLOW_COMPONENTS + 1] = {
		[FLOW_PROTOCOL] = 255,           [FLOW_PORT] = 65535,
		[FLOW_DESTINATION_PORT] = 65535, [FLOW_SOURCE_PORT] = 65535,
		[FLOW_ICMP_TYPE] = 255,          [FLOW_ICMP_CODE] = 255,
		[FLOW_PACKET_LENGTH] = 65535,    [FLOW_DSCP] = 63,
		[FLOW_LABEL] = 0xfffff,
	};

	return type == FLOW_PACKET_LENGTH && family == FLOW_IPV6 ? FLOW_PACKET_MAX : max[type];
}

/* The spans between those of a component; NULL when there are too many to be the shorter list. */
static size_t complement(const struct flow_normal *n, unsigned type,
			 struct flow_span ret[SPANS_SHOWN + 1])
{
	const struct flow_span *s = n->spans + n->numeric[type].first;
	size_t count = n->numeric[type].count, out = 0;
	uint32_t lo = 0, max = field_max(n->family, type);

	for (size_t i = 0; i <= count && out <= SPANS_SHOWN; i++) {
		uint32_t end = i < count ? s[i].lo : max + 1;

		if (end > lo)
			ret[out++] = (struct flow_span){ lo, end - 1 };
		lo = i < count ? s[i].hi + 1 : lo;
	}
	return out;
}

static void add_spans(struct str *out, const struct flow_normal *n, unsigned type,
		      const struct flow_span *s, size_t count)
{
	for (size_t i = 0; i < count && i < SPANS_SHOWN; i++) {
		str_add(out, i == 0 ? "" : i + 1 == count ? " or " : ", ");
		add_span(out, n->family, type, &s[i]);
	}
	if (count > SPANS_SHOWN)
		str_addf(out, " and %zu more", count - SPANS_SHOWN);
}

/* "23", "22 to 25 or 80", "any but 80", "none". */
static void add_numbers(struct str *out, const struct flow_normal *n, unsigned type)
{
	const struct flow_span *s = n->spans + n->numeric[type].first;
	struct flow_span others[SPANS_SHOWN + 1];
	size_t count = n->numeric[type].count, missing = complement(n, type, others);

	if (count == 0) {
		str_add(out, "none");
	} else if (missing == 0) {
		str_add(out, "any");
	} else if (missing < count && missing <= SPANS_SHOWN) {
		str_add(out, "any but ");
		add_spans(out, n, type, others, missing);
	} else {
		add_spans(out, n, type, s, count);
	}
}

/* ---- What is matched ------------------------------------------------------------------------ */

static unsigned asks_of(const struct flow_normal *n)
{
	struct flow_view v;

	flow_view_make(n, &v);
	return v.asks;
}

static void add_protocol(struct str *out, const struct flow_normal *n, unsigned asks)
{
	if (asks >> FLOW_PROTOCOL & 1) {
		add_numbers(out, n, FLOW_PROTOCOL);
		if (n->numeric[FLOW_PROTOCOL].count == 0)
			str_add(out, " of the protocols");
		return;
	}
	if (asks >> FLOW_TCP_FLAGS & 1)
		str_add(out, "TCP");
	else if (asks & ICMP)
		str_add(out, n->family == FLOW_IPV6 ? "ICMPv6" : "ICMP");
	else if (asks & PORTS)
		str_add(out, "TCP and UDP");
	else
		str_add(out, n->family == FLOW_IPV6 ? "IPv6 packets" : "IPv4 packets");
}

static void add_prefix(struct str *out, const struct flow_normal *n,
		       const struct flow_normal_prefix *p)
{
	struct addr a = n->family == FLOW_IPV6 ? addr_ipv6(p->octets) : addr_ipv4(p->octets);
	char text[ADDR_TEXT_MAX];

	str_add(out, addr_print(&a, text));
	if (p->len < addr_bits(&a) || p->offset > 0)
		str_addf(out, "/%u", p->len);
	if (p->offset > 0)
		str_addf(out, " (its first %u bits are any)", p->offset);
}

/* " from PREFIX port 53" */
static void add_end(struct str *out, const struct flow_normal *n, const char *word,
		    const struct flow_normal_prefix *p, unsigned port)
{
	bool wide = !p->present || p->len == p->offset, has_port = n->numeric[port].present;

	if (wide && !has_port)
		return;
	str_addf(out, " %s", word);
	if (!wide) {
		str_add(out, " ");
		add_prefix(out, n, p);
	}
	if (has_port) {
		str_add(out, " port ");
		add_numbers(out, n, port);
	}
}

static void add_named(struct str *out, const struct flow_normal *n, unsigned type,
		      const char *before, const char *after)
{
	if (!n->numeric[type].present)
		return;
	str_add(out, before);
	add_numbers(out, n, type);
	str_add(out, after);
}

/* The component as it is written in a rule, "tcp-flags [ syn !ack ]". */
static void add_written(struct str *out, const struct flow_nlri *n, unsigned type)
{
	struct rd r = flow_nlri_components(n);
	struct flow_comp c;
	size_t at = rd_offset(&r), before;

	while (flow_comp_next(&r, n->family, &c) && c.type != type)
		at = rd_offset(&r);
	struct flow_nlri one = { .family = n->family,
				 .octets = n->octets + at,
				 .len = rd_offset(&r) - at };

	before = out->len;
	flow_text_match(&one, out);
	if (!out->full && out->len > before && out->text[out->len - 1] == ';')
		out->text[--out->len] = '\0';
}

/* Flags that must be set, and those that must be clear, if that is all the table says. */
static bool flags_plain(const uint64_t table[64], unsigned *ret_set, unsigned *ret_clear)
{
	unsigned set = 0xfff, clear = 0xfff, count = 0, fixed;

	for (unsigned v = 0; v < 0x1000; v++) {
		if (!(table[v / 64] >> v % 64 & 1))
			continue;
		set &= v;
		clear &= ~v;
		count++;
	}
	fixed = (unsigned)__builtin_popcount(set | clear);
	*ret_set = set;
	*ret_clear = clear;
	return count > 0 && count == 0x1000U >> fixed;
}

static void add_flag_names(struct str *out, unsigned bits, const char *after)
{
	static const char *const names[12] = { "FIN", "SYN", "RST", "PSH",   "ACK",    "URG",
					       "ECE", "CWR", "NS",  "bit 9", "bit 10", "bit 11" };
	bool any = false;

	for (unsigned i = 0; i < 12; i++) {
		if (!(bits >> i & 1))
			continue;
		str_add(out, any ? ", " : "");
		str_add(out, names[i]);
		any = true;
	}
	str_add(out, any ? after : "");
}

static void add_tcp_flags(struct str *out, const struct flow_nlri *nlri,
			  const struct flow_normal *n)
{
	unsigned set, clear;

	if (!n->has_tcp_flags)
		return;
	if (!flags_plain(n->tcp_flags, &set, &clear)) {
		str_add(out, " with ");
		add_written(out, nlri, FLOW_TCP_FLAGS);
		return;
	}
	if ((set | clear) == 0)
		return;
	str_add(out, " with ");
	add_flag_names(out, set, " set");
	str_add(out, set != 0 && clear != 0 ? " and " : "");
	add_flag_names(out, clear, " clear");
}

/* Kinds of packets by their place in a datagram. */
enum {
	WHOLE = 1,
	FIRST = 2,
	MIDDLE = 4,
	LAST = 8,
	ANY_PLACE = 15
};

static unsigned places_of(uint16_t table, unsigned df)
{
	return (table >> df & 1 ? WHOLE : 0U) | (table >> (4 | df) & 1 ? FIRST : 0U) |
	       (table >> (2 | df) & 1 ? MIDDLE : 0U) | (table >> (10 | df) & 1 ? LAST : 0U);
}

static const char *place_text(unsigned places)
{
	static const char *const texts[16] = {
		[0] = "no packet that exists",
		[WHOLE] = "unfragmented",
		[FIRST] = "first fragments",
		[WHOLE | FIRST] = "not later fragments",
		[MIDDLE] = "fragments neither first nor last",
		[WHOLE | MIDDLE] = "neither first nor last fragments",
		[FIRST | MIDDLE] = "all fragments but the last",
		[WHOLE | FIRST | MIDDLE] = "not last fragments",
		[LAST] = "last fragments",
		[WHOLE | LAST] = "unfragmented and last fragments",
		[FIRST | LAST] = "first and last fragments",
		[WHOLE | FIRST | LAST] = "not fragments between first and last",
		[MIDDLE | LAST] = "later fragments",
		[WHOLE | MIDDLE | LAST] = "not first fragments",
		[FIRST | MIDDLE | LAST] = "fragments",
		[ANY_PLACE] = "",
	};

	return texts[places];
}

static void add_fragments(struct str *out, const struct flow_normal *n, unsigned asks)
{
	unsigned mask = asks & TRANSPORT ? WHOLE | FIRST : ANY_PLACE,
		 without = mask & (n->has_fragment ? places_of(n->fragment, 0) : ANY_PLACE),
		 with = mask & (n->has_fragment ? places_of(n->fragment, 1) : ANY_PLACE);
	const char *text = place_text(without);

	if (n->family == FLOW_IPV6 || with == without) {
		str_addf(out, text[0] != '\0' ? ", %s" : "%s", text);
		return;
	}
	if (without == 0 || with == 0) {
		text = place_text(with | without);
		str_addf(out, text[0] != '\0' ? ", %s" : "%s", text);
		str_add(out, with != 0 ? ", DF set" : ", DF clear");
		return;
	}
	str_addf(out, ", with DF clear %s", text[0] != '\0' ? text : "all");
	text = place_text(with);
	str_addf(out, ", with DF set %s", text[0] != '\0' ? text : "all");
}

static void add_match(struct str *out, const struct flow_nlri *nlri, const struct flow_normal *n)
{
	unsigned asks = asks_of(n);

	add_protocol(out, n, asks);
	add_end(out, n, "from", &n->source, FLOW_SOURCE_PORT);
	add_end(out, n, "to", &n->destination, FLOW_DESTINATION_PORT);
	add_named(out, n, FLOW_PORT, " with source or destination port ", "");
	add_named(out, n, FLOW_ICMP_TYPE, " of type ", "");
	add_named(out, n, FLOW_ICMP_CODE, " of code ", "");
	add_tcp_flags(out, nlri, n);
	add_named(out, n, FLOW_PACKET_LENGTH, " of length ", "");
	add_named(out, n, FLOW_DSCP, " with DSCP ", "");
	add_named(out, n, FLOW_LABEL, " with flow label ", "");
	add_fragments(out, n, asks);
}

/* ---- What is done --------------------------------------------------------------------------- */

struct actions {
	bool known; /* there is a then block */
	struct flow_actions a;
	bool drops;
};

static struct actions actions_of(const struct flow_then *then)
{
	struct actions ret = { .known = then != NULL };

	if (then == NULL)
		return ret;
	flow_actions_read(then->ext[0], then->ext_count, then->ext6[0], then->ext6_count,
			  &then->next_hop, &ret.a);
	ret.drops = (ret.a.has_rate_bytes && ret.a.rate_bytes == 0) ||
		    (ret.a.has_rate_packets && ret.a.rate_packets == 0);
	return ret;
}

static const char *verb_of(const struct actions *a)
{
	if (!a->known)
		return "matches ";
	if (a->drops)
		return "drops ";
	if (a->a.has_rate_bytes || a->a.has_rate_packets)
		return "limits ";
	if (a->a.redirect != FLOW_REDIRECT_NONE)
		return a->a.copy ? "copies " : "redirects ";
	return a->a.has_mark ? "marks " : "accepts ";
}

static void add_redirect(struct str *out, const struct flow_actions *a, const char *verb)
{
	char text[256], address[ADDR_TEXT_MAX];
	struct str s = str_over(text, sizeof(text));
	const char *target;

	if (a->redirect == FLOW_REDIRECT_IP) {
		str_addf(out, "%s to %s", verb, addr_print(&a->redirect_to, address));
		return;
	}
	if (a->route_target_len == 8)
		flow_ext_print(a->route_target, NULL, &s);
	else
		flow_ext6_print(a->route_target, &s);
	target = strchr(text, ' ');
	str_addf(out, "%s to the VRF with route target %s", verb,
		 target != NULL ? target + 1 : text);
}

/* What stands behind the packets: "to 9600 octets a second, marks them with DSCP 10". */
static void add_actions(struct str *out, const struct actions *actions)
{
	const struct flow_actions *a = &actions->a;
	bool limits = !actions->drops && (a->has_rate_bytes || a->has_rate_packets),
	     first = !limits;

	if (limits) {
		str_add(out, ", to ");
		if (a->has_rate_bytes)
			str_addf(out, "%.9g octets", (double)a->rate_bytes);
		str_add(out, a->has_rate_bytes && a->has_rate_packets ? " and " : "");
		if (a->has_rate_packets)
			str_addf(out, "%.9g packets", (double)a->rate_packets);
		str_add(out, " a second");
	}
	if (!actions->drops && a->redirect != FLOW_REDIRECT_NONE) {
		add_redirect(out, a, first ? "," : a->copy ? ", copies them" : ", redirects them");
		first = false;
	}
	if (!actions->drops && a->has_mark)
		str_addf(out, first ? ", with DSCP %u" : ", marks them with DSCP %u", a->mark);
	str_add(out, a->sample ? ", samples them" : "");
	str_add(out, a->more ? ", and goes on with later rules" : "");
}

void flow_explain(const struct flow_nlri *n, const struct flow_then *then, struct str *out)
{
	struct flow_normal normal;
	struct actions actions = actions_of(then);
	struct err e = { .source = NULL };

	if (!flow_normal_make(n, &normal, &e)) {
		str_addf(out, "is passed on and never enforced: %s", e.text);
		return;
	}
	str_add(out, verb_of(&actions));
	add_match(out, n, &normal);
	add_actions(out, &actions);
}

/* ---- What is odd ---------------------------------------------------------------------------- */

struct odd {
	const struct flow_nlri *nlri;
	const struct flow_normal *n;
	unsigned asks, count;
	void (*say)(void *ctx, const char *what);
	void *ctx;
};

__attribute__((format(printf, 2, 3))) static void odd_say(struct odd *o, const char *fmt, ...)
{
	char text[ODD_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	o->count++;
	if (o->say != NULL)
		o->say(o->ctx, text);
}

static bool has_value(const struct flow_normal *n, unsigned type, uint32_t lo, uint32_t hi)
{
	const struct flow_span *s = n->spans + n->numeric[type].first;

	for (size_t i = 0; i < n->numeric[type].count; i++)
		if (s[i].lo <= hi && s[i].hi >= lo)
			return true;
	return false;
}

/* Has values other than those listed, whose end is UINT32_MAX. */
static bool has_other(const struct flow_normal *n, const uint32_t *values)
{
	const struct flow_span *s = n->spans + n->numeric[FLOW_PROTOCOL].first;
	size_t held = 0, known = 0;

	for (size_t i = 0; i < n->numeric[FLOW_PROTOCOL].count; i++)
		held += s[i].hi - s[i].lo + 1;
	for (; *values != UINT32_MAX; values++)
		known += has_value(n, FLOW_PROTOCOL, *values, *values);
	return held > known;
}

/* A field of the transport header asked for beside protocols that have it, or not. */
static void odd_coupling(struct odd *o, unsigned fields, const char *what, const char *whose,
			 const uint32_t *protocols)
{
	bool any = false;

	if (!(o->asks & fields))
		return;
	if (!(o->asks >> FLOW_PROTOCOL & 1)) {
		odd_say(o, "%s without %s named, which alone has %s", what, whose,
			fields == PORTS ? "them" : "it");
		return;
	}
	for (const uint32_t *p = protocols; *p != UINT32_MAX; p++)
		any |= has_value(o->n, FLOW_PROTOCOL, *p, *p);
	if (!any)
		odd_say(o, "%s without %s, which alone has %s", what, whose,
			fields == PORTS ? "them" : "it");
	else if (has_other(o->n, protocols))
		odd_say(o, "%s beside protocols other than %s, of which none matches", what, whose);
}

static void odd_transport(struct odd *o)
{
	static const uint32_t ports[] = { 6, 17, UINT32_MAX }, tcp[] = { 6, UINT32_MAX },
			      icmp[] = { 1, UINT32_MAX }, icmp6[] = { 58, UINT32_MAX };
	bool ipv6 = o->n->family == FLOW_IPV6;

	odd_coupling(o, PORTS, "ports", "TCP or UDP", ports);
	odd_coupling(o, ICMP, "an ICMP type or code", ipv6 ? "ICMPv6" : "ICMP",
		     ipv6 ? icmp6 : icmp);
	odd_coupling(o, 1 << FLOW_TCP_FLAGS, "TCP flags", "TCP", tcp);
}

static void odd_fragment(struct odd *o)
{
	static const struct {
		unsigned fields;
		const char *what;
	} rows[] = {
		{ PORTS, "ports" },
		{ ICMP, "an ICMP type or code" },
		{ 1 << FLOW_TCP_FLAGS, "TCP flags" },
	};
	unsigned places = places_of(o->n->fragment, 0) | places_of(o->n->fragment, 1);

	for (size_t i = 0; o->n->has_fragment && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (o->asks & rows[i].fields && places & (MIDDLE | LAST))
			odd_say(o,
				"fragment with %s: later fragments have none, so they do not match",
				rows[i].what);
	if (o->n->has_fragment && places == 0)
		odd_say(o, "fragment bits that no packet has together");
}

static void odd_length(struct odd *o)
{
	bool ipv6 = o->n->family == FLOW_IPV6;
	uint32_t least = ipv6 ? 40 : 20;

	if (o->n->numeric[FLOW_PACKET_LENGTH].present &&
	    !has_value(o->n, FLOW_PACKET_LENGTH, least, UINT32_MAX))
		odd_say(o, "a length no packet can have: %s packets have %u to %u octets",
			ipv6 ? "IPv6" : "IPv4", least, ipv6 ? FLOW_PACKET_MAX : 65535);
}

/* Components that every value passes, or none, and operands that the field cannot hold. */
static void odd_numbers(struct odd *o)
{
	struct rd r = flow_nlri_components(o->nlri);
	struct flow_comp c;
	struct flow_op op;

	while (flow_comp_next(&r, o->nlri->family, &c)) {
		const struct flow_comp_type *t = flow_comp_type(c.type, o->nlri->family);
		uint32_t max = field_max(o->nlri->family, c.type);
		uint64_t beyond = 0;
		struct flow_span others[SPANS_SHOWN + 1];

		if (t->kind != FLOW_NUMERIC)
			continue;
		while (flow_op_next(&c.body, &op))
			if (op.value > max && c.type != FLOW_DSCP)
				beyond = op.value;
		if (beyond > 0)
			odd_say(o, "%s %llu is more than the field holds", t->name[o->nlri->family],
				(unsigned long long)beyond);
		if (o->n->numeric[c.type].count == 0)
			odd_say(o, "%s: no value passes its operators", t->name[o->nlri->family]);
		else if (complement(o->n, c.type, others) == 0)
			odd_say(o, "%s: every value passes its operators",
				t->name[o->nlri->family]);
	}
}

static void odd_reach(struct odd *o)
{
	struct flow_normal all = { .family = o->n->family, .destination.present = true };

	if (!flow_possible(o->n, NULL))
		odd_say(o, "never matches: no packet can exist that has all of this");
	else if (flow_covers(o->n, &all, NULL))
		odd_say(o, "matches every %s packet", o->n->family == FLOW_IPV6 ? "IPv6" : "IPv4");
}

static void odd_actions(struct odd *o, const struct flow_then *then)
{
	unsigned which;
	struct actions a = actions_of(then);

	if (then == NULL)
		return;
	which = flow_interferences(then->ext[0], then->ext_count, then->ext6[0], then->ext6_count);
	for (; which != 0; which &= which - 1)
		odd_say(o, "interfering actions: %s", flow_interference_text(which));
	if (a.a.rate_bytes != a.a.rate_bytes || a.a.rate_packets != a.a.rate_packets)
		odd_say(o, "a rate that is no number");
	if (a.drops && a.a.more)
		odd_say(o, "drops packets and goes on with later rules");
}

unsigned flow_oddities(const struct flow_nlri *n, const struct flow_then *then,
		       void (*say)(void *ctx, const char *what), void *ctx)
{
	struct flow_normal normal;
	struct odd o = { .nlri = n, .n = &normal, .say = say, .ctx = ctx };
	struct err e = { .source = NULL };

	if (!flow_normal_make(n, &normal, &e)) {
		odd_say(&o, "never enforced: %s", e.text);
	} else {
		o.asks = asks_of(&normal);
		odd_length(&o);
		odd_transport(&o);
		odd_fragment(&o);
		odd_numbers(&o);
		odd_reach(&o);
	}
	odd_actions(&o, then);
	return o.count;
}
