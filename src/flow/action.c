/* SPDX-License-Identifier: ISC */
/* action.c - what happens to packets that match: RFC 8955 7, RFC 8956 6, and the drafts
 * flowspec-redirect-ip (00, "simpson": the next hop; ietf: an address of its own) and
 * flowspec-interfaceset.
 *
 * A community is printed in words only where the words parse to the same octets again; a reserved
 * bit, a rate over 1e12 or of very many decimals, or a code without a row is printed as
 * "extended-community 0x...".  What an enforcer reads ignores reserved bits (RFC 8955 7.3, 7.5).
 *
 * It does not parse; the table's last column is then.c.
 */
#include <stdio.h>
#include <string.h>

#include "flow/names.h"
#include "flow/parse.h"

/* ExaBGP's words go no further. */
static const float rate_words_max = 1e12F;

/* ---- read ---------------------------------------------------------------------------- */

/* RFC 8955 7.1: a negative rate counts as zero; IEEE 754, most significant octet first. */
static float read_rate(struct rd *body)
{
	uint32_t bits;
	float rate;

	(void)rd_u16(body);
	bits = rd_u32(body);
	memcpy(&rate, &bits, sizeof(rate));
	return rate <= 0 ? 0 : rate;
}

/* The lower counts; a number is lower than what is none. */
static void lower_rate(bool *has, float *rate, float found)
{
	if (!*has || *rate != *rate || found < *rate)
		*rate = found;
	*has = true;
}

static void read_bytes(struct rd *body, struct flow_actions *to)
{
	lower_rate(&to->has_rate_bytes, &to->rate_bytes, read_rate(body));
}

static void read_packets(struct rd *body, struct flow_actions *to)
{
	lower_rate(&to->has_rate_packets, &to->rate_packets, read_rate(body));
}

static void read_action(struct rd *body, struct flow_actions *to)
{
	uint64_t bits = rd_uint(body, 6);

	to->more |= (bits & 1) != 0;
	to->sample |= (bits & 2) != 0;
}

static void read_mark(struct rd *body, struct flow_actions *to)
{
	to->has_mark = true;
	to->mark = rd_uint(body, 6) & 0x3f;
}

static void read_target(struct rd *body, struct flow_actions *to)
{
	to->redirect = FLOW_REDIRECT_RT;
	to->route_target_len = (uint8_t)(2 + rd_left(body));
	memcpy(to->route_target, body->base, to->route_target_len);
}

/* The address is the next hop, which the caller fills in. */
static void read_next_hop(struct rd *body, struct flow_actions *to)
{
	to->redirect = FLOW_REDIRECT_IP;
	to->copy = (rd_uint(body, 6) & 1) != 0;
}

static void read_ietf(struct rd *body, struct flow_actions *to)
{
	bool ipv6 = rd_left(body) > 6;
	const uint8_t *octets = rd_take(body, ipv6 ? 16 : 4);

	to->redirect = FLOW_REDIRECT_IP;
	to->redirect_to = ipv6 ? addr_ipv6(octets) : addr_ipv4(octets);
	to->copy = (rd_u16(body) & 1) != 0;
}

static void read_interface_set(struct rd *body, struct flow_actions *to)
{
	uint32_t as = rd_u32(body);
	unsigned group = rd_u16(body);

	if (to->interface_sets < FLOW_EXT_MAX)
		to->interface_set[to->interface_sets] =
			(struct flow_interface_set){ .as = as,
						     .group = group & 0x3fff,
						     .input = (group & 0x4000) != 0,
						     .output = (group & 0x8000) != 0 };
	to->interface_sets++;
}

/* ---- print --------------------------------------------------------------------------- */

