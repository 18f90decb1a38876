/* SPDX-License-Identifier: ISC */
/* places.h - where a redirect to a VRF goes: the kernel's table of places, kept true. */
#ifndef ENFORCE_PLACES_H
#define ENFORCE_PLACES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "dataplane/xdp_maps.h"
#include "enforce/enforce.h"
#include "enforce/plan.h"
#include "enforce/ruleset.h"

struct pins;
struct xdp;

struct places {
	struct xdp *xdp; /* borrowed */
	struct xdp_place at[XDP_PLACES];
	struct plan_vrf vrfs[ENFORCE_VRFS_MAX];
	struct plan_able able; /* XDP's, with these VRFs */
	bool tables;           /* some place is a routing table */
	char said[160];        /* what failed last */
};

/* A VRF's place keeps the number that it had, so that rules which are in force already go on going
 * there; rs has these.  Places of nobody's are given up. */
bool places_open(struct places *p, struct xdp *x, const struct enforce_options *o,
		 struct ruleset *rs, struct err *e);
/* Looks again: interfaces by name, and that the rules for the tables are there. */
void places_refresh(struct places *p);
/* What an enforcer has left outside of its maps. */
void places_remove(const struct pins *pins);

#endif
