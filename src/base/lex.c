/* SPDX-License-Identifier: ISC */
/* lex.c - see lex.h.
 *
 * A backslash before a line's end, outside quotes, joins the lines: it is a blank.
 * Escapes of quoted words are those of ExaBGP: \n \t \r \b \f \uXXXX; any other \x is x.
 */
#include "base/lex.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum class {
	CLASS_WORD,
	CLASS_BLANK,
	CLASS_SINGLE,
	CLASS_COMMENT,
	CLASS_QUOTE
};

static const uint8_t classes[256] = {
	[' '] = CLASS_BLANK,  ['\t'] = CLASS_BLANK, ['\r'] = CLASS_BLANK,  ['\n'] = CLASS_BLANK,
	['\f'] = CLASS_BLANK, ['\v'] = CLASS_BLANK, ['{'] = CLASS_SINGLE,  ['}'] = CLASS_SINGLE,
	[';'] = CLASS_SINGLE, ['['] = CLASS_SINGLE, [']'] = CLASS_SINGLE,  ['('] = CLASS_SINGLE,
	[')'] = CLASS_SINGLE, [','] = CLASS_SINGLE, ['#'] = CLASS_COMMENT, ['"'] = CLASS_QUOTE,
	['\''] = CLASS_QUOTE,
};

static enum class class_at(const char *p) {
	return classes[(unsigned char)*p];
}

/* Over one character that may be a line's end. */
static void step(struct lex *l)
{
	if (*l->pos++ == '\n') {
		l->line++;
		l->col = 1;
	} else {
		l->col++;
	}
}

/* The octets of a joined line's end at p: 0, 2 or 3 (with a carriage return). */
static size_t joined(const struct lex *l, const char *p)
{
	size_t left = (size_t)(l->end - p);

	if (left >= 2 && p[0] == '\\' && p[1] == '\n')
		return 2;
	return left >= 3 && p[0] == '\\' && p[1] == '\r' && p[2] == '\n' ? 3 : 0;
}

static void skip_comment(struct lex *l)
{
	const char *nl = memchr(l->pos, '\n', (size_t)(l->end - l->pos));
	const char *to = nl != NULL ? nl : l->end;

	l->col += (unsigned)(to - l->pos);
	l->pos = to;
}

static void skip_blank(struct lex *l)
{
	while (l->pos < l->end) {
		enum class c = class_at(l->pos);
		size_t n = c == CLASS_WORD ? joined(l, l->pos) : 0;

		if (c == CLASS_BLANK) {
			step(l);
		} else if (c == CLASS_COMMENT) {
			skip_comment(l);
		} else if (n > 0) {
			while (n-- > 0)
				step(l);
		} else {
			return;
		}
	}
}

static void take_quoted(struct lex *l)
{
	char quote = *l->pos;

	step(l);
	l->word.text = l->pos;
	l->word.quoted = true;
	while (l->pos < l->end && *l->pos != quote) {
		if (*l->pos == '\\' && l->pos + 1 < l->end)
			step(l);
		step(l);
	}
	l->word.len = (size_t)(l->pos - l->word.text);
	if (l->pos < l->end)
		step(l);
	else
		l->unterminated = true;
}

static void take_word(struct lex *l)
{
	const char *p = l->pos;

	while (p < l->end && class_at(p) == CLASS_WORD && (*p != '\\' || joined(l, p) == 0))
		p++;
	l->word.len = (size_t)(p - l->pos);
	l->col += (unsigned)l->word.len;
	l->pos = p;
}

void lex_next(struct lex *l)
{
	skip_blank(l);
	l->word = (struct word){ .text = l->pos, .line = l->line, .col = l->col };
	if (l->pos == l->end)
		return;
	switch (class_at(l->pos)) {
	case CLASS_SINGLE:
		l->word.len = 1;
		l->pos++;
		l->col++;
		return;
	case CLASS_QUOTE:
		take_quoted(l);
		return;
	case CLASS_WORD:
	case CLASS_BLANK:
	case CLASS_COMMENT:
		take_word(l);
	}
}

void lex_init(struct lex *l, const char *text, size_t len)
{
	if (text == NULL)
		text = "";
	*l = (struct lex){ .pos = text, .end = text + len, .line = 1, .col = 1 };
	lex_next(l);
}

static char lower(char c)
{
	if (c >= 'A' && c <= 'Z')
		c = (char)(c | 0x20);
	return c;
}