/* The fewest decimals that read back to this rate; false when no few do. */
static bool print_decimal(float rate, struct str *out)
{
	uint64_t scale = 1;

	for (unsigned n = 0; n <= FLOW_RATE_DECIMALS; n++, scale *= 10) {
		double scaled = (double)rate * (double)scale + (n > 0 ? 0.5 : 0);
		uint64_t number = scaled < (double)FLOW_RATE_NUMBER ? (uint64_t)scaled : 0;

		if (scaled >= (double)FLOW_RATE_NUMBER || flow_rate_value(number, n) != rate)
			continue;
		str_addf(out, "%llu", (unsigned long long)(number / scale));
		if (n > 0)
			str_addf(out, ".%0*llu", (int)n, (unsigned long long)(number % scale));
		return true;
	}
	return false;
}

static bool print_rate(struct rd *body, const char *unit, struct str *out)
{
	unsigned as = rd_u16(body);
	uint32_t bits = rd_u32(body);
	char number[40];
	struct str words = str_over(number, sizeof(number));
	float rate;

	memcpy(&rate, &bits, sizeof(rate));
	if (bits >> 31 != 0 || !(rate <= rate_words_max) || !print_decimal(rate, &words))
		return false;
	if (bits == 0 && as == 0 && *unit == '\0') {
		str_add(out, "discard");
		return true;
	}
	str_addf(out, "rate-limit %s%s", number, unit);
	if (as != 0)
		str_addf(out, " as %u", as);
	return true;
}

static bool print_bytes(struct rd *body, const struct addr *next_hop, struct str *out)
{
	(void)next_hop;
	return print_rate(body, "", out);
}

static bool print_packets(struct rd *body, const struct addr *next_hop, struct str *out)
{
	(void)next_hop;
	return print_rate(body, " packets", out);
}

static bool print_action(struct rd *body, const struct addr *next_hop, struct str *out)
{
	static const char *const words[] = { NULL, "terminal", "sample", "sample-terminal" };
	uint64_t bits = rd_uint(body, 6);

	(void)next_hop;
	if (bits == 0 || bits > 3)
		return false;
	str_addf(out, "action %s", words[bits]);
	return true;
}

static bool print_mark(struct rd *body, const struct addr *next_hop, struct str *out)
{
	uint64_t bits = rd_uint(body, 6);

	(void)next_hop;
	if (bits > 63)
		return false;
	str_addf(out, "mark %u", (unsigned)bits);
	return true;
}

static bool print_target_as2(struct rd *body, const struct addr *next_hop, struct str *out)
{
	unsigned as = rd_u16(body);

	(void)next_hop;
	str_addf(out, "redirect %u:%u", as, rd_u32(body));
	return true;
}

static bool print_target_ip(struct rd *body, const struct addr *next_hop, struct str *out)
{
	char text[ADDR_TEXT_MAX];
	struct addr a = addr_ipv4(rd_take(body, 4));

	(void)next_hop;
	str_addf(out, "redirect %s:%u", addr_print(&a, text), rd_u16(body));
	return true;
}

/* An L says that a small AS stands in four octets. */
static bool print_target_as4(struct rd *body, const struct addr *next_hop, struct str *out)
{
	unsigned as = rd_u32(body);

	(void)next_hop;
	str_addf(out, "redirect %u%s:%u", as, as > UINT16_MAX ? "" : "L", rd_u16(body));
	return true;
}

static bool print_target_ipv6(struct rd *body, const struct addr *next_hop, struct str *out)
{
	char text[ADDR_TEXT_MAX];
	struct addr a = addr_ipv6(rd_take(body, 16));

	(void)next_hop;
	str_addf(out, "redirect [%s]:%u", addr_print(&a, text), rd_u16(body));
	return true;
}

static bool print_next_hop(struct rd *body, const struct addr *next_hop, struct str *out)
{
	uint64_t bits = rd_uint(body, 6);
	char text[ADDR_TEXT_MAX];

	if (bits > 1)
		return false;
	if (next_hop == NULL || next_hop->family == ADDR_NONE)
		str_add(out, bits == 0 ? "redirect-to-nexthop" : "copy-to-nexthop");
	else
		str_addf(out, "%s %s", bits == 0 ? "redirect" : "copy", addr_print(next_hop, text));
	return true;
}

