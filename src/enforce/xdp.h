/* SPDX-License-Identifier: ISC */
/* xdp.h - the program and its maps in the kernel, and changing what they say. */
#ifndef ENFORCE_XDP_H
#define ENFORCE_XDP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "dataplane/xdp_maps.h"
#include "enforce/groups.h"
#include "enforce/pins.h"
#include "enforce/ruleset.h"
#include "enforce/saved.h"

/* control is the first: see pins.c. */
enum xdp_map {
	XDP_MAP_CONTROL,
	XDP_MAP_VERDICTS,
	XDP_MAP_THENS,
	XDP_MAP_COUNTERS,
	XDP_MAP_STORE,
	XDP_MAP_PLACES,
	XDP_MAP_REASONS,
	XDP_MAP_HOOKS,
	XDP_MAP_SENDING,
	XDP_MAPS_KEPT, /* those before outlive the program, those behind belong to it */
	XDP_MAP_TABLES = XDP_MAPS_KEPT,
	XDP_MAP_FULL,
	XDP_MAP_PROTECT,
	XDP_MAP_PROTECTED,
	XDP_MAP_LOCALS,
	XDP_MAP_MONITORED,
	XDP_MAP_GROUPS,
	XDP_MAP_SAMPLES,
	XDP_MAP_SAVED,
	XDP_MAP_VRFS,
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
/* The same for tc, over the same maps; loaded when it is asked for the first time.  image as above.
 * -1 when it cannot be had. */
int xdp_tc_program(struct xdp *x, const struct xdp_image *image, struct err *e);
/* -1 when nobody has asked for it. */
int xdp_tc_loaded(const struct xdp *x);
/* The maps were there before xdp_open. */
bool xdp_found(const struct xdp *x);

/* Adds the rules that are in force to rs, each with its slot and action, and fills the tables of
 * this program with them.  What they were in goes on until the program is attached. */
bool xdp_restore(struct xdp *x, struct ruleset *rs, struct err *e);
/* Brings these rules, and no others, to what they ask for: in force or not, with their actions.
 * One with a slot keeps it.  A rule that the tables do not take has its reason in why_table.  False
 * when the kernel failed; what was done then is what each rule says. */
bool xdp_change(struct xdp *x, struct rule *const *list, size_t n, struct err *e);
/* Waits until no packet is under way that might see what is in force no more. */
bool xdp_grace(struct xdp *x, struct err *e);
/* How many of them are in force. */
size_t xdp_in_force(const struct xdp *x);
/* Of one slot, summed over the CPUs, as it is now.  False: there is no such slot. */
bool xdp_counters(const struct xdp *x, int slot, struct xdp_counters *ret);
/* What protected flows have saved, up to date; borrowed. */
const struct saved *xdp_saved(struct xdp *x);
/* How many rules are in force that send packets like this. */
size_t xdp_sends(const struct xdp *x, enum xdp_send send);
/* The addresses to which rules in force copy, into list, each once; how many. */
size_t xdp_copies(const struct xdp *x, struct addr *list, size_t room);
/* Packets that could not be sent, by enum xdp_reason. */
bool xdp_reasons(const struct xdp *x, uint64_t ret[XDP_REASONS]);
void xdp_monitor_set(struct xdp *x, bool monitor);
/* The same on one interface, before the program is attached there. */
bool xdp_monitor_interface(struct xdp *x, unsigned ifindex, bool monitor);
/* Numbers the file's groups of interfaces, after xdp_restore. */
bool xdp_groups_set(struct xdp *x, struct groups *g, const struct enforce_group *list, size_t n,
		    struct err *e);
/* Those that one interface is in, before the program is attached there. */
bool xdp_groups_interface(struct xdp *x, unsigned ifindex, uint64_t groups);
/* Of packets whose rule wants samples one in so many is taken, by chance. */
void xdp_sample_set(struct xdp *x, uint32_t one_in);
/* The ring that they are in, of struct xdp_sample; and those that it had no room for. */
int xdp_samples(const struct xdp *x);
uint64_t xdp_samples_lost(const struct xdp *x);
/* The rule in force in this slot; NULL. */
const struct rule *xdp_rule(const struct xdp *x, uint32_t slot);
const char *xdp_epoch(const struct xdp *x);
void xdp_epoch_set(struct xdp *x, const char *epoch);

#endif
