/* SPDX-License-Identifier: ISC */
/* text_print.c - octets into the canonical form of ExaBGP's flow syntax.
 *
 * What is printed parses again to the same octets, except for bits that the RFCs have ignored,
 * which are dropped: the reserved bits of an operator, the AND bit of a list's first operator and
 * the padding of a prefix.  A width is written where it is not the one that the parser takes.
 *
 * The family of a rule without a prefix does not stand in the text; next-header, traffic-class
 * and flow-label say it.
 */
#include <string.h>

#include "flow/comp.h"
#include "flow/names.h"
#include "flow/parse.h"

/* ---- numbers ----------------------------------------------------------------------------- */

/* Faster than printf, and most of a rule's text is numbers. */
static void add_number(struct str *out, uint64_t v)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	str_addn(out, digits + at, sizeof(digits) - at);
}

static void add_hex(struct str *out, uint64_t v)
{
	char digits[18];
	size_t at = sizeof(digits);

	do {
		digits[--at] = "0123456789abcdef"[v & 15];
		v >>= 4;
	} while (v != 0);
	digits[--at] = 'x';
	digits[--at] = '0';
	str_addn(out, digits + at, sizeof(digits) - at);
}

/* ---- components -------------------------------------------------------------------------- */

static void print_prefix(struct rd body, enum flow_family family, struct str *out)
{
	unsigned len = rd_u8(&body), offset = family == FLOW_IPV6 ? rd_u8(&body) : 0;
	struct addr a = { .family = family == FLOW_IPV6 ? ADDR_IPV6 : ADDR_IPV4 };
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < flow_pattern_octets(len, offset); i++) {
		unsigned left = len - offset - 8 * (unsigned)i, at = offset / 8 + (unsigned)i;
		unsigned bits = body.pos[i] & (left >= 8 ? 0xffU : 0xff00U >> left);

		a.octets[at] |= (uint8_t)(bits >> offset % 8);
		if (offset % 8 != 0 && at + 1 < sizeof(a.octets))
			a.octets[at + 1] |= (uint8_t)(bits << (8 - offset % 8));
	}
	str_add(out, addr_print(&a, text));
	str_addn(out, "/", 1);
	add_number(out, len);
	if (offset > 0) {
		str_addn(out, "/", 1);
		add_number(out, offset);
	}
}

/* The width that the parser takes on its own, and up to which value it does. */
static void print_width(const struct flow_op *o, uint64_t max, struct str *out)
{
	unsigned width = o->value <= UINT8_MAX ? 1 : o->value <= UINT16_MAX ? 2 : 4;

	if (o->value <= max && o->width == width)
		return;
	str_addn(out, "/", 1);
	add_number(out, o->width);
}

static void print_numeric(const struct flow_op *o, uint8_t type, enum flow_family family,
			  uint64_t max, struct str *out)
{
	static const char *const ops[] = { "false", "=", ">", ">=", "<", "<=", "!=", "true" };
	unsigned op = o->op & (FLOW_OP_LT | FLOW_OP_GT | FLOW_OP_EQ);
	const char *name = NULL;

	str_add(out, ops[op]);
	if (op == 0 || op == 7) {
		if (o->value == 0 && o->width == 1)
			return;
		str_addn(out, ":", 1);
	} else {
		name = flow_value_name(type, family, o->value);
	}
	if (name != NULL)
		str_add(out, name);
	else
		add_number(out, o->value);
	print_width(o, max, out);
}

/* By the bits' words where each bit has one, else in hex. */
static void print_bits(uint64_t value, uint8_t type, uint64_t named, struct str *out)
{
	bool any = false;

	if (value == 0) {
		str_addn(out, "0", 1);
		return;
	}
	if ((value & ~named) != 0) {
		add_hex(out, value);
		return;
	}
	for (unsigned bit = 1; bit <= named; bit <<= 1) {
		if ((value & bit) == 0)
			continue;
		if (any)
			str_addn(out, "+", 1);
		str_add(out, flow_bit_name(type, bit));
		any = true;
	}
}

