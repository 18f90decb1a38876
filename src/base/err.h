/* SPDX-License-Identifier: ISC */
/* err.h - one error value: what went wrong, and where.
 *
 * A function that can fail for more than one reason takes a struct err * last
 * and returns false (or NULL).  The place where the fault is seen fills it, once;
 * callers pass it up untouched and never log it.  Whoever answers a person or a
 * peer prints it.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>

struct err {
	const char *source; /* a file's or a peer's name; borrowed, outlives the error */
	unsigned line;      /* from 1; 0: the input is octets, and col is an offset */
	unsigned col;       /* from 1; or the offset from 0 */
	char text[160];
};

/* Fills e (unless NULL) and returns false, so that `return err_at(...)` reads well.
 * The source stays as the caller set it. */
bool err_at(struct err *e, unsigned line, size_t col, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* "edge.conf:12:9: text" or "offset 31: text" (with a source: "192.0.2.1: offset 31: text")
 * into buf; returns buf. */
const char *err_string(const struct err *e, char *buf, size_t size);

#endif