static bool print_ietf(struct rd *body, const struct addr *next_hop, struct str *out)
{
	bool ipv6 = rd_left(body) > 6;
	const uint8_t *octets = rd_take(body, ipv6 ? 16 : 4);
	struct addr a = ipv6 ? addr_ipv6(octets) : addr_ipv4(octets);
	unsigned bits = rd_u16(body);
	char text[ADDR_TEXT_MAX];

	(void)next_hop;
	if (bits > 1)
		return false;
	str_addf(out, "%s-to-nexthop-ietf %s", bits == 0 ? "redirect" : "copy",
		 addr_print(&a, text));
	return true;
}

static bool print_interface_set(struct rd *body, const struct addr *next_hop, struct str *out)
{
	static const char *const directions[] = { NULL, "input", "output", "input-output" };
	bool transitive = (body->base[0] & 0x40) == 0;
	unsigned as = rd_u32(body), group = rd_u16(body);

	(void)next_hop;
	if (group >> 14 == 0)
		return false;
	str_addf(out, "interface-set %s:%s:%u:%u", transitive ? "transitive" : "non-transitive",
		 directions[group >> 14], as, group & 0x3fff);
	return true;
}

/* ---- the table ----------------------------------------------------------------------- */

#define WORD(text) sizeof(text) - 1, text
#define NO_WORD    0, NULL

/* clang-format off */
static const struct flow_action_type types[] = {
	/* code  octets scope  word                              read                print                parse */
	{ 0x8006,  8, false, WORD("rate-limit"),               read_bytes,         print_bytes,         flow_then_rate },
	{ 0x800c,  8, false, NO_WORD,                          read_packets,       print_packets,       NULL },
	{ 0x8007,  8, false, WORD("action"),                   read_action,        print_action,        flow_then_action },
	{ 0x8008,  8, false, WORD("redirect"),                 read_target,        print_target_as2,    flow_then_redirect },
	{ 0x8108,  8, false, NO_WORD,                          read_target,        print_target_ip,     NULL },
	{ 0x8208,  8, false, NO_WORD,                          read_target,        print_target_as4,    NULL },
	{ 0x000d, 20, false, NO_WORD,                          read_target,        print_target_ipv6,   NULL },
	{ 0x8009,  8, false, WORD("mark"),                     read_mark,          print_mark,          flow_then_mark },
	{ 0x0800,  8, false, WORD("redirect-to-nexthop"),      read_next_hop,      print_next_hop,      flow_then_next_hop },
	{ 0x010c,  8, false, WORD("redirect-to-nexthop-ietf"), read_ietf,          print_ietf,          flow_then_ietf },
	{ 0x000c, 20, false, NO_WORD,                          read_ietf,          print_ietf,          NULL },
	{ 0x0702,  8, true,  WORD("interface-set"),            read_interface_set, print_interface_set, flow_then_interface_set },
	{ 0x4702,  8, true,  NO_WORD,                          read_interface_set, print_interface_set, NULL },
	{      0,  0, false, WORD("discard"),                  NULL,               NULL,                flow_then_discard },
	{      0,  0, false, WORD("accept"),                   NULL,               NULL,                flow_then_accept },
	{      0,  0, false, WORD("copy"),                     NULL,               NULL,                flow_then_copy },
	{      0,  0, false, WORD("copy-to-nexthop"),          NULL,               NULL,                flow_then_next_hop_copy },
	{      0,  0, false, WORD("copy-to-nexthop-ietf"),     NULL,               NULL,                flow_then_ietf_copy },
	{      0,  0, false, WORD("community"),                NULL,               NULL,                flow_then_community },
	{      0,  0, false, WORD("large-community"),          NULL,               NULL,                flow_then_large_community },
	{      0,  0, false, WORD("extended-community"),       NULL,               NULL,                flow_then_extended_community },
};
/* clang-format on */

