/* SPDX-License-Identifier: ISC */
/* text_parse.c - ExaBGP's flow syntax into octets.
 *
 * Components are written down as they come, each statement a piece, and put in the order of their
 * types at the end; several statements of one type are one list, as in ExaBGP.  Operands take the
 * shortest width, unless a width is written.
 *
 * Ours beside ExaBGP's words: `true`, `false`, `true:VALUE` (the RFC's comparators 111 and 000);
 * VALUE/WIDTH with a width of 1, 2, 4 or 8 octets, which also lifts the bound of the field (what a
 * router sent can be written back); an IPv6 prefix as ADDRESS/OFFSET-LENGTH (RFC 8956 3.1) beside
 * ExaBGP's ADDRESS/LENGTH/OFFSET; names of code points; a route distinguisher as 0x and 16 digits.
 *
 * Told as odd, and taken as their author meant them: `port =80 =8080;` (3.4: both),
 * `fragment not-a-fragment` (not a later fragment), words of the other family.
 *
 * Never taken: a word that is not understood or left over, an empty match or list, a missing `;`.
 */
#include <string.h>

#include "base/str.h"
#include "flow/comp.h"
#include "flow/names.h"
#include "flow/parse.h"

enum {
	PIECES_MAX = 256 /* statements in the match blocks of one rule */
};

enum says {
	SAYS_NOTHING,
	SAYS_IPV4, /* the word's family, when no prefix tells another */
	SAYS_IPV6,
	ONLY_IPV4,
	ONLY_IPV6
};

struct match_word {
	uint8_t type, word_len;
	const char *word;
	enum says says;
	uint32_t max; /* of a value without a written width */
};

#define WORD(text) sizeof(text) - 1, text

/* clang-format off */
static const struct match_word words[] = {
	{ FLOW_DESTINATION,      WORD("destination"),      SAYS_NOTHING, 0 },
	{ FLOW_SOURCE,           WORD("source"),           SAYS_NOTHING, 0 },
	{ FLOW_PROTOCOL,         WORD("protocol"),         SAYS_NOTHING, 0xff },
	{ FLOW_PORT,             WORD("port"),             SAYS_NOTHING, 0xffff },
	{ FLOW_DESTINATION_PORT, WORD("destination-port"), SAYS_NOTHING, 0xffff },
	{ FLOW_SOURCE_PORT,      WORD("source-port"),      SAYS_NOTHING, 0xffff },
	{ FLOW_ICMP_TYPE,        WORD("icmp-type"),        SAYS_NOTHING, 0xff },
	{ FLOW_ICMP_CODE,        WORD("icmp-code"),        SAYS_NOTHING, 0xff },
	{ FLOW_TCP_FLAGS,        WORD("tcp-flags"),        SAYS_NOTHING, 0xfff },
	{ FLOW_PACKET_LENGTH,    WORD("packet-length"),    SAYS_NOTHING, 0xffff },
	{ FLOW_DSCP,             WORD("dscp"),             SAYS_NOTHING, 0x3f },
	{ FLOW_FRAGMENT,         WORD("fragment"),         SAYS_NOTHING, 0x0f },
	{ FLOW_LABEL,            WORD("flow-label"),       ONLY_IPV6,    0xfffff },
	{ FLOW_PROTOCOL,         WORD("next-header"),      SAYS_IPV6,    0xff },
	{ FLOW_DSCP,             WORD("traffic-class"),    SAYS_IPV6,    0xff },
	{ FLOW_DESTINATION,      WORD("destination-ipv4"), ONLY_IPV4,    0 },
	{ FLOW_DESTINATION,      WORD("destination-ipv6"), ONLY_IPV6,    0 },
	{ FLOW_SOURCE,           WORD("source-ipv4"),      ONLY_IPV4,    0 },
	{ FLOW_SOURCE,           WORD("source-ipv6"),      ONLY_IPV6,    0 },
};
/* clang-format on */

/* The octets of one statement, without the type. */
struct piece {
	uint8_t type;
	uint16_t at, len, last; /* in octets[]; last: the last operator, for its end bit */
};

struct rule_parse {
	struct flow_parse p;
	struct wr w; /* over octets */
	size_t pieces;
	bool has_rd;
	uint8_t rd[FLOW_RD_OCTETS];
	bool has_family, has_hint;
	enum flow_family family, hint; /* by a word that only one family has; by one that hints */
	struct word family_word, hint_word;
	bool has_icmp_name, has_dont_fragment;
	struct word icmp_name, dont_fragment;
	char name[FLOW_NAME_MAX];
	struct piece piece[PIECES_MAX];
	uint8_t octets[FLOW_NLRI_MAX];
};

