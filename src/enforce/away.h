/* SPDX-License-Identifier: ISC */
/* away.h - rules that no hub speaks for any more: each source's stay for as long as its policy
 * says. */
#ifndef ENFORCE_AWAY_H
#define ENFORCE_AWAY_H

#include <stdbool.h>
#include <stdint.h>

#include "enforce/enforce.h"
#include "enforce/ruleset.h"

struct backend;

struct away {
	bool is;                            /* no hub has told its rules, or it is gone */
	int64_t since;                      /* in ms */
	bool done[1 + ENFORCE_SOURCES_MAX]; /* by source and one: its rules were taken out */
};

/* A hub that had told its rules is gone, or we start. */
void away_begins(struct away *a, int64_t now);
/* One has told them. */
void away_ends(struct away *a);
/* Takes those out whose time is over.  Not while a hub is telling its rules: what it has told by
 * then waits for the rest. */
void away_apply(struct away *a, const struct enforce_options *o, const struct backend *b,
		void *kernel, struct ruleset *rs, int64_t now);

#endif
