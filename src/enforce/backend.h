/* SPDX-License-Identifier: ISC */
/* backend.h - what puts rules into the kernel, as the enforcer sees it. */
#ifndef ENFORCE_BACKEND_H
#define ENFORCE_BACKEND_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "enforce/enforce.h"
#include "enforce/feed.h"
#include "enforce/ruleset.h"
#include "enforce/saved.h"

struct backend {
	const char *name;
	const struct plan_able *able;
	/* Makes all that packets meet, or takes over what an earlier one has left: its rules are
	 * then in rs.  NULL, with the reason, when it cannot; what was there before stays. */
	void *(*open)(const struct enforce_options *o, struct ruleset *rs, struct err *e);
	/* What is in the kernel stays. */
	void (*close)(void *b);
	/* Takes all of it out. */
	bool (*remove)(void *b, struct err *e);
	/* The same, of one that has ended. */
	bool (*flush)(const struct enforce_options *o, struct err *e);
	/* As xdp_change (xdp.h) says. */
	bool (*change)(void *b, struct rule *const *list, size_t n, struct err *e);
	size_t (*in_force)(const void *b);
	/* The counters of all rules of rs, into `now`. */
	bool (*counters)(void *b, struct ruleset *rs, struct err *e);
	/* The hub's epoch whose rules, and no others, are in force; "" if of none. */
	const char *(*epoch)(const void *b);
	void (*epoch_set)(void *b, const char *epoch);
	/* Looks at the interfaces.  True: what can be had has changed. */
	bool (*refresh)(void *b);
	/* What tells of other changes, for poll(2), and what to do then; -1: nothing does. */
	int (*events)(const void *b);
	void (*event)(void *b);
	/* What is to be done SAMPLES_MS after the last time, when there is a file for samples. */
	void (*samples)(void *b);
	/* What protected flows have saved. */
	const struct saved *(*saved)(void *b);
	/* Packets that could not be sent where their rules say, by reason; NULL: it sends none. */
	json_t *(*failed)(void *b);
	/* As verify_answer (verify.h) says. */
	json_t *(*verify)(void *b, struct ruleset *rs, const struct feed_question *q);
};

extern const struct backend backend_xdp, backend_nftables;

#endif