/* ---- family ---------------------------------------------------------------------------- */

static const char *family_name(enum flow_family f)
{
	return f == FLOW_IPV4 ? "ipv4" : "ipv6";
}

/* A word says which family the rule is of; all of them must agree. */
static bool set_family(struct rule_parse *r, const struct word *w, enum flow_family f)
{
	struct flow_parse *p = &r->p;

	if (p->o->family_fixed && p->o->family != f)
		return flow_parse_fail(p, w, 0, "an %s word in an %s rule: '%.*s'", family_name(f),
				       family_name(p->o->family), flow_parse_shown(w->len),
				       w->text);
	if (r->has_family && r->family != f)
		return flow_parse_fail(p, w, 0, "%s and %s in one rule", family_name(r->family),
				       family_name(f));
	if (!r->has_family) {
		r->has_family = true;
		r->family = f;
		r->family_word = *w;
	}
	return true;
}

static bool note_word(struct rule_parse *r, const struct match_word *m, const struct word *w)
{
	if (m->says == ONLY_IPV4 || m->says == ONLY_IPV6)
		return set_family(r, w, m->says == ONLY_IPV4 ? FLOW_IPV4 : FLOW_IPV6);
	if (m->says == SAYS_NOTHING || r->has_hint)
		return true;
	r->has_hint = true;
	r->hint = m->says == SAYS_IPV4 ? FLOW_IPV4 : FLOW_IPV6;
	r->hint_word = *w;
	return true;
}

static enum flow_family settle_family(struct rule_parse *r)
{
	struct flow_parse *p = &r->p;
	enum flow_family f = r->has_family ? r->family : p->o->family;

	if (!r->has_family && !p->o->family_fixed && r->has_hint && r->hint != f) {
		f = r->hint;
		flow_parse_warn(p, &r->hint_word,
				"only this word makes it an %s rule; "
				"ExaBGP sends it as ipv4",
				family_name(f));
	} else if (r->has_hint && r->hint != f) {
		flow_parse_warn(p, &r->hint_word, "an %s word in an %s rule", family_name(r->hint),
				family_name(f));
	}
	if (f == FLOW_IPV6 && r->has_icmp_name)
		flow_parse_warn(p, &r->icmp_name,
				"the word is a number of ICMPv4, as in ExaBGP; "
				"write the number of ICMPv6");
	return f;
}

/* ---- prefixes -------------------------------------------------------------------------- */

struct prefix {
	struct addr addr;
	unsigned len, offset;
};

static bool small_number(const char *text, size_t len, unsigned *ret)
{
	struct word w = { .text = text, .len = len };
	uint64_t v;

	if (!word_number(&w, 255, false, &v))
		return false;
	*ret = (unsigned)v;
	return true;
}

/* "LENGTH", "LENGTH/OFFSET" or "OFFSET-LENGTH". */
static bool parse_bounds(const char *text, size_t len, struct prefix *to)
{
	const char *mark = memchr(text, '/', len);
	bool shifted = mark == NULL;

	to->offset = 0;
	if (mark == NULL)
		mark = memchr(text, '-', len);
	if (mark == NULL)
		return small_number(text, len, &to->len);
	return small_number(text, (size_t)(mark - text), shifted ? &to->offset : &to->len) &&
	       small_number(mark + 1, (size_t)(text + len - mark - 1),
			    shifted ? &to->len : &to->offset);
}

static bool read_prefix(struct rule_parse *r, const struct word *w, struct prefix *to)
{
	const char *slash = memchr(w->text, '/', w->len);
	size_t at = slash != NULL ? (size_t)(slash - w->text) : w->len;
	struct flow_parse *p = &r->p;

	if (!addr_parse(w->text, at, &to->addr))
		return lex_fail(p->l, p->e, "expected a prefix, found");
	if (slash == NULL)
		return lex_fail(p->l, p->e, "a prefix without a length:");
	if (!parse_bounds(slash + 1, w->len - at - 1, to))
		return flow_parse_fail(p, w, at + 1, "expected a prefix length, found '%.*s'",
				       flow_parse_shown(w->len - at - 1), slash + 1);
	if (to->len > addr_bits(&to->addr))
		return flow_parse_fail(p, w, at + 1, "a prefix length of %u", to->len);
	if (to->addr.family == ADDR_IPV4 && (memchr(slash + 1, '/', w->len - at - 1) != NULL ||
					     memchr(slash + 1, '-', w->len - at - 1) != NULL))
		return flow_parse_fail(p, w, at + 1, "an offset in an IPv4 prefix");
	if (to->offset >= to->len && to->offset != 0)
		return flow_parse_fail(p, w, at + 1, "offset %u is not below length %u", to->offset,
				       to->len);
	return true;
}

