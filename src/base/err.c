/* SPDX-License-Identifier: ISC */
/* err.c - see err.h. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* It quotes what a stranger wrote, and goes to terminals and into JSON. */
static void make_printable(char *text)
{
	size_t bad;

	for (; !str_is_text(text, strlen(text), false, &bad); text += bad + 1)
		text[bad] = '?';
}

bool err_at(struct err *e, unsigned line, size_t col, const char *fmt, ...)
{
	va_list ap;

	if (e == NULL)
		return false;
	e->line = line;
	e->col = (unsigned)col;
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	make_printable(e->text);
	return false;
}

const char *err_string(const struct err *e, char *buf, size_t size)
{
	const char *source = e->source != NULL ? e->source : "input";

	if (e->line > 0)
		(void)snprintf(buf, size, "%s:%u:%u: %s", source, e->line, e->col, e->text);
	else if (e->source != NULL)
		(void)snprintf(buf, size, "%s: offset %u: %s", source, e->col, e->text);
	else
		(void)snprintf(buf, size, "offset %u: %s", e->col, e->text);
	return buf;
}
