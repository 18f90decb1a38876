/* SPDX-License-Identifier: ISC */
/* then.c - the words of then and scope blocks: what each action of action.c's table takes.
 *
 * ExaBGP's words, and ours for what it cannot say: `rate-limit N packets` (in 6.0; 4.2 and 5.0 send
 * N bytes), `rate-limit N.N`, `rate-limit N as A`, `redirect IP:N`, `redirect [IPV6]:N`, an AS with
 * L for the form of four octets, `copy-to-nexthop`, `copy-to-nexthop-ietf A`, an extended community
 * of 40 digits. `accept` says nothing on the wire.  What is contradictory stays as it was written.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/names.h"
#include "flow/parse.h"

enum {
	GROUP_MAX = 0x3fff /* interface groups have 14 bits */
};

static const uint64_t rate_max = 1000000000000; /* ExaBGP's bound */

/* ---- errors and warnings --------------------------------------------------------------- */

bool flow_parse_fail(struct flow_parse *p, const struct word *w, size_t at, const char *fmt, ...)
{
	char text[128];
	va_list ap;

	if (p->l->unterminated)
		return lex_fail(p->l, p->e, "word");
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	return err_at(p->e, w->line, w->col + at, "%s", text);
}

void flow_parse_warn(struct flow_parse *p, const struct word *w, const char *fmt, ...)
{
	struct err what = { .source = p->e != NULL ? p->e->source : NULL };
	char text[128];
	va_list ap;

	if (p->o->warn == NULL)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)err_at(&what, w->line, w->col, "%s", text);
	p->o->warn(p->o->ctx, &what);
}

/* ---- small readers ---------------------------------------------------------------------- */

static bool number(const char *text, size_t len, uint64_t max, uint64_t *ret)
{
	struct word w = { .text = text, .len = len };

	return word_number(&w, max, false, ret);
}

/* Decimal, or a.b of 16 bits each; *ret_wide: it needs, or asks by L for, four octets. */
static bool parse_as(const char *text, size_t len, uint64_t *ret, bool *ret_wide)
{
	const char *dot = memchr(text, '.', len);
	uint64_t high = 0;
	bool wide = len > 0 && (text[len - 1] | 0x20) == 'l';

	len -= wide;
	if (dot != NULL) {
		size_t at = (size_t)(dot - text);

		if (at >= len || !number(text, at, UINT16_MAX, &high) ||
		    !number(dot + 1, len - at - 1, UINT16_MAX, ret))
			return false;
		*ret |= high << 16;
	} else if (!number(text, len, UINT32_MAX, ret)) {
		return false;
	}
	*ret_wide = wide || *ret > UINT16_MAX;
	return true;
}

bool flow_parse_admin(const char *text, size_t len, uint8_t ret[8])
{
	const char *colon = memchr(text, ':', len);
	size_t at = colon != NULL ? (size_t)(colon - text) : 0;
	struct wr w = wr_over(ret, 8);
	struct addr ip;
	uint64_t as, value;
	bool wide;

	if (colon == NULL)
		return false;
	if (addr_parse(text, at, &ip)) {
		if (!number(colon + 1, len - at - 1, UINT16_MAX, &value))
			return false;
		struct rd r = rd_over(ip.octets, 4);

		wr_u16(&w, 1);
		wr_u32(&w, rd_u32(&r));
		wr_u16(&w, (uint16_t)value);
		return true;
	}
	if (!parse_as(text, at, &as, &wide) ||
	    !number(colon + 1, len - at - 1, wide ? UINT16_MAX : UINT32_MAX, &value))
		return false;
	wr_u16(&w, wide ? 2 : 0);
	wr_uint(&w, wide ? 4 : 2, as);
	wr_uint(&w, wide ? 2 : 4, value);
	return true;
}

/* `[`IPV6`]:`N: RFC 5701 2. */
static bool target_ipv6(const char *text, size_t len, struct flow_target *ret)
{
	const char *close = memchr(text, ']', len);
	size_t at = close != NULL ? (size_t)(close - text) : 0;
	struct wr w = wr_over(ret->octets, sizeof(ret->octets));
	uint64_t value;
	struct addr a;

	if (close == NULL || at + 2 > len || text[at + 1] != ':' ||
	    !addr_parse(text + 1, at - 1, &a) || a.family != ADDR_IPV6 ||
	    !number(text + at + 2, len - at - 2, UINT16_MAX, &value))
		return false;
	ret->len = sizeof(ret->octets);
	wr_u16(&w, 0x0002);
	wr_bytes(&w, a.octets, 16);
	wr_u16(&w, (uint16_t)value);
	return true;
}