/* Which bits of octet i the prefix compares. */
static unsigned compared_bits(const struct prefix *x, unsigned i)
{
	unsigned from = x->offset > 8 * i ? x->offset - 8 * i : 0;
	unsigned to = x->len > 8 * i ? x->len - 8 * i : 0;

	if (from >= 8 || to <= from)
		return 0;
	return 0xffU >> from & (to >= 8 ? 0xffU : 0xff00U >> to);
}

/* Clears the bits that are not compared; true if there were any. */
static bool mask_prefix(struct prefix *x)
{
	size_t octets = addr_octets(&x->addr);
	unsigned cleared = 0;

	for (unsigned i = 0; i < octets; i++) {
		unsigned keep = compared_bits(x, i);

		cleared |= x->addr.octets[i] & ~keep;
		x->addr.octets[i] &= (uint8_t)keep;
	}
	return cleared != 0;
}

static void write_pattern(struct wr *w, const struct prefix *x)
{
	size_t n = flow_pattern_octets(x->len, x->offset);
	unsigned first = x->offset / 8, shift = x->offset % 8;

	for (size_t i = first; i < first + n; i++) {
		unsigned two = (unsigned)x->addr.octets[i] << 8;

		if (i + 1 < sizeof(x->addr.octets))
			two |= x->addr.octets[i + 1];
		wr_u8(w, (uint8_t)(two << shift >> 8));
	}
}

static bool parse_prefix(struct rule_parse *r, const struct match_word *m, const struct word *at)
{
	struct flow_parse *p = &r->p;
	struct word w = p->l->word;
	struct prefix x;

	for (size_t i = 0; i < r->pieces; i++)
		if (r->piece[i].type == m->type)
			return flow_parse_fail(p, at, 0, "a second %s", words[m->type - 1].word);
	if (!read_prefix(r, &w, &x) ||
	    !set_family(r, &w, x.addr.family == ADDR_IPV4 ? FLOW_IPV4 : FLOW_IPV6))
		return false;
	if (mask_prefix(&x)) {
		if (p->o->strict)
			return lex_fail(p->l, p->e, "bits are set outside the prefix:");
		flow_parse_warn(p, &w, "bits outside the prefix are cleared");
	}
	wr_u8(&r->w, (uint8_t)x.len);
	if (x.addr.family == ADDR_IPV6)
		wr_u8(&r->w, (uint8_t)x.offset);
	write_pattern(&r->w, &x);
	lex_next(p->l);
	return true;
}

/* ---- terms ------------------------------------------------------------------------------ */

struct term {
	const struct match_word *m;
	const struct word *w;
	const char *pos, *end; /* what is left of the word */
	unsigned op;
	unsigned width; /* as written; 0: the shortest */
	uint64_t value;
};

static bool term_fail(struct rule_parse *r, const struct term *t, const char *what)
{
	size_t at = (size_t)(t->pos - t->w->text);

	return flow_parse_fail(&r->p, t->w, at, "%s: '%.*s'", what, flow_parse_shown(t->w->len),
			       t->w->text);
}

/* Behind `true` or `false` a value may stand, with or without a colon (ExaBGP: without). */
static bool take_constant(struct term *t, const char *word, unsigned op)
{
	size_t n = strlen(word), left = (size_t)(t->end - t->pos);
	char next;

	if (left < n || (*t->pos | 0x20) != *word || !flow_word_equal(t->pos, n, word, n))
		return false;
	next = '&';
	if (left > n)
		next = t->pos[n];
	if (next != '&' && next != ':' && (next < '0' || next > '9'))
		return false;
	t->op = op;
	t->pos += n + (next == ':');
	return true;
}

static void take_numeric_op(struct term *t)
{
	size_t left = (size_t)(t->end - t->pos);
	char sign = '\0';
	bool equal = left > 1 && t->pos[1] == '=';

	if (left > 0)
		sign = *t->pos;
	t->op = FLOW_OP_EQ;
	if (sign == '=') {
		t->pos++;
	} else if (sign == '!' && equal) {
		t->op = FLOW_OP_LT | FLOW_OP_GT;
		t->pos += 2;
	} else if (sign == '<' || sign == '>') {
		t->op = (sign == '<' ? FLOW_OP_LT : FLOW_OP_GT) | (equal ? FLOW_OP_EQ : 0);
		t->pos += 1 + equal;
	}
}

