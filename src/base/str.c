/* SPDX-License-Identifier: ISC */
/* str.c - see str.h. */
#include "base/str.h"

#include <stdio.h>
#include <string.h>

struct str str_over(char *buf, size_t size)
{
	buf[0] = '\0';
	return (struct str){ .text = buf, .size = size };
}

bool str_ok(const struct str *s)
{
	return !s->full;
}

void str_fill(struct str *s, const char *text)
{
	size_t room = s->size - 1 - s->len;

	if (s->full)
		return;
	memcpy(s->text + s->len, text, room);
	s->len += room;
	s->text[s->len] = '\0';
	s->full = true;
}

void str_addf(struct str *s, const char *fmt, ...)
{
	size_t room = s->size - s->len;
	va_list ap;
	int n;

	if (s->full)
		return;
	va_start(ap, fmt);
	n = vsnprintf(s->text + s->len, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room) {
		s->full = true;
		s->len = n < 0 ? s->len : s->size - 1;
		s->text[s->len] = '\0';
	} else {
		s->len += (size_t)n;
	}
}

void str_add_hex(struct str *s, const void *octets, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = octets;

	for (size_t i = 0; i < len && !s->full; i++) {
		char two[2] = { digits[p[i] >> 4], digits[p[i] & 15] };
		str_addn(s, two, 2);
	}
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool hex_parse(const char *text, size_t len, uint8_t *out, size_t size, size_t *ret_len)
{
	if (len % 2 != 0 || len / 2 > size)
		return false;
	for (size_t i = 0; i < len; i += 2) {
		int high = digit(text[i]), low = digit(text[i + 1]);

		if (high < 0 || low < 0)
			return false;
		out[i / 2] = (uint8_t)(high << 4 | low);
	}
	*ret_len = len / 2;
	return true;
}

/* The octets of the printable UTF-8 character at p (RFC 3629); 0 when there is none.  What is not
 * in its shortest form is none; U+0080 to U+009F are control characters. */
static size_t utf8(const unsigned char *p, size_t left)
{
	static const uint32_t least[5] = { 0, 0, 0xa0, 0x800, 0x10000 };
	static const uint8_t octets[16] = { 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 2, 2, 3, 4 };
	size_t n = octets[p[0] >> 4];
	uint32_t code = p[0] & (0x7fU >> n);

	if (n < 2 || n > left)
		return n == 1 && p[0] >= 0x20 && p[0] != 0x7f;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	return code < least[n] || code > 0x10ffff || code >> 11 == 0x1b ? 0 : n;
}

bool str_is_text(const char *text, size_t len, bool blanks, size_t *ret_bad)
{
	const unsigned char *p = (const unsigned char *)text;

	for (size_t i = 0, n; i < len; i += n) {
		n = blanks && p[i] != '\0' && strchr("\t\n\r\f", p[i]) != NULL
			    ? 1
			    : utf8(p + i, len - i);
		if (n == 0) {
			*ret_bad = i;
			return false;
		}
	}
	return true;
}