bool flow_target_parse(const char *text, size_t len, struct flow_target *ret)
{
	static const char prefix[] = "target:";
	size_t skip = sizeof(prefix) - 1;

	*ret = (struct flow_target){ .len = 8 };
	if (len <= skip || !flow_word_equal(text, skip, prefix, skip))
		return false;
	if (text[skip] == '[')
		return target_ipv6(text + skip, len - skip, ret);
	if (!flow_parse_admin(text + skip, len - skip, ret->octets))
		return false;
	ret->octets[0] = ret->octets[1];
	ret->octets[1] = 0x02;
	return true;
}

/* ---- adding what was read ----------------------------------------------------------------- */

static bool add_ext(struct flow_parse *p, const struct word *at, unsigned code, uint64_t value)
{
	struct flow_then *t = &p->then;
	struct wr w;

	if (t->ext_count == FLOW_EXT_MAX)
		return flow_parse_fail(p, at, 0, "more than %d extended communities", FLOW_EXT_MAX);
	w = wr_over(t->ext[t->ext_count++], 8);
	wr_u16(&w, (uint16_t)code);
	wr_uint(&w, 6, value);
	return true;
}

static bool add_ext6(struct flow_parse *p, const struct word *at, const uint8_t octets[20])
{
	struct flow_then *t = &p->then;

	if (t->ext6_count == FLOW_EXT_MAX)
		return flow_parse_fail(p, at, 0, "more than %d IPv6 extended communities",
				       FLOW_EXT_MAX);
	memcpy(t->ext6[t->ext6_count++], octets, 20);
	return true;
}

static bool add_ext6_addr(struct flow_parse *p, const struct word *at, unsigned code,
			  const struct addr *a, unsigned value)
{
	uint8_t octets[20];
	struct wr w = wr_over(octets, sizeof(octets));

	wr_u16(&w, (uint16_t)code);
	wr_bytes(&w, a->octets, 16);
	wr_u16(&w, (uint16_t)value);
	return add_ext6(p, at, octets);
}

bool flow_then_set_next_hop(struct flow_parse *p, const struct word *at, const struct addr *to)
{
	struct flow_then *t = &p->then;

	if (t->next_hop_self || (t->next_hop.family != ADDR_NONE && !addr_equal(&t->next_hop, to)))
		return flow_parse_fail(p, at, 0, "a second next hop '%.*s'",
				       flow_parse_shown(at->len), at->text);
	t->next_hop = *to;
	return true;
}

static bool next_hop_wanted(struct flow_parse *p, const struct word *at, bool copy)
{
	p->wants_next_hop = true;
	p->wants = *at;
	return add_ext(p, at, 0x0800, copy);
}

/* Takes the word at hand as an address. */
static bool take_addr(struct flow_parse *p, struct addr *ret)
{
	if (!addr_parse(p->l->word.text, p->l->word.len, ret))
		return lex_fail(p->l, p->e, "expected an address, found");
	lex_next(p->l);
	return true;
}

/* One value, or several in brackets. */
static bool each_value(struct flow_parse *p,
		       bool (*one)(struct flow_parse *p, const struct word *w))
{
	struct word w;
	bool any = false;

	if (!lex_is(p->l, "[")) {
		w = p->l->word;
		if (!one(p, &w))
			return false;
		lex_next(p->l);
		return true;
	}
	for (lex_next(p->l); !lex_is(p->l, "]"); lex_next(p->l)) {
		w = p->l->word;
		if (lex_at_end(p->l))
			return lex_fail(p->l, p->e, "expected ']'");
		if (!one(p, &w))
			return false;
		any = true;
	}
	if (!any)
		return lex_fail(p->l, p->e, "an empty list, at");
	lex_next(p->l);
	return true;
}

/* ---- actions --------------------------------------------------------------------------- */

bool flow_then_accept(struct flow_parse *p, const struct word *at)
{
	(void)p;
	(void)at;
	return true;
}

bool flow_then_discard(struct flow_parse *p, const struct word *at)
{
	return add_ext(p, at, 0x8006, 0);
}