enum {
	TYPES = sizeof(types) / sizeof(types[0])
};

static const struct flow_action_type *find_code(const uint8_t *octets, size_t len)
{
	unsigned code = (unsigned)octets[0] << 8 | octets[1];

	for (size_t i = 0; i < TYPES; i++)
		if (types[i].code == code && types[i].octets == len)
			return &types[i];
	return NULL;
}

const struct flow_action_type *flow_action_word(const struct word *w)
{
	for (size_t i = 0; i < TYPES && !w->quoted; i++)
		if (types[i].word_len == w->len && w->len > 0 &&
		    flow_word_equal(w->text, w->len, types[i].word, types[i].word_len))
			return &types[i];
	return NULL;
}

/* ---- a rule's communities ------------------------------------------------------------- */

/* Of two redirects or marks the first in the order of their octets counts. */
struct chosen {
	const struct flow_action_type *type;
	const uint8_t *octets;
	size_t len;
};

static void choose(struct chosen *c, const struct flow_action_type *t, const uint8_t *octets,
		   size_t len)
{
	size_t common = len < c->len ? len : c->len;

	if (c->octets != NULL && memcmp(octets, c->octets, common) >= 0)
		return;
	*c = (struct chosen){ t, octets, len };
}

static void read_chosen(const struct chosen *c, struct flow_actions *to)
{
	struct rd body;

	if (c->octets == NULL)
		return;
	body = rd_over(c->octets, c->len);
	(void)rd_u16(&body);
	c->type->read(&body, to);
}

struct reading {
	struct chosen redirect, mark;
	bool has_next_hop;
	struct flow_actions *to;
};

static void read_one(struct reading *r, const uint8_t *octets, size_t len)
{
	const struct flow_action_type *t = find_code(octets, len);
	struct chosen c = { t, octets, len };

	/* A redirect to a next hop that is not there says nothing. */
	if (t == NULL || (t->read == read_next_hop && !r->has_next_hop))
		r->to->unknown++;
	else if (t->read == read_mark)
		choose(&r->mark, t, octets, len);
	else if (t->read == read_target || t->read == read_next_hop || t->read == read_ietf)
		choose(&r->redirect, t, octets, len);
	else
		read_chosen(&c, r->to);
}

void flow_actions_read(const uint8_t *ext, size_t n, const uint8_t *ext6, size_t n6,
		       const struct addr *next_hop, struct flow_actions *ret)
{
	struct flow_actions a = { 0 };
	struct reading r = {
		.has_next_hop = next_hop != NULL && next_hop->family != ADDR_NONE,
		.to = &a,
	};

	for (size_t i = 0; i < n; i++)
		read_one(&r, ext + 8 * i, 8);
	for (size_t i = 0; i < n6; i++)
		read_one(&r, ext6 + 20 * i, 20);
	read_chosen(&r.mark, &a);
	read_chosen(&r.redirect, &a);
	if (next_hop != NULL && r.redirect.octets != NULL && r.redirect.type->read == read_next_hop)
		a.redirect_to = *next_hop;
	*ret = a;
}

static bool print_words(const uint8_t *octets, size_t len, const struct addr *next_hop,
			struct str *out)
{
	const struct flow_action_type *t = find_code(octets, len);
	struct rd body = rd_over(octets, len);

	(void)rd_u16(&body);
	return t != NULL && t->print(&body, next_hop, out);
}

static void print_ext(const uint8_t *octets, size_t len, const struct addr *next_hop,
		      struct str *out)
{
	if (print_words(octets, len, next_hop, out))
		return;
	str_add(out, "extended-community 0x");
	str_add_hex(out, octets, len);
}

void flow_ext_print(const uint8_t ext[8], const struct addr *next_hop, struct str *out)
{
	print_ext(ext, 8, next_hop, out);
}

