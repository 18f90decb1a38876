/* SPDX-License-Identifier: ISC */
/* verify.h - are the rules that packets find those that are wanted? */
#ifndef ENFORCE_VERIFY_H
#define ENFORCE_VERIFY_H

#include <jansson.h>

#include "base/err.h"
#include "enforce/feed.h"
#include "enforce/ruleset.h"

struct attach;
struct xdp;

/* What is found out on the way to an answer; all zeros but for rs at first. */
struct verify {
	struct ruleset *rs;
	json_t *list; /* of differences */
	size_t differences, intended, kernel, not_enforced;
	struct feed_question told; /* what the hub has told, by our memory */
};

/* Is it to be in the kernel now? */
bool verify_intended(const struct rule *r);
/* No rule has been read back yet. */
void verify_forget(struct ruleset *rs);
/* n: NULL for what is no rule's. */
void verify_differs(struct verify *v, const struct flow_nlri *n, const char *what);
/* Compares those that are wanted with those that have been read back, of which read_back is set,
 * and with the hub's.  The answer's members; NULL when memory is out. */
json_t *verify_end(struct verify *v, const struct feed_question *q);

/* The members of the answer to the hub's question q (ctl/client.h).  To be called with the last
 * change in force.  NULL when memory is out. */
json_t *verify_answer(struct xdp *x, const struct attach *a, struct ruleset *rs,
		      const struct feed_question *q);

#endif