static void take_bitmask_op(struct term *t)
{
	t->op = 0;
	if (t->pos < t->end && *t->pos == '!') {
		t->op |= FLOW_OP_NOT;
		t->pos++;
	}
	if (t->pos < t->end && *t->pos == '=') {
		t->op |= FLOW_OP_MATCH;
		t->pos++;
	}
}

static bool plain_value(struct rule_parse *r, const struct term *t, const char *text, size_t len,
			uint64_t *ret)
{
	struct word w = { .text = text, .len = len };

	if (word_number(&w, UINT64_MAX, true, ret))
		return true;
	if (!flow_name_value(t->m->type, text, len, ret))
		return false;
	if (t->m->type == FLOW_ICMP_TYPE || t->m->type == FLOW_ICMP_CODE) {
		r->has_icmp_name = true;
		r->icmp_name = *t->w;
	}
	return true;
}

/* Bits joined by '+'. */
static bool bits_value(struct rule_parse *r, const struct term *t, const char *text, size_t len,
		       uint64_t *ret)
{
	const char *end = text + len, *plus;
	uint64_t all = 0, one;

	do {
		plus = memchr(text, '+', (size_t)(end - text));
		if (!plain_value(r, t, text, (size_t)((plus != NULL ? plus : end) - text), &one))
			return false;
		all |= one;
		text = plus != NULL ? plus + 1 : end;
	} while (plus != NULL);
	*ret = all;
	return true;
}

static bool any_value(struct rule_parse *r, const struct term *t, bool bits, const char *text,
		      size_t len, uint64_t *ret)
{
	return bits ? bits_value(r, t, text, len, ret) : plain_value(r, t, text, len, ret);
}

static bool is_width(char c)
{
	return c == '1' || c == '2' || c == '4' || c == '8';
}

/* A value, or VALUE/WIDTH; some port's names have a slash of their own. */
static bool take_value(struct rule_parse *r, struct term *t, bool bits)
{
	const char *stop = memchr(t->pos, '&', (size_t)(t->end - t->pos));
	size_t len = (size_t)((stop != NULL ? stop : t->end) - t->pos);

	if (len == 0)
		return term_fail(r, t, "a value is missing");
	if (any_value(r, t, bits, t->pos, len, &t->value)) {
		t->pos += len;
		return true;
	}
	if (len > 2 && t->pos[len - 2] == '/' && is_width(t->pos[len - 1]) &&
	    any_value(r, t, bits, t->pos, len - 2, &t->value)) {
		t->width = (unsigned)(t->pos[len - 1] - '0');
		t->pos += len;
		return true;
	}
	return term_fail(r, t, "not a value of this component");
}

static unsigned shortest(uint64_t value)
{
	return value <= UINT8_MAX ? 1 : value <= UINT16_MAX ? 2 : value <= UINT32_MAX ? 4 : 8;
}

static bool check_value(struct rule_parse *r, struct term *t, const char *at)
{
	const struct flow_comp_type *type = flow_comp_row(t->m->type, FLOW_IPV6);
	struct term here = *t;

	here.pos = at;
	if (t->width == 0 && t->value > t->m->max)
		return flow_parse_fail(&r->p, t->w, (size_t)(at - t->w->text),
				       "%s goes up to %u: '%.*s'", t->m->word, t->m->max,
				       flow_parse_shown(t->w->len), t->w->text);
	if (t->width > type->width)
		return term_fail(r, &here, "too wide for this component");
	if (t->width != 0 && shortest(t->value) > t->width)
		return term_fail(r, &here, "the value does not fit its width");
	if (t->m->type == FLOW_FRAGMENT && t->width == 0 && (t->value & 1) != 0) {
		r->has_dont_fragment = true;
		r->dont_fragment = *t->w;
	}
	if (t->m->type == FLOW_DSCP && t->value > 63)
		flow_parse_warn(&r->p, t->w, "only the low six bits count");
	return true;
}

