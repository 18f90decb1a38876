/* SPDX-License-Identifier: ISC */
/* plan.h - from rules to what the kernel's maps hold.  Values in, values out. */
#ifndef ENFORCE_PLAN_H
#define ENFORCE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "dataplane/xdp_maps.h"
#include "flow/flow.h"

struct plan_then {
	enum xdp_then_kind kind;
	float rate[XDP_UNITS]; /* a second; with XDP_THEN_RATE, 0: no limit of this unit */
	bool marks;            /* what passes gets this DSCP; never with XDP_THEN_DISCARD */
	uint8_t dscp;
	bool sample;        /* one in some packets, to user space */
	bool more;          /* later rules are tried too */
	uint64_t groups;    /* at interfaces in one of these (groups.h); 0: at all */
	enum xdp_send send; /* what passes; never with XDP_THEN_DISCARD */
	uint8_t place;
	struct addr to;
};

/* A VRF of this machine as a redirect to it needs it. */
struct plan_vrf {
	const char *name;
	size_t import_count;
	const struct flow_target *imports;
	int place; /* XDP_SEND_PLACE; -1: it has none */
};

/* What a backend can do exactly; false, with the reason, for what it cannot. */
struct plan_able {
	bool (*match)(const struct flow_nlri *n, struct err *e);
	bool (*then)(const struct plan_able *able, enum flow_family family,
		     const struct flow_actions *a, struct plan_then *ret, struct err *e);
	size_t vrf_count;
	const struct plan_vrf *vrfs; /* the first that imports a target and has a place is it */
};

/* False, with the reason, when the actions cannot be had exactly by a rule of this family.  Where
 * they are in force is left open. */
bool plan_then_make(const struct plan_able *able, enum flow_family family,
		    const struct flow_actions *a, struct plan_then *ret, struct err *e);
bool plan_then_equal(const struct plan_then *a, const struct plan_then *b);
void plan_then_write(const struct plan_then *t, struct xdp_then *ret);
/* The verdict of a rule with this action, which has that number. */
__u64 plan_then_verdict(const struct plan_then *t, uint32_t number);
/* What both wrote. */
void plan_then_read(const struct xdp_then *x, __u64 verdict, struct plan_then *ret);

/* False, with the reason, when the match cannot be had exactly.  n is a checked NLRI. */
bool plan_rule_make(const struct flow_nlri *n, struct xdp_rule *ret, struct err *e);

/* Does the rule need to see packets as they were on the wire, each by itself? */
bool plan_needs_whole(const struct flow_nlri *n, const struct plan_then *t);

#endif