void flow_ext6_print(const uint8_t ext6[20], struct str *out)
{
	print_ext(ext6, 20, NULL, out);
}

/* ---- route targets --------------------------------------------------------------------- */

enum {
	TARGET_TYPE = 0x02,    /* the low octet of the type, RFC 4360 4, RFC 5701 3 */
	REDIRECT_TYPE = 0x08,  /* that of a redirect, RFC 8955 7.4 */
	REDIRECT_BIT = 0x80,   /* in a redirect's high octet beside what the target has there */
	REDIRECT_TYPE6 = 0x0d, /* with an IPv6 address, RFC 8956 6.1; the high octet is 0 in both */
	TARGET6_OCTETS = 20
};

/* The community of a redirect to it; the same but for the type. */
static void redirect_of(const struct flow_target *target, uint8_t ret[20])
{
	memcpy(ret, target->octets, sizeof(target->octets));
	if (target->len == TARGET6_OCTETS) {
		ret[1] = REDIRECT_TYPE6;
		return;
	}
	ret[0] |= REDIRECT_BIT;
	ret[1] = REDIRECT_TYPE;
}

bool flow_target_named(const struct flow_actions *a, struct flow_target target)
{
	uint8_t redirect[20];

	redirect_of(&target, redirect);
	return a->redirect == FLOW_REDIRECT_RT && a->route_target_len == target.len &&
	       target.octets[1] == TARGET_TYPE &&
	       memcmp(a->route_target, redirect, target.len) == 0;
}

void flow_target_print(const struct flow_target *target, struct str *out)
{
	uint8_t redirect[20];
	char text[ADDR_TEXT_MAX + 32];
	struct str words = str_over(text, sizeof(text));

	redirect_of(target, redirect);
	print_ext(redirect, target->len, NULL, &words);
	str_addf(out, "target:%s", text + strlen("redirect "));
}

/* ---- short, for lists ------------------------------------------------------------------ */

/* What its words cannot say exactly is said roughly: a list has no room for octets. */
static bool print_rough(const uint8_t *octets, size_t len, const struct addr *next_hop,
			struct str *out)
{
	struct flow_actions a;
	bool packets;
	float rate;

	if (find_code(octets, len) == NULL || len != 8)
		return false;
	flow_actions_read(octets, 1, NULL, 0, next_hop, &a);
	packets = a.has_rate_packets;
	rate = packets ? a.rate_packets : a.rate_bytes;
	if ((a.has_rate_bytes || packets) && rate == 0)
		str_add(out, "discard");
	else if (a.has_rate_bytes || packets)
		str_addf(out, "rate-limit %g%s", (double)rate, packets ? " packets" : "");
	else if (a.has_mark)
		str_addf(out, "mark %u", a.mark);
	else
		return false;
	return true;
}

static void print_short(const uint8_t *octets, size_t len, const struct addr *next_hop, bool *any,
			struct str *out)
{
	unsigned code = (unsigned)octets[0] << 8 | octets[1];
	bool rate = len == 8 && (code == 0x8006 || code == 0x800c);
	size_t before = out->len;

	if (*any)
		str_add(out, ", ");
	if ((rate && print_rough(octets, len, next_hop, out)) ||
	    print_words(octets, len, next_hop, out) || print_rough(octets, len, next_hop, out)) {
		*any = true;
	} else if (*any && !out->full) {
		out->len = before;
		out->text[before] = '\0';
	}
}

void flow_actions_print(const uint8_t *ext, size_t n, const uint8_t *ext6, size_t n6,
			const struct addr *next_hop, struct str *out)
{
	bool any = false;

	for (size_t i = 0; i < n; i++)
		print_short(ext + 8 * i, 8, next_hop, &any, out);
	for (size_t i = 0; i < n6; i++)
		print_short(ext6 + 20 * i, 20, next_hop, &any, out);
	if (!any)
		str_add(out, "accept");
}