/* 3.4's word for what is sent as a mask of no bits, which never matches. */
static bool take_not_a_fragment(struct rule_parse *r, struct term *t)
{
	static const char word[] = "not-a-fragment";
	size_t n = sizeof(word) - 1, left = (size_t)(t->end - t->pos);

	if (t->m->type != FLOW_FRAGMENT || left < n || !flow_word_equal(t->pos, n, word, n) ||
	    (left > n && t->pos[n] != '&'))
		return false;
	flow_parse_warn(&r->p, t->w, "read as !is-fragment; ExaBGP 4.2 sends a mask of no bits");
	t->pos += n;
	t->op = FLOW_OP_NOT;
	t->value = 2;
	return true;
}

static bool take_term(struct rule_parse *r, struct term *t)
{
	bool bits = flow_comp_row(t->m->type, FLOW_IPV6)->kind == FLOW_BITMASK;
	const char *at;

	t->width = 0;
	t->value = 0;
	if (bits && take_not_a_fragment(r, t))
		return true;
	if (bits) {
		take_bitmask_op(t);
	} else if (take_constant(t, "true", FLOW_OP_LT | FLOW_OP_GT | FLOW_OP_EQ) ||
		   take_constant(t, "false", 0)) {
		if (t->pos == t->end || *t->pos == '&')
			return true;
	} else {
		take_numeric_op(t);
	}
	at = t->pos;
	return take_value(r, t, bits) && check_value(r, t, at);
}

/* One word: terms joined by '&'. */
static bool take_chain(struct rule_parse *r, const struct match_word *m, struct piece *to)
{
	struct word w = r->p.l->word;
	struct term t = { .m = m, .w = &w, .pos = w.text, .end = w.text + w.len };
	unsigned and = 0;

	if (w.quoted || w.len == 0 || (w.len == 1 && strchr("{};()[],", *w.text) != NULL))
		return lex_fail(r->p.l, r->p.e, "expected a value for %s, found", m->word);
	for (;;) {
		unsigned width;

		if (!take_term(r, &t))
			return false;
		width = t.width != 0 ? t.width : shortest(t.value);
		to->last = (uint16_t)wr_len(&r->w);
		wr_u8(&r->w, (uint8_t)(and | (unsigned)__builtin_ctz(width) << 4 | t.op));
		wr_uint(&r->w, width, t.value);
		if (t.pos == t.end)
			break;
		and = FLOW_OP_AND;
		t.pos++;
		if (t.pos == t.end)
			return term_fail(r, &t, "nothing follows the '&'");
	}
	lex_next(r->p.l);
	return true;
}

static bool take_list(struct rule_parse *r, const struct match_word *m, struct piece *to)
{
	struct lex *l = r->p.l;

	lex_next(l);
	if (lex_is(l, "]"))
		return lex_fail(l, r->p.e, "%s has an empty list:", m->word);
	while (!lex_is(l, "]"))
		if (!take_chain(r, m, to))
			return false;
	lex_next(l);
	return true;
}

/* A word of one character is none of them; for most rows the length tells. */
static const struct match_word *find_word(const struct word *w)
{
	if (w->quoted || w->len < 2)
		return NULL;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].word_len == w->len &&
		    flow_word_equal(w->text, w->len, words[i].word, words[i].word_len))
			return &words[i];
	return NULL;
}

/* 3.4 took several terms without brackets.  In a block they end at `;`; in the one-line form only
 * what cannot be a keyword is one of them. */
static bool another_term(const struct lex *l, bool block)
{
	const struct word *w = &l->word;

	if (w->quoted || w->len == 0 || strchr("{};()[],", *w->text) != NULL ||
	    find_word(w) != NULL)
		return false;
	return block || strchr("=<>!0123456789", *w->text) != NULL;
}

static bool parse_terms(struct rule_parse *r, const struct match_word *m, bool block,
			struct piece *to)
{
	struct lex *l = r->p.l;

	if (lex_is(l, "["))
		return take_list(r, m, to);
	if (!take_chain(r, m, to))
		return false;
	if (!another_term(l, block))
		return true;
	flow_parse_warn(&r->p, &l->word,
			"terms without brackets: any of them, as in 3.4; later ExaBGPs keep "
			"the first");
	while (another_term(l, block))
		if (!take_chain(r, m, to))
			return false;
	return true;
}

/* ---- statements -------------------------------------------------------------------------- */

