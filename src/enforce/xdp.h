/* SPDX-License-Identifier: ISC */
/* xdp.h - the program and its maps in the kernel, and changing what they say. */
#ifndef ENFORCE_XDP_H
#define ENFORCE_XDP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "enforce/pins.h"
#include "enforce/ruleset.h"
#include "enforce/xdp_maps.h"

/* control is the first: see pins.c. */
enum xdp_map {
	XDP_MAP_CONTROL,
	XDP_MAP_ORDER,
	XDP_MAP_RULES,
	XDP_MAP_THENS,
	XDP_MAP_COUNTERS,
	XDP_MAP_NLRI,
	XDP_MAPS
};

extern const char *const xdp_map_names[XDP_MAPS];

struct xdp_image {
	const void *octets;
	size_t size;
};

struct xdp;

/* Loads the program.  With pins: over the maps that are pinned there, or new ones, which are then
 * pinned.  image NULL: the one that was built in. */
struct xdp *xdp_open(const struct xdp_image *image, const struct pins *pins, struct err *e);
/* Pins and what they hold stay. */
void xdp_free(struct xdp *x);
int xdp_program(const struct xdp *x);
/* The maps were there before xdp_open. */
bool xdp_found(const struct xdp *x);

/* Adds the rules that are in force to rs, each with its slot and action. */
bool xdp_restore(struct xdp *x, struct ruleset *rs, struct err *e);
/* Puts exactly these rules in force, in this order, at once; n is at most XDP_RULES_MAX.  A rule
 * with a slot keeps it.  On failure nothing has changed. */
bool xdp_apply(struct xdp *x, struct rule *const *list, size_t n, struct err *e);
/* Waits until no packet is under way that might see what is in force no more. */
bool xdp_grace(struct xdp *x, struct err *e);
/* Summed over the CPUs. */
bool xdp_counters(const struct xdp *x, int slot, struct xdp_counters *ret);
void xdp_monitor_set(struct xdp *x, bool monitor);
const char *xdp_epoch(const struct xdp *x);
void xdp_epoch_set(struct xdp *x, const char *epoch);

#endif