float flow_rate_value(uint64_t number, unsigned decimals)
{
	double scale = 1;

	if (decimals == 0)
		return (float)number;
	for (unsigned i = 0; i < decimals; i++)
		scale *= 10;
	return (float)((double)number / scale);
}

/* Digits, or digits with a point among them, as a number and how many of its digits are decimals.
 */
static bool decimal(const struct word *w, uint64_t *ret, unsigned *ret_decimals)
{
	const char *dot = memchr(w->text, '.', w->len);
	size_t at = dot != NULL ? (size_t)(dot - w->text) : w->len, left = w->len - at;
	uint64_t scale = 1, fraction = 0;

	if (!number(w->text, at, UINT64_MAX, ret))
		return false;
	*ret_decimals = 0;
	if (dot == NULL || *ret >= rate_max)
		return dot == NULL || number(dot + 1, left - 1, UINT64_MAX, &fraction);
	if (left - 1 > FLOW_RATE_DECIMALS || !number(dot + 1, left - 1, UINT64_MAX, &fraction))
		return false;
	*ret_decimals = (unsigned)left - 1;
	for (size_t i = 1; i < left; i++)
		scale *= 10;
	if (*ret >= FLOW_RATE_NUMBER / scale)
		return false;
	*ret = *ret * scale + fraction;
	return true;
}

static bool take_rate(struct flow_parse *p, float *ret)
{
	const struct word *w = &p->l->word;
	uint64_t value;
	unsigned decimals;

	if (w->len > 0 && *w->text == '-')
		return lex_fail(p->l, p->e, "a rate cannot be negative:");
	if (!decimal(w, &value, &decimals))
		return lex_fail(p->l, p->e, "expected a rate (a number), found");
	if (decimals == 0 && value > rate_max) {
		flow_parse_warn(p, w, "rate-limit is cut to 1000000000000");
		value = rate_max;
	}
	if (decimals > 0)
		flow_parse_warn(p, w, "ExaBGP takes whole numbers only");
	*ret = flow_rate_value(value, decimals);
	lex_next(p->l);
	return true;
}

bool flow_then_rate(struct flow_parse *p, const struct word *at)
{
	unsigned code = 0x8006;
	uint64_t as = 0;
	uint32_t bits;
	float rate = 0;

	if (!take_rate(p, &rate))
		return false;
	if (lex_is(p->l, "packets")) {
		flow_parse_warn(p, &p->l->word,
				"packets a second, as it says; ExaBGP before 6.0 sends bytes");
		code = 0x800c;
		lex_next(p->l);
	} else if (lex_is(p->l, "bytes")) {
		lex_next(p->l);
	}
	if (lex_is(p->l, "as")) {
		lex_next(p->l);
		if (!word_number(&p->l->word, UINT16_MAX, false, &as))
			return lex_fail(p->l, p->e, "expected an AS of two octets, found");
		lex_next(p->l);
	}
	memcpy(&bits, &rate, sizeof(bits));
	return add_ext(p, at, code, as << 32 | bits);
}

/* `[` IPV6 `]` `:N`: the brackets are words of their own. */
static bool redirect_ipv6(struct flow_parse *p, const struct word *at)
{
	struct addr a;
	uint64_t value;
	const struct word *w = &p->l->word;

	lex_next(p->l);
	if (!take_addr(p, &a))
		return false;
	if (a.family != ADDR_IPV6)
		return flow_parse_fail(p, at, 0, "only an IPv6 address stands in brackets");
	if (!lex_expect(p->l, "]", p->e))
		return false;
	if (w->len < 2 || *w->text != ':' || !number(w->text + 1, w->len - 1, UINT16_MAX, &value))
		return lex_fail(p->l, p->e, "expected ':' and a number up to 65535, found");
	lex_next(p->l);
	return add_ext6_addr(p, at, 0x000d, &a, (unsigned)value);
}

bool flow_then_redirect(struct flow_parse *p, const struct word *at)
{
	struct word w = p->l->word;
	uint8_t target[8];
	struct addr a;

	if (lex_is(p->l, "["))
		return redirect_ipv6(p, at);
	if (addr_parse(w.text, w.len, &a)) {
		lex_next(p->l);
		p->next_hop_implied = true;
		return flow_then_set_next_hop(p, &w, &a) && add_ext(p, at, 0x0800, 0);
	}
	if (!flow_parse_admin(w.text, w.len, target))
		return lex_fail(p->l, p->e, "expected an address, AS:N, IP:N or [IPV6]:N, found");
	lex_next(p->l);
	struct rd r = rd_over(target, sizeof(target));
	unsigned form = rd_u16(&r);
	return add_ext(p, at, 0x8008U | form << 8, rd_uint(&r, 6));
}

