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
 * hg_samples   (a ring)        packets that rules with samples picked
 * hg_store     slot, or more   which rules are in force, octet for octet: user space's; mapped
 * hg_vrfs      interface       the VRF it belongs to
 * hg_places    place           where the VRFs are to which rules redirect
 * hg_reasons   reason, per CPU packets that could not be sent where their rule says
 * hg_hooks     interface       that has the program which sends, at tc
 * hg_sending   0               the second part of that program
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
 * outlive the enforcer: control, verdicts, actions, counters, store, places, reasons, hooks,
 * sending.
 */
#ifndef DATAPLANE_XDP_MAPS_H
#define DATAPLANE_XDP_MAPS_H

#include <linux/types.h>

enum {
	XDP_LAYOUT = 10,
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
	XDP_GROUPS = 64,         /* of interfaces: bits of a word */
	XDP_SAMPLES = 1 << 19,   /* octets of the ring, a power of two */
	XDP_SAMPLE_OCTETS = 128, /* of a packet */
	XDP_TYPES = 16,          /* component types 1 to 13 as an index, a power of two */
	XDP_PLACES = 128,        /* those of the file, and of the one before it */
	XDP_PLACE_NAME = 16,
	XDP_HOOKS = 256 /* more interfaces than are attached to at a time */
};

#define XDP_MARK      0x68670000U /* of a packet for a routing table: and the place's number */
#define XDP_MARK_MASK 0xffff0000U

enum xdp_family {
	XDP_IPV4,
	XDP_IPV6
};

struct xdp_control {
	__u32 layout;
	__u32 monitor;             /* count and drop nothing */
	char epoch[XDP_EPOCH_MAX]; /* the hub's epoch whose rules, and no others, are in force */
	__u64 sample_below;        /* a packet is sampled when chance, of 2^32, is below */
	__u64 samples_lost;        /* there was no room for */
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

/* Where a packet goes that its action does not drop. */
enum xdp_send {
	XDP_SEND_NOWHERE, /* on its way */
	XDP_SEND_ADDRESS, /* on the route to an address */
	XDP_SEND_COPY,    /* on its way, and a copy as above */
	XDP_SEND_PLACE,   /* to a VRF's place */
	XDP_SENDS
};

struct xdp_then {
	__u32 kind; /* enum xdp_then_kind */
	__u8 marks; /* 1: what passes gets this DSCP */
	__u8 dscp;
	__u8 send;  /* enum xdp_send */
	__u8 place; /* XDP_SEND_PLACE: its number */
	struct xdp_rate rate[XDP_UNITS];
	__u64 groups;     /* with XDP_VERDICT_SOME: at interfaces in one of these */
	__u32 id;         /* of what it says now, drawn at random where it sends */
	__u32 family;     /* enum xdp_family, of the address */
	__u32 address[4]; /* in network order; IPv4 in the first word */
};

enum xdp_place_kind {
	XDP_PLACE_NONE,
	XDP_PLACE_TABLE,
	XDP_PLACE_INTERFACE
};

struct xdp_place {
	__u32 kind;   /* enum xdp_place_kind */
	__u32 number; /* the table's, or the interface's at the moment; 0: there is no such one */
	char name[XDP_PLACE_NAME]; /* the interface's */
	__u32 gateway[4];          /* of its IPv6 default route, in network order; 0: none */
};

struct xdp_hook {
	__u32 made; /* 1: we made the clsact qdisc that it hangs on */
};

/* What the XDP program puts in front of a packet that the program at tc is to send. */
struct xdp_note {
	__u32 magic; /* XDP_NOTE */
	__u32 action, slot;
	__u32 id; /* of the action, as it was then */
};

#define XDP_NOTE 0x48474e31U

/* Why it was not sent there.  The packet was dropped, but where it says so. */
enum xdp_reason {
	XDP_REASON_HOOK,       /* nothing sends at this interface's tc; a copy is not made */
	XDP_REASON_METADATA,   /* the driver leaves no room for a note; a copy is not made */
	XDP_REASON_CHANGED,    /* the action is no more what it was */
	XDP_REASON_TTL,        /* spent */
	XDP_REASON_TOO_LONG,   /* for the way there */
	XDP_REASON_ROUTE,      /* there is none, or it leads to no one */
	XDP_REASON_FORWARDING, /* is switched off there */
	XDP_REASON_INTERFACE,  /* there is none of this name */
	XDP_REASON_LOCAL,      /* is for this machine itself, and no table is asked about that */
	XDP_REASON_NEIGHBOR,   /* not resolved: the kernel keeps it until then; no copy is made */
	XDP_REASON_TAGS,       /* more VLAN tags than can be put back; no copy is made */
	XDP_REASONS
};

/* A verdict is the number of an action, and above it what is asked of the rule while others are
 * still to be tried. */
#define XDP_VERDICT_MORE   (1ULL << 32) /* later rules are tried too, RFC 8955 7.3 */
#define XDP_VERDICT_SOME   (1ULL << 33) /* in force at some interfaces alone */
#define XDP_VERDICT_SAMPLE (1ULL << 34) /* one in some of its packets is sampled */

/* One CPU's: those of slot s are entry XDP_SLOTS * CPU + s. */
struct xdp_counters {
	__u64 packets, octets;
	__u64 dropped_packets, dropped_octets;
};

/* What is in hg_samples, which belongs to one loaded program. */
struct xdp_sample {
	__u64 time; /* ns, of the kernel's monotonic clock */
	__u32 interface, slot;
	__u32 octets, captured; /* of the frame; of them in head */
	__u8 head[XDP_SAMPLE_OCTETS];
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
