/* SPDX-License-Identifier: ISC */
/* str.h - text that is put together in a buffer with a cap.
 *
 * Like the writer of wire.h: what does not fit is dropped, the text stays
 * NUL-terminated, and str_ok() says so once at the end.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	char *text; /* borrowed; always NUL-terminated */
	size_t len, size;
	bool full;
};

/* size counts the NUL and is at least 1. */
struct str str_over(char *buf, size_t size);
bool str_ok(const struct str *s);
/* For a text that is longer than the room left: what fits, and then the buffer is full. */
void str_fill(struct str *s, const char *text);
void str_addf(struct str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Lower-case hex, two digits an octet. */
void str_add_hex(struct str *s, const void *octets, size_t len);

/* Inline because most texts are literals, whose length and copy are then an instruction. */
static inline void str_addn(struct str *s, const char *text, size_t len)
{
	if (s->full || len > s->size - 1 - s->len) {
		str_fill(s, text);
		return;
	}
	memcpy(s->text + s->len, text, len);
	s->len += len;
	s->text[s->len] = '\0';
}

static inline void str_add(struct str *s, const char *text)
{
	str_addn(s, text, strlen(text));
}

/* Printable UTF-8 only (RFC 3629), with blanks also tab and the ends of line and page; *ret_bad:
 * where it ends to be that. */
bool str_is_text(const char *text, size_t len, bool blanks, size_t *ret_bad);

/* Reads hex of either case into out; false on an odd digit, a strange character or
 * more than size octets.  *ret_len is written on success. */
bool hex_parse(const char *text, size_t len, uint8_t *out, size_t size, size_t *ret_len);

#endif