bool flow_then_copy(struct flow_parse *p, const struct word *at)
{
	struct word w = p->l->word;
	struct addr a;

	p->next_hop_implied = true;
	return take_addr(p, &a) && flow_then_set_next_hop(p, &w, &a) && add_ext(p, at, 0x0800, 1);
}

bool flow_then_next_hop(struct flow_parse *p, const struct word *at)
{
	return next_hop_wanted(p, at, false);
}

bool flow_then_next_hop_copy(struct flow_parse *p, const struct word *at)
{
	return next_hop_wanted(p, at, true);
}

static bool redirect_ietf(struct flow_parse *p, const struct word *at, unsigned copy)
{
	struct addr a;
	struct rd r;

	if (!take_addr(p, &a))
		return false;
	if (a.family == ADDR_IPV6)
		return add_ext6_addr(p, at, 0x000c, &a, copy);
	r = rd_over(a.octets, 4);
	return add_ext(p, at, 0x010c, (uint64_t)rd_u32(&r) << 16 | copy);
}

bool flow_then_ietf(struct flow_parse *p, const struct word *at)
{
	return redirect_ietf(p, at, 0);
}

bool flow_then_ietf_copy(struct flow_parse *p, const struct word *at)
{
	return redirect_ietf(p, at, 1);
}

bool flow_then_mark(struct flow_parse *p, const struct word *at)
{
	const struct word *w = &p->l->word;
	uint64_t dscp;

	if (!word_number(w, 63, false, &dscp) &&
	    !(w->len > 0 && !w->quoted && flow_name_value(FLOW_DSCP, w->text, w->len, &dscp)))
		return lex_fail(p->l, p->e, "expected a DSCP of 0 to 63, found");
	lex_next(p->l);
	return add_ext(p, at, 0x8009, dscp);
}

bool flow_then_action(struct flow_parse *p, const struct word *at)
{
	static const struct {
		const char *word;
		unsigned bits;
	} words[] = {
		{ "terminal", 1 },
		{ "sample", 2 },
		{ "sample-terminal", 3 },
		{ "terminal-sample", 3 },
	};
	const struct word *w = &p->l->word;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!flow_word_equal(w->text, w->len, words[i].word, strlen(words[i].word)))
			continue;
		lex_next(p->l);
		return add_ext(p, at, 0x8007, words[i].bits);
	}
	return lex_fail(p->l, p->e, "expected sample, terminal or sample-terminal, found");
}

/* ---- lists ----------------------------------------------------------------------------- */

/* Cuts the next field of a text with colons; false when there is none. */
static bool field(const char **at, const char *end, const char **ret, size_t *ret_len)
{
	const char *colon;

	if (*at == NULL)
		return false;
	colon = memchr(*at, ':', (size_t)(end - *at));
	*ret = *at;
	*ret_len = (size_t)((colon != NULL ? colon : end) - *at);
	*at = colon != NULL ? colon + 1 : NULL;
	return *ret_len > 0;
}

static bool one_interface_set(struct flow_parse *p, const struct word *w)
{
	static const char *const directions[] = { "", "input", "output", "input-output" };
	const char *at = w->text, *end = w->text + w->len, *text = NULL;
	uint64_t as, group;
	unsigned code = 0x0702, direction = 0;
	size_t len = 0;
	bool more = field(&at, end, &text, &len), wide;

	if (more && flow_word_equal(text, len, "transitive", 10)) {
		more = field(&at, end, &text, &len);
	} else if (more && flow_word_equal(text, len, "non-transitive", 14)) {
		code = 0x4702;
		more = field(&at, end, &text, &len);
	}
	for (unsigned i = 1; more && i < 4; i++)
		if (flow_word_equal(text, len, directions[i], strlen(directions[i])))
			direction = i;
	if (!more || direction == 0)
		return flow_parse_fail(p, w, 0,
				       "expected [non-]transitive:DIRECTION:AS:GROUP, "
				       "found '%.*s'",
				       flow_parse_shown(w->len), w->text);
	if (!field(&at, end, &text, &len) || !parse_as(text, len, &as, &wide) ||
	    !field(&at, end, &text, &len) || !number(text, len, GROUP_MAX, &group) || at != NULL)
		return flow_parse_fail(p, w, 0,
				       "expected an AS and a group of 0 to 16383 in '%.*s'",
				       flow_parse_shown(w->len), w->text);
	return add_ext(p, w, code, as << 16 | (uint64_t)direction << 14 | group);
}

