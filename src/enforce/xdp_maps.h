/* SPDX-License-Identifier: (ISC OR GPL-2.0-only) */
/* xdp_maps.h - what the XDP program and the enforcer both see: the maps' names and contents.
 *
 * map       index             content
 * control   0                 which generation of the order is in force, and modes; mapped into
 * memory order     generation        the rules in force, in the order in which they are tried rules
 * slot              what a rule matches actions   action            what then happens, and the
 * clock of a rate limit counters  slot, per CPU     what matched and what was dropped nlri slot the
 * rule's octets; read and written by user space only
 *
 * Invariants
 * 1. A slot, an action and an order that control.active does not lead to are seen by no packet
 *    that comes from now on.  Only such entries are written, and only when a grace period has
 *    passed since they were last led to.
 * 2. What changes for packets changes by one store, to control.active.
 * 3. A slot and its counters belong to one NLRI for as long as any order in force names it.
 *
 * All maps are pinned and outlive the enforcer; XDP_LAYOUT is raised whenever this file changes
 * what is in them.
 */
#ifndef ENFORCE_XDP_MAPS_H
#define ENFORCE_XDP_MAPS_H

#include <linux/types.h>

enum {
	XDP_LAYOUT = 1,
	XDP_RULES_MAX = 512, /* rules in force at a time: each packet may try them all */
	XDP_SLOTS = 1024,    /* so that all of them can be replaced in one change; a power of two */
	XDP_ACTIONS = 2048,  /* the same for actions, a power of two */
	XDP_GENERATIONS = 16, /* changes between two grace periods, a power of two */
	XDP_SPANS_MAX = 128,  /* of one rule, a power of two */
	XDP_NLRI_MAX = 4095,
	XDP_EPOCH_MAX = 64,
	XDP_TYPES = 16 /* component types 1 to 13 as an index, a power of two */
};

enum xdp_family {
	XDP_IPV4,
	XDP_IPV6
};

struct xdp_control {
	__u32 layout;
	__u32 active;  /* generation of the order in force */
	__u32 monitor; /* count and drop nothing */
	__u32 reserved;
	char epoch[XDP_EPOCH_MAX]; /* the hub's epoch whose rules, and no others, are in force */
};

struct xdp_order_entry {
	__u16 slot, action;
};

struct xdp_order {
	__u32 count;
	struct xdp_order_entry entry[XDP_RULES_MAX];
};

struct xdp_span {
	__u32 lo, hi; /* inclusive */
};

/* Words as they lie in memory, in network order; an IPv4 address has the first four octets. */
struct xdp_prefix {
	__u64 mask[2], value[2];
};

struct xdp_rule {
	__u32 family; /* enum xdp_family */
	__u32 has;    /* bit t: component type t is asked for; prefixes have no bit, a mask of 0 is
			 enough */
	struct xdp_prefix destination, source;
	__u64 fragment; /* bit v: value v of the fragment bits matches */
	struct {
		__u16 first, count;
	} numeric[XDP_TYPES];
	__u64 tcp_flags[64]; /* bit v: value v of the twelve flags matches */
	struct xdp_span spans[XDP_SPANS_MAX];
};

enum xdp_then_kind {
	XDP_THEN_ACCEPT,
	XDP_THEN_DISCARD,
	XDP_THEN_RATE
};

enum xdp_unit {
	XDP_UNIT_OCTETS,
	XDP_UNIT_PACKETS,
	XDP_UNITS
};

/* A rate limit as a clock (GCRA): time is counted in sixteenths of a nanosecond. */
struct xdp_rate {
	__u64 tat;   /* theoretical arrival time of the next unit; the program's */
	__u64 cost;  /* time a unit takes, shifted left by shift; 0: this unit has no limit */
	__u64 burst; /* how far tat may run ahead */
	__u32 shift;
	__u32 rate; /* as in the community: an IEEE 754 single */
};

struct xdp_then {
	__u32 kind; /* enum xdp_then_kind */
	__u32 reserved;
	struct xdp_rate rate[XDP_UNITS];
};

struct xdp_counters {
	__u64 packets, octets;
	__u64 dropped_packets, dropped_octets;
};

struct xdp_nlri {
	__u16 family; /* enum xdp_family */
	__u16 len;
	__u8 octets[XDP_NLRI_MAX];
	__u8 reserved;
};

#endif