/* Bits that have a word; RFC 8956 3.6: in IPv6 there is no dont-fragment. */
static uint64_t named_bits(uint8_t type, enum flow_family family)
{
	if (type == FLOW_TCP_FLAGS)
		return 0x1ff;
	return family == FLOW_IPV6 ? 0x0e : 0x0f;
}

static void print_bitmask(const struct flow_op *o, uint8_t type, enum flow_family family,
			  uint64_t max, struct str *out)
{
	static const char *const ops[] = { "", "=", "!", "!=" };
	uint64_t named = named_bits(type, family);
	bool reserved = type == FLOW_FRAGMENT && (o->value & ~named) != 0;

	str_add(out, ops[o->op & (FLOW_OP_NOT | FLOW_OP_MATCH)]);
	print_bits(o->value, type, named, out);
	print_width(o, reserved ? 0 : max, out);
}

/* The largest value that the parser takes without a width. */
static uint64_t plain_max(uint8_t type, const struct flow_comp_type *t)
{
	return type == FLOW_FRAGMENT ? 0x0f : t->max[FLOW_IPV6];
}

static void print_terms(struct rd body, uint8_t type, enum flow_family family, struct str *out)
{
	const struct flow_comp_type *t = flow_comp_row(type, family);
	uint64_t max = plain_max(type, t);
	struct flow_op o;
	bool list, first = true;

	list = flow_op_next(&body, &o) && (o.op & FLOW_OP_END) == 0;
	if (list)
		str_addn(out, "[ ", 2);
	do {
		if (!first)
			str_addn(out, (o.op & FLOW_OP_AND) != 0 ? "&" : " ", 1);
		first = false;
		if (t->kind == FLOW_NUMERIC)
			print_numeric(&o, type, family, max, out);
		else
			print_bitmask(&o, type, family, max, out);
	} while (flow_op_next(&body, &o));
	if (list)
		str_addn(out, " ]", 2);
}

void flow_text_match(const struct flow_nlri *n, struct str *out)
{
	struct rd r = flow_nlri_components(n);
	struct flow_comp c;

	for (bool first = true; flow_comp_next(&r, n->family, &c); first = false) {
		const struct flow_comp_type *t = flow_comp_row(c.type, n->family);

		if (!first)
			str_addn(out, " ", 1);
		str_add(out, t->name[n->family]);
		str_addn(out, " ", 1);
		if (t->kind == FLOW_PREFIX)
			print_prefix(c.body, n->family, out);
		else
			print_terms(c.body, c.type, n->family, out);
		str_addn(out, ";", 1);
	}
}

/* ---- the rest of a rule --------------------------------------------------------------------- */

/* RFC 4364 4.2; an L says that a small AS stands in four octets, and other types are hex. */
void flow_rd_print(const uint8_t octets[FLOW_RD_OCTETS], struct str *out)
{
	struct rd r = rd_over(octets, FLOW_RD_OCTETS);
	unsigned type = rd_u16(&r);
	char text[ADDR_TEXT_MAX];
	struct addr a;

	if (type > 2) {
		str_add(out, "0x");
		str_add_hex(out, octets, FLOW_RD_OCTETS);
		return;
	}
	if (type == 1) {
		a = addr_ipv4(rd_take(&r, 4));
		str_add(out, addr_print(&a, text));
	} else {
		uint64_t as = rd_uint(&r, type == 0 ? 2 : 4);

		add_number(out, as);
		if (type == 2 && as <= UINT16_MAX)
			str_addn(out, "L", 1);
	}
	str_addn(out, ":", 1);
	add_number(out, rd_uint(&r, rd_left(&r)));
}

/* As a word if it is one and cannot be taken for another, else quoted. */
static void print_name(const char *name, struct str *out)
{
	struct lex l;

	lex_init(&l, name, strlen(name));
	if (l.word.len == strlen(name) && !l.word.quoted && strpbrk(name, "{};[](),\\") == NULL) {
		str_add(out, name);
		return;
	}
	str_addn(out, "\"", 1);
	for (; *name != '\0'; name++) {
		static const char letters[] = "ntrbf", meant[] = "\n\t\r\b\f";
		const char *known = strchr(meant, *name);

		if (known != NULL || *name == '"' || *name == '\\')
			str_addn(out, "\\", 1);
		str_addn(out, known != NULL ? &letters[known - meant] : name, 1);
	}
	str_addn(out, "\"", 1);
}