bool flow_then_interface_set(struct flow_parse *p, const struct word *at)
{
	(void)at;
	return each_value(p, one_interface_set);
}

static bool community_name(const struct word *w, uint64_t *ret)
{
	static const struct {
		const char *word;
		uint32_t value;
	} names[] = {
		/* RFC 1997, 3765 and 7999 */
		{ "no-export", 0xffffff01 },
		{ "no-advertise", 0xffffff02 },
		{ "no-export-subconfed", 0xffffff03 },
		{ "nopeer", 0xffffff04 },
		{ "no-peer", 0xffffff04 },
		{ "blackhole", 0xffff029a },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!flow_word_equal(w->text, w->len, names[i].word, strlen(names[i].word)))
			continue;
		*ret = names[i].value;
		return true;
	}
	return false;
}

static bool one_community(struct flow_parse *p, const struct word *w)
{
	const char *at = w->text, *end = w->text + w->len, *text;
	uint64_t high = 0, low = 0;
	size_t len;

	if (word_number(w, UINT32_MAX, true, &low) || community_name(w, &low))
		high = 0;
	else if (!field(&at, end, &text, &len) || !number(text, len, UINT16_MAX, &high) ||
		 !field(&at, end, &text, &len) || !number(text, len, UINT16_MAX, &low) ||
		 at != NULL)
		return flow_parse_fail(p, w, 0, "expected a community (N:M), found '%.*s'",
				       flow_parse_shown(w->len), w->text);
	if (p->then.community_count == FLOW_EXT_MAX)
		return flow_parse_fail(p, w, 0, "more than %d communities", FLOW_EXT_MAX);
	p->then.community[p->then.community_count++] = (uint32_t)(high << 16 | low);
	return true;
}

bool flow_then_community(struct flow_parse *p, const struct word *at)
{
	(void)at;
	return each_value(p, one_community);
}

static bool one_large_community(struct flow_parse *p, const struct word *w)
{
	const char *at = w->text, *end = w->text + w->len, *text;
	uint64_t part[3];
	size_t len;

	for (int i = 0; i < 3; i++)
		if (!field(&at, end, &text, &len) || !number(text, len, UINT32_MAX, &part[i]))
			return flow_parse_fail(p, w, 0,
					       "expected a large community (A:B:C), found '%.*s'",
					       flow_parse_shown(w->len), w->text);
	if (at != NULL)
		return flow_parse_fail(p, w, 0, "a large community has three parts: '%.*s'",
				       flow_parse_shown(w->len), w->text);
	if (p->then.large_count == FLOW_EXT_MAX)
		return flow_parse_fail(p, w, 0, "more than %d large communities", FLOW_EXT_MAX);
	for (int i = 0; i < 3; i++)
		p->then.large[p->then.large_count][i] = (uint32_t)part[i];
	p->then.large_count++;
	return true;
}

bool flow_then_large_community(struct flow_parse *p, const struct word *at)
{
	(void)at;
	return each_value(p, one_large_community);
}

/* Hex digits: 16 for an extended community, 40 for an IPv6 address specific one. */
static bool hex_community(struct flow_parse *p, const struct word *w)
{
	uint8_t octets[20];
	struct rd r;
	size_t len;
	unsigned code;

	if (!hex_parse(w->text + 2, w->len - 2, octets, sizeof(octets), &len) ||
	    (len != 8 && len != 20))
		return flow_parse_fail(
			p, w, 0, "an extended community has 16 digits behind 0x, an IPv6 one 40");
	if (len == 20)
		return add_ext6(p, w, octets);
	r = rd_over(octets, len);
	code = rd_u16(&r);
	return add_ext(p, w, code, rd_uint(&r, 6));
}

