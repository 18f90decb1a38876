/* SPDX-License-Identifier: ISC */
/* block.h - a block of the file is a table of statements; not for other layers. */
#ifndef CONF_BLOCK_H
#define CONF_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/lex.h"
#include "conf/conf.h"

struct draft;
struct reader;

struct statement {
	const char *name; /* NULL: the last row */
	/* Reads what stands behind the name, with its `;` or block. */
	bool (*read)(struct reader *r, const struct statement *s, void *into);
	unsigned field;               /* of enum draft_field, in a neighbor's tables */
	const char *text;             /* why it is refused, or what is odd about it */
	const struct statement *more; /* in the last row: the table goes on there */
};

struct block {
	const char *name; /* NULL: the file itself */
	unsigned line;
	const struct statement *table;
};

enum {
	BLOCK_DEPTH = 8 /* file, group, neighbor, capability are four */
};

struct reader {
	struct lex l;
	struct word at; /* the name of the statement that is being read */
	const char *file;
	struct err *e;   /* never NULL; its source is file */
	conf_warn *warn; /* may be NULL */
	void *ctx;
	struct conf *c;
	size_t rules; /* of all neighbors and templates read so far */
	struct draft *templates,
		*group; /* newest first; the group that is open, and its neighbors */
	unsigned template_count;
	unsigned control_line, enforce_line, cluster_line; /* where they stand; 0: not yet */
	unsigned depth;
	struct block open[BLOCK_DEPTH];
};

/* Statements up to the end of the file, or '{' statements '}' behind the name of a block. */
bool read_file(struct reader *r, const struct statement *table);
bool read_block(struct reader *r, const char *name, const struct statement *table, void *into);

/* An error at the statement's name, or at a word: false.  A warning at a word. */
bool fail_at(struct reader *r, const struct word *w, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void warn_at(struct reader *r, const struct word *w, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool no_memory(struct reader *r);
/* "NAME: expected WHAT, found 'word'" at the word at hand: false. */
bool expected(struct reader *r, const struct statement *s, const char *what);
/* The statement's `;`. */
bool read_end(struct reader *r, const struct statement *s);

/* One value each; they step over it and not over the `;`. */
bool read_switch(struct reader *r, const struct statement *s, bool *ret); /* none: true */
bool read_number(struct reader *r, const struct statement *s, uint64_t max, const char *what,
		 uint64_t *ret);
bool read_addr(struct reader *r, const struct statement *s, const char *what, struct addr *ret);
bool read_id(struct reader *r, const struct statement *s, uint8_t ret[4]);
bool read_as(struct reader *r, const struct statement *s, uint32_t *ret);
/* Not empty unless empty is true; at most size - 1 octets; UTF-8 without control characters. */
bool read_text(struct reader *r, const struct statement *s, bool empty, char *ret, size_t size);
/* The word at hand is there, and is no punctuation. */
bool has_word(const struct reader *r);

/* Rows of things that we do not do: an error with text; accepted with a warning; a switch that may
 * stand at its default (on, off) in silence and else is a warning or an error. */
bool refuse(struct reader *r, const struct statement *s, void *into);
bool ignore(struct reader *r, const struct statement *s, void *into);
bool ignore_block(struct reader *r, const struct statement *s, void *into);
bool only_on_warn(struct reader *r, const struct statement *s, void *into);
bool only_off_warn(struct reader *r, const struct statement *s, void *into);
bool only_off(struct reader *r, const struct statement *s, void *into);

#endif
