/* SPDX-License-Identifier: ISC */
/* plan.h - from rules to what the kernel's maps hold.  Values in, values out. */
#ifndef ENFORCE_PLAN_H
#define ENFORCE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "enforce/xdp_maps.h"
#include "flow/flow.h"

struct plan_then {
	enum xdp_then_kind kind;
	float rate[XDP_UNITS]; /* a second; with XDP_THEN_RATE, 0: no limit of this unit */
	bool marks;            /* what passes gets this DSCP; never with XDP_THEN_DISCARD */
	uint8_t dscp;
};

/* What a backend can do exactly; false, with the reason, for what it cannot. */
struct plan_able {
	bool (*match)(const struct flow_nlri *n, struct err *e);
	bool (*then)(const struct flow_actions *a, struct plan_then *ret, struct err *e);
};

/* False, with the reason, when the actions cannot be had exactly. */
bool plan_then_make(const struct flow_actions *a, struct plan_then *ret, struct err *e);
bool plan_then_equal(const struct plan_then *a, const struct plan_then *b);
void plan_then_write(const struct plan_then *t, struct xdp_then *ret);
/* What plan_then_write wrote. */
void plan_then_read(const struct xdp_then *x, struct plan_then *ret);

/* False, with the reason, when the match cannot be had exactly.  n is a checked NLRI. */
bool plan_rule_make(const struct flow_nlri *n, struct xdp_rule *ret, struct err *e);

/* Does the rule need to see packets as they were on the wire, each by itself? */
bool plan_needs_whole(const struct flow_nlri *n, const struct plan_then *t);

#endif
