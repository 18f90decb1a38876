/* SPDX-License-Identifier: ISC */
/* lex.h - words of the rule language, each with its place.
 *
 * A word is one of `{ } ; [ ] ( ) ,`, a quoted string ("..." or '...', without its
 * quotes; escapes \n \t \r \b \f \" \' \\ are left in, see lex_unquote), or a run of
 * anything else but blanks.  `#` starts a comment up to the end of the line.
 * Words point into the input, which must outlive them.
 * Lines and columns count from 1; a tab is one column.
 */
#ifndef BASE_LEX_H
#define BASE_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct word {
	const char *text;
	size_t len;
	unsigned line, col;
	bool quoted;
};

struct lex {
	const char *pos, *end;
	unsigned line, col;
	bool unterminated; /* a quote that was never closed: word is what follows it */
	struct word word;  /* the word at hand; len 0 and not quoted at the end of input */
};

void lex_init(struct lex *l, const char *text, size_t len);
void lex_next(struct lex *l);
bool lex_at_end(const struct lex *l);

/* Steps over the word text, or says what stands in its place: "expected ';', found 'then'". */
bool lex_expect(struct lex *l, const char *text, struct err *e);
/* Fills e at the word at hand: "TEXT 'word'" ("... at the end of the file" there); returns false.
 */
bool lex_fail(const struct lex *l, struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The word as a number of 0..max, decimal or (with hex) 0x...; false without filling an error. */
bool word_number(const struct word *w, uint64_t max, bool hex, uint64_t *ret);
/* Copies the word, NUL-terminated, escapes resolved; false when it does not fit in size. */
bool word_copy(const struct word *w, char *buf, size_t size);
bool word_is(const struct word *w, const char *text);

/* The word at hand is this text, case ignored, not quoted.  A parser asks often: most words differ
 * in their first letter, and most that do not are a brace or a semicolon. */
static inline bool lex_is(const struct lex *l, const char *text)
{
	const struct word *w = &l->word;

	if (w->len == 0 || ((*w->text ^ *text) & ~0x20) != 0)
		return false;
	if (w->len == 1 && *w->text == *text)
		return text[1] == '\0' && !w->quoted;
	return word_is(w, text);
}

#endif