/* Behind its word: the statement's octets become a piece. */
static bool match_statement(struct rule_parse *r, const struct match_word *m, bool block,
			    const struct word *at)
{
	struct piece *to = &r->piece[r->pieces];
	bool good;

	if (r->pieces == PIECES_MAX)
		return flow_parse_fail(&r->p, at, 0, "more than %d statements to match",
				       PIECES_MAX);
	to->type = m->type;
	to->at = to->last = (uint16_t)wr_len(&r->w);
	if (!note_word(r, m, at))
		return false;
	if (m->type <= FLOW_SOURCE)
		good = parse_prefix(r, m, at);
	else
		good = parse_terms(r, m, block, to);
	if (!good)
		return false;
	if (!wr_ok(&r->w))
		return flow_parse_fail(&r->p, at, 0, "a rule of more than %d octets",
				       FLOW_NLRI_MAX);
	to->len = (uint16_t)(wr_len(&r->w) - to->at);
	r->pieces++;
	return true;
}

static bool rd_statement(struct rule_parse *r, const struct word *at)
{
	const struct word *w = &r->p.l->word;
	size_t len;

	if (r->has_rd)
		return flow_parse_fail(&r->p, at, 0, "a second route distinguisher");
	if (w->len == 18 && w->text[0] == '0' && (w->text[1] | 0x20) == 'x') {
		if (!hex_parse(w->text + 2, 16, r->rd, sizeof(r->rd), &len))
			return lex_fail(r->p.l, r->p.e, "expected 16 digits behind 0x, found");
	} else if (!flow_parse_admin(w->text, w->len, r->rd)) {
		return lex_fail(r->p.l, r->p.e,
				"expected a route distinguisher (AS:N, IP:N), found");
	}
	r->has_rd = true;
	lex_next(r->p.l);
	return true;
}

static bool next_hop_statement(struct rule_parse *r)
{
	struct flow_parse *p = &r->p;
	struct word w = p->l->word;
	struct addr a;

	if (lex_is(p->l, "self")) {
		if (p->then.next_hop.family != ADDR_NONE)
			return lex_fail(p->l, p->e, "a second next hop");
		p->then.next_hop_self = true;
	} else if (!addr_parse(w.text, w.len, &a)) {
		return lex_fail(p->l, p->e, "expected an address or self, found");
	} else if (!flow_then_set_next_hop(p, &w, &a)) {
		return false;
	}
	lex_next(p->l);
	return true;
}

/* rd and next-hop: *ret_known is false when the word at hand is neither. */
static bool route_statement(struct rule_parse *r, bool *ret_known)
{
	struct lex *l = r->p.l;
	struct word at = l->word;
	bool rd = lex_is(l, "rd") || lex_is(l, "route-distinguisher");

	*ret_known = rd || lex_is(l, "next-hop");
	if (!*ret_known)
		return true;
	lex_next(l);
	return rd ? rd_statement(r, &at) : next_hop_statement(r);
}

static bool match_block(struct rule_parse *r)
{
	struct lex *l = r->p.l;

	if (lex_is(l, "}"))
		return lex_fail(l, r->p.e, "an empty match would be everything:");
	while (!lex_is(l, "}")) {
		struct word at = l->word;
		const struct match_word *m = find_word(&at);

		if (m == NULL)
			return lex_fail(l, r->p.e, "unknown word in match:");
		lex_next(l);
		if (!match_statement(r, m, true, &at) || !lex_expect(l, ";", r->p.e))
			return false;
	}
	return true;
}

static bool action_block(struct rule_parse *r, bool scope)
{
	struct lex *l = r->p.l;

	r->p.has_then = true;
	while (!lex_is(l, "}")) {
		struct word at = l->word;
		const struct flow_action_type *t = flow_action_word(&at);

		if (t == NULL || (scope && !t->scope))
			return lex_fail(l, r->p.e, "unknown word in %s:", scope ? "scope" : "then");
		lex_next(l);
		if (!t->parse(&r->p, &at) || !lex_expect(l, ";", r->p.e))
			return false;
	}
	return true;
}

/* `match {`, `then {` or `scope {` with all that is inside. */
static bool section(struct rule_parse *r)
{
	struct lex *l = r->p.l;
	bool match = lex_is(l, "match"), scope = lex_is(l, "scope"), good;

	lex_next(l);
	if (!lex_expect(l, "{", r->p.e))
		return false;
	good = match ? match_block(r) : action_block(r, scope);
	return good && lex_expect(l, "}", r->p.e);
}

static bool at_section(const struct lex *l)
{
	return lex_is(l, "match") || lex_is(l, "then") || lex_is(l, "scope");
}

