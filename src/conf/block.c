/* SPDX-License-Identifier: ISC */
/* block.c - see block.h.
 *
 * A statement is looked up in the table of its block and reads itself up to its `;` or over its
 * block.  What is left over is an error, so is a name that no row has.  Where a name belongs to a
 * block further out, a brace is missing, and the error says which block was left open.
 */
#include "conf/block.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- Errors and warnings ------------------------------------------------------------------- */

bool fail_at(struct reader *r, const struct word *w, const char *fmt, ...)
{
	char text[sizeof(r->e->text)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_at(r->e, w->line, w->col, "%s", text);
}

void warn_at(struct reader *r, const struct word *w, const char *fmt, ...)
{
	struct err what = { .source = r->file, .line = w->line, .col = w->col };
	va_list ap;

	if (r->warn == NULL)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(what.text, sizeof(what.text), fmt, ap);
	va_end(ap);
	r->warn(r->ctx, &what);
}

bool no_memory(struct reader *r)
{
	return fail_at(r, &r->at, "out of memory");
}

bool expected(struct reader *r, const struct statement *s, const char *what)
{
	return lex_fail(&r->l, r->e, "%s: expected %s%s", s->name, what,
			lex_at_end(&r->l) ? "" : ", found");
}

bool read_end(struct reader *r, const struct statement *s)
{
	if (!lex_is(&r->l, ";"))
		return expected(r, s, "';'");
	lex_next(&r->l);
	return true;
}

/* ---- Blocks -------------------------------------------------------------------------------- */

static const struct statement *find(const struct statement *table, const struct word *w)
{
	for (; table != NULL; table = table->more) {
		for (; table->name != NULL; table++)
			if (word_is(w, table->name))
				return table;
	}
	return NULL;
}

static bool not_closed(struct reader *r, const struct block *b)
{
	return lex_fail(&r->l, r->e, "%s of line %u is not closed%s", b->name, b->line,
			lex_at_end(&r->l) ? "" : " before");
}

/* A name that this block does not have. */
static bool unknown(struct reader *r)
{
	const struct block *b = &r->open[r->depth - 1];

	if (r->l.unterminated)
		return lex_fail(&r->l, r->e, "word");
	if (r->depth == 1)
		return lex_fail(&r->l, r->e,
				lex_is(&r->l, "}") ? "no block is open before"
						   : "unknown statement");
	for (unsigned i = 0; i + 1 < r->depth; i++)
		if (find(r->open[i].table, &r->l.word) != NULL)
			return not_closed(r, b);
	return lex_fail(&r->l, r->e, "%s: unknown statement", b->name);
}

static bool read_statement(struct reader *r, void *into)
{
	const struct statement *s = find(r->open[r->depth - 1].table, &r->l.word);

	if (s == NULL)
		return unknown(r);
	r->at = r->l.word;
	lex_next(&r->l);
	return s->read(r, s, into);
}

static bool read_statements(struct reader *r, void *into)
{
	const struct block *b = &r->open[r->depth - 1];

	while (!lex_at_end(&r->l)) {
		if (b->name != NULL && lex_is(&r->l, "}"))
			return true;
		if (!read_statement(r, into))
			return false;
	}
	return b->name == NULL || not_closed(r, b);
}

bool read_file(struct reader *r, const struct statement *table)
{
	r->open[0] = (struct block){ .table = table };
	r->depth = 1;
	return read_statements(r, r->c);
}

bool read_block(struct reader *r, const char *name, const struct statement *table, void *into)
{
	struct statement self = { .name = name };
	unsigned line = r->at.line;

	if (!lex_is(&r->l, "{"))
		return expected(r, &self, "'{'");
	if (r->depth == BLOCK_DEPTH)
		return lex_fail(&r->l, r->e, "%s: blocks stand too deep in each other at", name);
	lex_next(&r->l);
	r->open[r->depth++] = (struct block){ .name = name, .line = line, .table = table };
	if (!read_statements(r, into))
		return false;
	r->depth--;
	lex_next(&r->l);
	return true;
}

/* ---- Values -------------------------------------------------------------------------------- */

bool has_word(const struct reader *r)
{
	return !lex_at_end(&r->l) && (r->l.word.quoted || r->l.word.len != 1 ||
				      strchr("{};[](),", *r->l.word.text) == NULL);
}

bool read_switch(struct reader *r, const struct statement *s, bool *ret)
{
	static const char *const words[2][3] = { { "false", "disable", "disabled" },
						 { "true", "enable", "enabled" } };

	if (!has_word(r)) {
		*ret = true;
		return true;
	}
	for (int value = 0; value < 2; value++) {
		for (int i = 0; i < 3; i++) {
			if (!lex_is(&r->l, words[value][i]))
				continue;
			*ret = value != 0;
			lex_next(&r->l);
			return true;
		}
	}
	return expected(r, s, "true or false");
}

bool read_number(struct reader *r, const struct statement *s, uint64_t max, const char *what,
		 uint64_t *ret)
{
	if (!has_word(r) || r->l.word.quoted || !word_number(&r->l.word, max, false, ret))
		return expected(r, s, what);
	lex_next(&r->l);
	return true;
}

bool read_addr(struct reader *r, const struct statement *s, const char *what, struct addr *ret)
{
	if (!has_word(r) || !addr_parse(r->l.word.text, r->l.word.len, ret))
		return expected(r, s, what);
	lex_next(&r->l);
	return true;
}

bool read_id(struct reader *r, const struct statement *s, uint8_t ret[4])
{
	static const uint8_t zero[4];
	struct addr a;

	if (!has_word(r) || !addr_parse(r->l.word.text, r->l.word.len, &a) ||
	    a.family != ADDR_IPV4 || memcmp(a.octets, zero, 4) == 0)
		return expected(r, s, "an IPv4 address");
	memcpy(ret, a.octets, 4);
	lex_next(&r->l);
	return true;
}

/* Decimal, or high.low as RFC 5396 has it; 0 is nobody's (RFC 7607). */
bool read_as(struct reader *r, const struct statement *s, uint32_t *ret)
{
	const struct word *w = &r->l.word;
	const char *dot = has_word(r) && !w->quoted ? memchr(w->text, '.', w->len) : NULL;
	uint64_t high = 0, as = 0;
	bool ok;

	if (dot != NULL) {
		struct word left = { .text = w->text, .len = (size_t)(dot - w->text) };
		struct word right = { .text = dot + 1, .len = w->len - left.len - 1 };

		ok = word_number(&left, UINT16_MAX, false, &high) &&
		     word_number(&right, UINT16_MAX, false, &as);
	} else {
		ok = has_word(r) && !w->quoted && word_number(w, UINT32_MAX, false, &as);
	}
	as |= high << 16;
	if (!ok || as == 0)
		return expected(r, s, "an AS number");
	*ret = (uint32_t)as;
	lex_next(&r->l);
	return true;
}

bool read_text(struct reader *r, const struct statement *s, bool empty, char *ret, size_t size)
{
	size_t bad;

	if (r->l.unterminated || !has_word(r))
		return expected(r, s, "text");
	/* The word is not shown: it may be a password. */
	if (!word_copy(&r->l.word, ret, size))
		return fail_at(r, &r->l.word, "%s: at most %zu octets, and no NUL", s->name,
			       size - 1);
	if (!empty && ret[0] == '\0')
		return expected(r, s, "text");
	if (!str_is_text(ret, strlen(ret), false, &bad))
		return fail_at(r, &r->l.word, "%s: not printable text", s->name);
	lex_next(&r->l);
	return true;
}

/* ---- What we do not do --------------------------------------------------------------------- */

bool refuse(struct reader *r, const struct statement *s, void *into)
{
	(void)into;
	return fail_at(r, &r->at, "%s: %s", s->name, s->text);
}

bool ignore(struct reader *r, const struct statement *s, void *into)
{
	(void)into;
	while (has_word(r))
		lex_next(&r->l);
	warn_at(r, &r->at, "%s: %s: ignored", s->name, s->text);
	return read_end(r, s);
}

bool ignore_block(struct reader *r, const struct statement *s, void *into)
{
	const struct block b = { .name = s->name, .line = r->at.line };
	unsigned depth = 0;

	(void)into;
	if (!lex_is(&r->l, "{"))
		return expected(r, s, "'{'");
	warn_at(r, &r->at, "%s: %s: ignored", s->name, s->text);
	do {
		if (lex_at_end(&r->l))
			return not_closed(r, &b);
		depth += lex_is(&r->l, "{");
		depth -= lex_is(&r->l, "}");
		lex_next(&r->l);
	} while (depth > 0);
	return true;
}

static bool only(struct reader *r, const struct statement *s, bool value, bool error)
{
	bool asked;

	if (!read_switch(r, s, &asked))
		return false;
	if (asked != value && error)
		return fail_at(r, &r->at, "%s: %s", s->name, s->text);
	if (asked != value)
		warn_at(r, &r->at, "%s: %s: ignored", s->name, s->text);
	return read_end(r, s);
}

bool only_on_warn(struct reader *r, const struct statement *s, void *into)
{
	(void)into;
	return only(r, s, true, false);
}

bool only_off_warn(struct reader *r, const struct statement *s, void *into)
{
	(void)into;
	return only(r, s, false, false);
}

bool only_off(struct reader *r, const struct statement *s, void *into)
{
	(void)into;
	return only(r, s, false, true);
}