bool word_is(const struct word *w, const char *text)
{
	if (w->quoted || w->len == 0)
		return false;
	for (size_t i = 0; i < w->len; i++)
		if (text[i] == '\0' || lower(w->text[i]) != lower(text[i]))
			return false;
	return text[w->len] == '\0';
}

bool lex_at_end(const struct lex *l)
{
	return l->word.len == 0 && !l->word.quoted;
}

bool lex_expect(struct lex *l, const char *text, struct err *e)
{
	if (lex_is(l, text)) {
		lex_next(l);
		return true;
	}
	if (lex_at_end(l))
		return lex_fail(l, e, "expected '%s'", text);
	return lex_fail(l, e, "expected '%s', found", text);
}

/* What a stranger wrote goes to a terminal: no control characters, and not all of a long word. */
static void show_word(const struct word *w, char buf[48])
{
	enum {
		SHOWN = 40
	};
	size_t n = w->len < SHOWN ? w->len : SHOWN;

	memcpy(buf, w->text, n);
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)buf[i] < 0x20 || buf[i] == 0x7f)
			buf[i] = '?';
	memcpy(buf + n, w->len > SHOWN ? "..." : "", w->len > SHOWN ? 4 : 1);
}

bool lex_fail(const struct lex *l, struct err *e, const char *fmt, ...)
{
	char text[112], shown[48];
	va_list ap;

	if (e == NULL)
		return false;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (l->unterminated)
		return err_at(e, l->word.line, l->word.col, "a quote that is never closed");
	if (lex_at_end(l))
		return err_at(e, l->word.line, l->word.col, "%s at the end of the file", text);
	show_word(&l->word, shown);
	return err_at(e, l->word.line, l->word.col, "%s '%s'", text, shown);
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

bool word_number(const struct word *w, uint64_t max, bool hex, uint64_t *ret)
{
	const char *p = w->text, *end = p + w->len;
	unsigned base = 10;
	uint64_t value = 0;

	if (hex && w->len > 2 && p[0] == '0' && (p[1] | 0x20) == 'x') {
		base = 16;
		p += 2;
	}
	if (p == end)
		return false;
	for (; p < end; p++) {
		unsigned d = (unsigned)digit(*p);

		if (d >= base || value > (UINT64_MAX - d) / base)
			return false;
		value = value * base + d;
	}
	if (value > max)
		return false;
	*ret = value;
	return true;
}

struct copy {
	char *buf;
	size_t len, size;
};

static bool put(struct copy *c, unsigned octet)
{
	if (c->len + 1 >= c->size || octet == 0)
		return false;
	c->buf[c->len++] = (char)octet;
	return true;
}

static bool put_utf8(struct copy *c, unsigned code)
{
	if (code < 0x80)
		return put(c, code);
	if (code >> 11 == 0x1b)
		return false; /* half a surrogate pair is no character */
	if (code < 0x800)
		return put(c, 0xc0 | code >> 6) && put(c, 0x80 | (code & 0x3f));
	return put(c, 0xe0 | code >> 12) && put(c, 0x80 | (code >> 6 & 0x3f)) &&
	       put(c, 0x80 | (code & 0x3f));
}

/* Puts the escape behind a backslash; returns how many characters it has, 0 if it does not fit. */
static size_t put_escape(struct copy *c, const char *p, size_t left)
{
	static const char letters[] = "ntrbf", meant[] = "\n\t\r\b\f";
	const char *known = strchr(letters, *p);
	unsigned value = 0;

	if (*p == 'u' && left >= 5) {
		for (int i = 1; i <= 4; i++) {
			if (digit(p[i]) > 15)
				return put(c, 'u') ? 1 : 0;
			value = value << 4 | (unsigned)digit(p[i]);
		}
		return put_utf8(c, value) ? 5 : 0;
	}
	return put(c, (unsigned char)(known != NULL ? meant[known - letters] : *p)) ? 1 : 0;
}

bool word_copy(const struct word *w, char *buf, size_t size)
{
	struct copy c = { .buf = buf, .size = size };

	for (size_t i = 0; i < w->len;) {
		if (w->quoted && w->text[i] == '\\' && i + 1 < w->len) {
			size_t n = put_escape(&c, w->text + i + 1, w->len - i - 1);

			if (n == 0)
				return false;
			i += 1 + n;
		} else if (!put(&c, (unsigned char)w->text[i++])) {
			return false;
		}
	}
	if (size == 0)
		return false;
	buf[c.len] = '\0';
	return true;
}