/* AS:N or IP:N behind a word; the form goes into the type's high octet, RFC 4360 3 and 5668 2. */
static bool target_value(const char *text, size_t len, unsigned code, bool wide, unsigned *ret_code,
			 uint64_t *ret)
{
	const char *colon = memchr(text, ':', len);
	uint8_t admin[8];
	struct addr ip;
	struct rd r;
	uint64_t as;

	if (flow_parse_admin(text, len, admin)) {
		r = rd_over(admin, 8);
		*ret_code = code | rd_u16(&r) << 8;
		*ret = rd_uint(&r, 6);
		if (wide && *ret_code >> 8 == 0) {
			*ret_code = code | 0x0200;
			*ret = (*ret >> 32) << 16 | (*ret & 0xffff);
			return admin[4] == 0 && admin[5] == 0;
		}
		return true;
	}
	/* ASN:IP is AS:N with its number written as an address. */
	if (colon == NULL || !number(text, (size_t)(colon - text), UINT16_MAX, &as) ||
	    !addr_parse(colon + 1, (size_t)(text + len - colon - 1), &ip) || ip.family != ADDR_IPV4)
		return false;
	r = rd_over(ip.octets, 4);
	*ret_code = code;
	*ret = as << 32 | rd_u32(&r);
	return true;
}

static bool bandwidth_value(const char *text, size_t len, uint64_t *ret)
{
	const char *at = text, *part;
	uint64_t as, value;
	size_t part_len;
	uint32_t bits;
	float rate;

	if (!field(&at, text + len, &part, &part_len) || !number(part, part_len, UINT16_MAX, &as) ||
	    !field(&at, text + len, &part, &part_len) ||
	    !number(part, part_len, UINT32_MAX, &value) || at != NULL)
		return false;
	rate = (float)value;
	memcpy(&bits, &rate, sizeof(bits));
	*ret = as << 32 | bits;
	return true;
}

/* RFC 4761 3.2.4: encapsulation, control flags, MTU, and two octets that ExaBGP calls site. */
static bool l2info_value(const char *text, size_t len, uint64_t *ret)
{
	static const unsigned max[4] = { UINT8_MAX, UINT8_MAX, UINT16_MAX, UINT16_MAX };
	const char *at = text, *part;
	uint64_t value;
	size_t part_len;

	*ret = 0;
	for (int i = 0; i < 4; i++) {
		if (!field(&at, text + len, &part, &part_len) ||
		    !number(part, part_len, max[i], &value))
			return false;
		*ret = *ret << (max[i] == UINT8_MAX ? 8 : 16) | value;
	}
	return at == NULL;
}

/* The word before the first colon and what it means; without such a word a route target. */
static bool named_community(const struct word *w, unsigned *code, uint64_t *value)
{
	static const struct {
		const char *word;
		unsigned code;
		bool wide;
	} targets[] = {
		{ "target", 0x0002, false },   { "target4", 0x0002, true },
		{ "origin", 0x0003, false },   { "origin4", 0x0003, true },
		{ "redirect", 0x8008, false },
	};
	const char *colon = memchr(w->text, ':', w->len);
	size_t at = colon != NULL ? (size_t)(colon - w->text) : w->len;
	size_t left = colon != NULL ? w->len - at - 1 : 0;

	if (flow_word_equal(w->text, w->len, "redirect-to-nexthop", 19)) {
		*code = 0x0800;
		*value = 0;
		return true;
	}
	if (colon == NULL)
		return false;
	*code = 0x4004;
	if (flow_word_equal(w->text, at, "bandwidth", 9))
		return bandwidth_value(colon + 1, left, value);
	*code = 0x800a;
	if (flow_word_equal(w->text, at, "l2info", 6))
		return l2info_value(colon + 1, left, value);
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		if (flow_word_equal(w->text, at, targets[i].word, strlen(targets[i].word)))
			return target_value(colon + 1, left, targets[i].code, targets[i].wide, code,
					    value);
	return target_value(w->text, w->len, 0x0002, false, code, value);
}

static bool one_extended_community(struct flow_parse *p, const struct word *w)
{
	uint64_t value;
	unsigned code;

	if (w->len > 2 && w->text[0] == '0' && (w->text[1] | 0x20) == 'x')
		return hex_community(p, w);
	if (!named_community(w, &code, &value))
		return flow_parse_fail(p, w, 0, "expected an extended community, found '%.*s'",
				       flow_parse_shown(w->len), w->text);
	return add_ext(p, w, code, value);
}

bool flow_then_extended_community(struct flow_parse *p, const struct word *at)
{
	(void)at;
	return each_value(p, one_extended_community);
}
