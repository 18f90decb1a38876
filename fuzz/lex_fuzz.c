/* SPDX-License-Identifier: ISC */
/* lex_fuzz.c - any text as words.
 *
 * Properties: words lie in the text, in order and apart; each one's line and column are those that
 * a count from the text's start gives; between words stands nothing but blanks, comments, quotes
 * and joined lines; the end comes and stays; a copy is no longer than its word; a number is the one
 * that the C library reads.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/lex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool what)
{
	if (!what)
		abort();
}

struct place {
	const char *at;
	unsigned line, col;
};

static void advance(struct place *p, const char *to)
{
	for (; p->at < to; p->at++) {
		bool nl = *p->at == '\n';

		p->line += nl;
		p->col = nl ? 1 : p->col + 1;
	}
}

/* What stands between two words; a quote's marks are part of it. */
static void gap(const char *from, const char *to)
{
	for (; from < to; from++) {
		if (*from == '#') {
			while (from + 1 < to && from[1] != '\n')
				from++;
			continue;
		}
		must(strchr(" \t\r\n\f\v\"'\\", *from) != NULL && *from != '\0');
	}
}

static void copy(const struct word *w)
{
	char small[8], buf[4096];

	memset(small, 0x5a, sizeof(small));
	(void)word_copy(w, small, 4);
	must(small[4] == 0x5a);
	if (word_copy(w, buf, sizeof(buf)))
		must(strlen(buf) <= w->len);
	else
		must(w->len >= sizeof(buf) || memchr(w->text, '\0', w->len) != NULL || w->quoted);
}

static void number(const struct word *w)
{
	char text[64], *end;
	uint64_t ours = 77;
	unsigned long long theirs;

	if (!word_number(w, UINT64_MAX, true, &ours)) {
		must(ours == 77);
		return;
	}
	if (w->len >= sizeof(text))
		return; /* leading zeros */
	memcpy(text, w->text, w->len);
	text[w->len] = '\0';
	errno = 0;
	theirs = strtoull(text, &end, w->len > 2 && (text[1] | 0x20) == 'x' ? 16 : 10);
	must(errno == 0 && *end == '\0' && theirs == ours);
	must(ours == 0 || !word_number(w, ours - 1, true, &ours));
	must(word_number(w, ours, true, &ours));
}

static void check(const struct lex *l, struct place *p)
{
	const struct word *w = &l->word;
	const char *begin = w->text - w->quoted; /* the place is that of the quote */

	must(begin >= p->at && w->text + w->len <= l->end && l->pos >= w->text + w->len);
	gap(p->at, begin);
	advance(p, begin);
	must(w->line == p->line && w->col == p->col);
	advance(p, w->text + w->len);
	copy(w);
	number(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct place p = { .at = (const char *)data, .line = 1, .col = 1 };
	struct lex l;
	size_t words = 0;

	lex_init(&l, (const char *)data, size);
	if (size == 0) {
		must(lex_at_end(&l));
		return 0;
	}
	for (; !lex_at_end(&l); lex_next(&l)) {
		check(&l, &p);
		must(++words <= size);
	}
	gap(p.at, l.end);
	must(l.pos == l.end);
	lex_next(&l);
	must(lex_at_end(&l) && l.pos == l.end);
	return 0;
}
