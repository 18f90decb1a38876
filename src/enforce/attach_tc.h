/* SPDX-License-Identifier: ISC */
/* attach_tc.h - the program at the ingress of tc: a filter at a place of our own. */
#ifndef ENFORCE_ATTACH_TC_H
#define ENFORCE_ATTACH_TC_H

#include <stdbool.h>

#include "base/err.h"
#include "enforce/pins.h"

/* Pins the program, by which its filters are known to be ours. */
bool attach_tc_pin(const struct pins *p, int program, struct err *e);
/* Unpins all others. */
void attach_tc_unpin_others(const struct pins *p, int program);
/* Was some program pinned? */
bool attach_tc_pinned(const struct pins *p);

/* Is there a filter of ours? */
bool attach_tc_is_there(const struct pins *p, unsigned ifindex);
/* Adds the filter, or puts the program into the one that is there.  Of a filter that is not ours
 * and would come before it, says what it is. */
bool attach_tc_put(const struct pins *p, unsigned ifindex, int program, struct err *e);
/* Takes ours off, and the qdisc if we made it and nothing else is in it. */
void attach_tc_drop(const struct pins *p, unsigned ifindex);
/* The same on all interfaces. */
void attach_tc_drop_all(const struct pins *p);

#endif
