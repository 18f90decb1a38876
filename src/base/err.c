/* SPDX-License-Identifier: ISC */
/* err.c - see err.h. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

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
