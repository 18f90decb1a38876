/* SPDX-License-Identifier: (ISC OR GPL-2.0-only) */
/* xdp_maps.h - what the XDP program and the enforcer both see: the maps' names and contents.
 *
 * map          index           content
 * hg_control   0               modes, and whose rules these are; mapped into memory
 * hg_tables    0               how a packet finds its rule (xdp_tables.h); mapped
 * hg_full      full test       what a rule matches, for rules that no few records say
 * hg_verdicts  slot            the action of the rule in that slot, and its flags; mapped
 * hg_actions   action          what then happens, and the clock of a rate limit
 * hg_counters  CPU and slot    what matched and what was dropped; mapped
 * hg_store     slot, or more   which rules are in force, octet for octet: user space's; mapped
 * hg_vrfs      interface       the VRF it belongs to
 *
 * A rule in force has a slot: the number by which records, verdict, counters and store know it.
 *
 * Invariants
 * 1. A slot and its counters belong to one NLRI for as long as the rule is in force, and until a
 *    grace period after it.
 * 2. What changes for packets changes by one aligned store, of a word that leads to something
 *    complete.
 * 3. What packets may still look at is written again only after a grace period.
 * 4. The store alone is enough to build everything else anew: tables and full tests belong to one
 *    loaded program, and a restart fills new ones while the old program goes on with the old.
 *
 * All maps are pinned.  XDP_LAYOUT is raised whenever this file changes what is in those that
 * outlive the enforcer: control, verdicts, actions, counters, store.
 */
#ifndef ENFORCE_XDP_MAPS_H
#define ENFORCE_XDP_MAPS_H

#include <linux/types.h>

enum {
	XDP_LAYOUT = 8,
	XDP_SLOTS = 1 << 17,    /* rules in force, and those that leave; a power of two */
	XDP_RULES_MAX = 120000, /* rules in force at a time */
	XDP_ACTIONS = 1 << 16,  /* a power of two */
	XDP_FULL = 1 << 10,     /* full tests, a power of two */
	XDP_STORE = (1 << 17) + (1 << 15), /* the slots' entries, and what did not fit into them */
	XDP_SPANS_MAX = 128,               /* of one rule, a power of two */
	XDP_STORE_OCTETS = 52,             /* of an NLRI in one entry */
	XDP_NLRI_MAX = 4095,
	XDP_INTERFACES =
		256,       /* with something to be said of; more than are attached to at a time */
	XDP_VRFS = 1 << 7, /* numbers of VRFs; 0 is none */
	XDP_VRF_NAME_MAX = 64,
	XDP_EPOCH_MAX = 64,
	XDP_GROUPS = 64, /* of interfaces: bits of a word */
	XDP_TYPES = 16   /* component types 1 to 13 as an index, a power of two */
};

enum xdp_family {
	XDP_IPV4,
	XDP_IPV6
};

struct xdp_control {
	__u32 layout;
	__u32 monitor;             /* count and drop nothing */
	char epoch[XDP_EPOCH_MAX]; /* the hub's epoch whose rules, and no others, are in force */
	__u64 group[XDP_GROUPS]; /* by number: XDP_GROUP_NAMED, the AS << 16, the group; 0: none */
	/* What the numbers of VRFs stand for, for as long as a rule has one; user space's. */
	char vrf[XDP_VRFS][XDP_VRF_NAME_MAX];
};

#define XDP_GROUP_NAMED (1ULL << 63)

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
	__u8 marks; /* 1: what passes gets this DSCP */
	__u8 dscp;
	__u16 reserved;
	struct xdp_rate rate[XDP_UNITS];
	__u64 groups; /* with XDP_VERDICT_SOME: at interfaces in one of these */
};

/* A verdict is the number of an action, and above it what is asked of the rule while others are
 * still to be tried. */
#define XDP_VERDICT_MORE (1ULL << 32) /* later rules are tried too, RFC 8955 7.3 */
#define XDP_VERDICT_SOME (1ULL << 33) /* in force at some interfaces alone */

/* One CPU's: those of slot s are entry XDP_SLOTS * CPU + s. */
struct xdp_counters {
	__u64 packets, octets;
	__u64 dropped_packets, dropped_octets;
};

/* The words are written last, and cleared first. */
struct xdp_store {
	__u32 in_force; /* in a slot's first entry: not 0, and which source the rule is from */
	__u32 next;     /* entry with more of the octets; 0: none */
	__u16 len;      /* of the NLRI, in the first entry */
	__u8 family;    /* enum xdp_family */
	__u8 vrf;       /* whose rule it is; 0: none's, and then the NLRI has no distinguisher */
	__u8 octets[XDP_STORE_OCTETS];
};

#endif