/* Up to, and without, what ends it. */
static bool block_form(struct rule_parse *r)
{
	struct lex *l = r->p.l;

	while (!lex_is(l, "}") && !lex_at_end(l)) {
		bool known;

		if (at_section(l)) {
			if (!section(r))
				return false;
			continue;
		}
		if (!route_statement(r, &known))
			return false;
		if (!known)
			return lex_fail(l, r->p.e,
					find_word(&l->word) != NULL
						? "it belongs into a match block:"
					: flow_action_word(&l->word) != NULL
						? "it belongs into a then block:"
						: "unknown word in a route:");
		if (!lex_expect(l, ";", r->p.e))
			return false;
	}
	return true;
}

static bool line_form(struct rule_parse *r)
{
	struct lex *l = r->p.l;

	while (!lex_is(l, ";") && !lex_at_end(l)) {
		struct word at = l->word;
		const struct match_word *m = find_word(&at);
		const struct flow_action_type *t = m == NULL ? flow_action_word(&at) : NULL;
		bool known = true, good;

		if (m == NULL && t == NULL) {
			good = route_statement(r, &known);
		} else {
			lex_next(l);
			good = m != NULL ? match_statement(r, m, false, &at) : t->parse(&r->p, &at);
			r->p.has_then |= t != NULL;
		}
		if (!known)
			return lex_fail(l, r->p.e, "unknown word in a route:");
		if (!good)
			return false;
	}
	return true;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static size_t assembled_len(const struct rule_parse *r)
{
	size_t len = r->has_rd ? FLOW_RD_OCTETS : 0;
	unsigned seen = 0;

	for (size_t i = 0; i < r->pieces; i++) {
		len += r->piece[i].len + ((seen >> r->piece[i].type & 1) == 0);
		seen |= 1U << r->piece[i].type;
	}
	return len;
}

/* All pieces of a type, in the order written, as one list. */
static void assemble_type(const struct rule_parse *r, uint8_t type, struct wr *w)
{
	uint8_t *end = NULL;

	for (size_t i = 0; i < r->pieces; i++) {
		const struct piece *x = &r->piece[i];

		if (x->type != type)
			continue;
		if (end == NULL)
			wr_u8(w, type);
		end = w->pos + (x->last - x->at);
		wr_bytes(w, r->octets + x->at, x->len);
	}
	if (end != NULL && type > FLOW_SOURCE && wr_ok(w))
		*end |= FLOW_OP_END;
}

static void assemble(const struct rule_parse *r, struct flow_rule *ret)
{
	struct wr w = wr_over(ret->nlri, sizeof(ret->nlri));
	unsigned seen = 0;

	for (size_t i = 0; i < r->pieces; i++)
		seen |= 1U << r->piece[i].type;
	if (r->has_rd)
		wr_bytes(&w, r->rd, sizeof(r->rd));
	for (unsigned type = 1; type <= FLOW_COMPONENTS; type++)
		if ((seen >> type & 1) != 0)
			assemble_type(r, type, &w);
	ret->nlri_len = (uint16_t)wr_len(&w);
}

static void copy_then(const struct flow_then *from, struct flow_then *to)
{
	to->ext_count = from->ext_count;
	to->ext6_count = from->ext6_count;
	to->community_count = from->community_count;
	to->large_count = from->large_count;
	to->next_hop = from->next_hop;
	to->next_hop_self = from->next_hop_self;
	memcpy(to->ext, from->ext, from->ext_count * sizeof(from->ext[0]));
	memcpy(to->ext6, from->ext6, from->ext6_count * sizeof(from->ext6[0]));
	memcpy(to->community, from->community, from->community_count * sizeof(from->community[0]));
	memcpy(to->large, from->large, from->large_count * sizeof(from->large[0]));
}

/* The word at hand ends the rule; what is wrong with all of it is told there. */
static bool check_whole(struct rule_parse *r)
{
	struct flow_parse *p = &r->p;

	if (r->pieces == 0)
		return lex_fail(p->l, p->e, "a rule that matches nothing in particular, ending");
	if (assembled_len(r) > FLOW_NLRI_MAX)
		return lex_fail(p->l, p->e, "a rule of more than %d octets, ending", FLOW_NLRI_MAX);
	if (p->wants_next_hop && p->then.next_hop.family == ADDR_NONE && !p->then.next_hop_self)
		flow_parse_warn(p, &p->wants, "there is no next hop to redirect to");
	r->family = settle_family(r);
	if (r->family == FLOW_IPV6 && r->has_dont_fragment) /* RFC 8956 3.6 */
		return flow_parse_fail(p, &r->dont_fragment, 0, "IPv6 has no dont-fragment: '%.*s'",
				       flow_parse_shown(r->dont_fragment.len),
				       r->dont_fragment.text);
	return true;
}

static void finish(struct rule_parse *r, struct flow_rule *ret)
{
	assemble(r, ret);
	ret->family = r->family;
	ret->vpn = r->has_rd;
	ret->has_then = r->p.has_then;
	memcpy(ret->name, r->name, strlen(r->name) + 1);
	copy_then(&r->p.then, &ret->then);
}

/* Only what is read before it is written is set: the buffers are large. */
static void start(struct rule_parse *r, struct lex *l, const struct flow_text_options *o,
		  struct err *e)
{
	static const struct flow_text_options none = { 0 };

	r->p.l = l;
	r->p.o = o != NULL ? o : &none;
	r->p.e = e;
	r->p.has_then = r->p.next_hop_implied = r->p.wants_next_hop = false;
	r->p.then.ext_count = r->p.then.ext6_count = 0;
	r->p.then.community_count = r->p.then.large_count = 0;
	r->p.then.next_hop = (struct addr){ 0 };
	r->p.then.next_hop_self = false;
	r->w = wr_over(r->octets, sizeof(r->octets));
	r->pieces = 0;
	r->has_rd = r->has_family = r->has_hint = r->has_icmp_name = r->has_dont_fragment = false;
	r->family = r->hint = FLOW_IPV4;
	r->name[0] = '\0';
}

/* `{ ... }`; the brace is the word at hand. */
static bool braced(struct rule_parse *r)
{
	lex_next(r->p.l);
	if (!block_form(r))
		return false;
	if (lex_is(r->p.l, "}") && !check_whole(r))
		return false;
	return lex_expect(r->p.l, "}", r->p.e);
}

static bool one_line(struct rule_parse *r)
{
	if (!line_form(r) || !check_whole(r))
		return false;
	if (lex_is(r->p.l, ";"))
		lex_next(r->p.l);
	return true;
}

/* A word with `{` behind it is the rule's name. */
static bool take_name(struct rule_parse *r)
{
	struct lex ahead = *r->p.l;
	size_t bad;

	if (lex_at_end(&ahead) || (!ahead.word.quoted && ahead.word.len == 1 &&
				   strchr("{};()[],", *ahead.word.text) != NULL))
		return true;
	lex_next(&ahead);
	if (!lex_is(&ahead, "{"))
		return true;
	if (!word_copy(&r->p.l->word, r->name, sizeof(r->name)) ||
	    !str_is_text(r->name, strlen(r->name), false, &bad))
		return lex_fail(r->p.l, r->p.e, "a name of more than %d octets, or a strange one:",
				FLOW_NAME_MAX - 1);
	*r->p.l = ahead;
	return true;
}

/* Behind `route`. */
static bool route(struct rule_parse *r)
{
	if (!take_name(r))
		return false;
	return lex_is(r->p.l, "{") ? braced(r) : one_line(r);
}

bool flow_text_route(struct lex *l, const struct flow_text_options *o, struct flow_rule *ret,
		     struct err *e)
{
	struct rule_parse r;

	start(&r, l, o, e);
	if (!route(&r))
		return false;
	finish(&r, ret);
	return true;
}

/* rd or next-hop may stand before the first block of a rule without `route { }` around it. */
static bool at_bare_block(const struct lex *l)
{
	struct lex ahead = *l;

	while (lex_is(&ahead, "rd") || lex_is(&ahead, "route-distinguisher") ||
	       lex_is(&ahead, "next-hop")) {
		lex_next(&ahead);
		lex_next(&ahead);
		if (!lex_is(&ahead, ";"))
			return false;
		lex_next(&ahead);
	}
	return at_section(&ahead);
}

bool flow_text_rule(const char *text, size_t len, const struct flow_text_options *o,
		    struct flow_rule *ret, struct err *e)
{
	struct rule_parse r;
	struct lex l;
	bool good;

	lex_init(&l, text, len);
	start(&r, &l, o, e);
	if (lex_is(&l, "flow")) {
		lex_next(&l);
		good = lex_expect(&l, "route", e) && route(&r);
	} else if (lex_is(&l, "route")) {
		lex_next(&l);
		good = route(&r);
	} else if (at_bare_block(&l)) {
		good = block_form(&r) && check_whole(&r);
	} else {
		good = route(&r);
	}
	if (!good)
		return false;
	if (!lex_at_end(&l))
		return lex_fail(&l, e, "left over:");
	finish(&r, ret);
	return true;
}
