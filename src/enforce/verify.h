/* SPDX-License-Identifier: ISC */
/* verify.h - are the rules that packets find those that are wanted? */
#ifndef ENFORCE_VERIFY_H
#define ENFORCE_VERIFY_H

#include <jansson.h>

#include "base/err.h"
#include "enforce/feed.h"
#include "enforce/ruleset.h"
#include "enforce/xdp.h"

/* The members of the answer to the hub's question q (ctl/client.h).  To be called with the last
 * change in force.  NULL when memory is out. */
json_t *verify_answer(struct xdp *x, struct ruleset *rs, const struct feed_question *q);

#endif