static void print_communities(const struct flow_then *t, struct str *out)
{
	for (size_t i = 0; i < t->community_count; i++)
		str_addf(out, "%s%u:%u", i == 0 ? "community [ " : " ", t->community[i] >> 16,
			 t->community[i] & 0xffff);
	if (t->community_count > 0)
		str_add(out, " ]; ");
	for (size_t i = 0; i < t->large_count; i++)
		str_addf(out, "%s%u:%u:%u", i == 0 ? "large-community [ " : " ", t->large[i][0],
			 t->large[i][1], t->large[i][2]);
	if (t->large_count > 0)
		str_add(out, " ]; ");
}

static bool is_scope(const uint8_t ext[8], const struct addr *next_hop)
{
	static const char word[] = "interface-set ";
	char text[64];
	struct str s = str_over(text, sizeof(text));

	flow_ext_print(ext, next_hop, &s);
	return strncmp(text, word, sizeof(word) - 1) == 0;
}

/* Blocks alternate, so that the communities stay in their order. */
static void print_then(const struct flow_then *t, const struct addr *next_hop, struct str *out)
{
	bool scope = false, open = false;

	for (size_t i = 0; i < t->ext_count; i++) {
		bool here = is_scope(t->ext[i], next_hop);

		if (!open || here != scope)
			str_addf(out, "%s%s { ", open ? "} " : " ", here ? "scope" : "then");
		open = true;
		scope = here;
		flow_ext_print(t->ext[i], next_hop, out);
		str_addn(out, "; ", 2);
	}
	if (open && scope)
		str_add(out, "}");
	if (!open || scope)
		str_add(out, " then { ");
	for (size_t i = 0; i < t->ext6_count; i++) {
		flow_ext6_print(t->ext6[i], out);
		str_addn(out, "; ", 2);
	}
	print_communities(t, out);
	if (t->ext_count + t->ext6_count + t->community_count + t->large_count == 0)
		str_add(out, "accept; ");
	str_addn(out, "}", 1);
}

/* Does a word of the then block carry the next hop? */
static bool implied(const struct flow_then *t)
{
	static const uint8_t code[7] = { 0x08, 0x00 };

	for (size_t i = 0; i < t->ext_count; i++)
		if (memcmp(t->ext[i], code, sizeof(code)) == 0 && t->ext[i][7] <= 1)
			return true;
	return false;
}

static void print_next_hop(const struct flow_then *t, struct str *out)
{
	char text[ADDR_TEXT_MAX];

	if (t->next_hop_self)
		str_add(out, "next-hop self; ");
	else if (t->next_hop.family != ADDR_NONE && !implied(t))
		str_addf(out, "next-hop %s; ", addr_print(&t->next_hop, text));
}

void flow_text_print(const char *name, const struct flow_nlri *n, const struct flow_then *then,
		     struct str *out)
{
	str_add(out, "flow route ");
	if (name != NULL && *name != '\0') {
		print_name(name, out);
		str_addn(out, " ", 1);
	}
	str_add(out, "{ ");
	if (n->vpn) {
		str_add(out, "rd ");
		flow_rd_print(n->octets, out);
		str_addn(out, "; ", 2);
	}
	if (then != NULL)
		print_next_hop(then, out);
	str_add(out, "match { ");
	flow_text_match(n, out);
	str_add(out, " }");
	if (then != NULL)
		print_then(then, then->next_hop_self ? NULL : &then->next_hop, out);
	str_add(out, " }");
}

struct flow_nlri flow_rule_nlri(const struct flow_rule *r)
{
	return (struct flow_nlri){
		.family = r->family,
		.vpn = r->vpn,
		.octets = r->nlri,
		.len = r->nlri_len,
	};
}
