/* SPDX-License-Identifier: ISC */
/* pins.h - the directory in a BPF file system that keeps maps and links when the enforcer ends. */
#ifndef ENFORCE_PINS_H
#define ENFORCE_PINS_H

#include <stdbool.h>

#include "base/err.h"

enum {
	PINS_PATH_MAX = 768
};

struct pins {
	char dir[PINS_PATH_MAX - 257]; /* room for a name behind it */
	int fd;                        /* of the directory; holds the lock */
};

/* Makes the directory if need be and locks it: one enforcer for each.  The lock ends with the
 * process. */
bool pins_open(struct pins *p, const char *dir, struct err *e);
void pins_close(struct pins *p);
/* DIR/NAME into buf; returns buf. */
const char *pins_path(const struct pins *p, const char *name, char buf[PINS_PATH_MAX]);

/* What is there besides maps, each with a number. */
enum pins_kind {
	PINS_LINK,    /* of an interface, by its number */
	PINS_PROGRAM, /* for tc, by its own */
	PINS_QDISC,   /* a directory: we made the clsact qdisc of this interface */
	PINS_KINDS
};

/* Its name, and the number in such a name; false when it is none. */
const char *pins_name(enum pins_kind kind, unsigned number, char buf[32]);
bool pins_number(enum pins_kind kind, const char *name, unsigned *ret_number);
/* Calls visit for each name in the directory. */
bool pins_each(const struct pins *p, void (*visit)(const char *name, void *ctx), void *ctx,
	       struct err *e);
/* Takes away all that is ours, links first, then the directory if nothing else is in it. */
bool pins_remove(const struct pins *p, struct err *e);

#endif
