/* SPDX-License-Identifier: (ISC OR GPL-2.0-only) */
/* xdp_protect.h - protected flows, as the XDP program reads them and user space writes them.
 *
 * map           index           content
 * hg_protect    0               which defaults are on, how many statements there are; mapped
 * hg_protected  statement       what it matches, its prefixes in host order
 * hg_locals     address         of this machine
 * hg_monitored  interface       that rules only count there
 * hg_groups     interface       which groups it is in
 * hg_saved      CPU             what was saved by which entry from which rule; mapped
 *
 * An entry is a default or a statement of the file: defaults have the numbers of enum xdp_default,
 * statements those from XDP_STATEMENT_FIRST on.  All of these belong to one loaded program.
 */
#ifndef DATAPLANE_XDP_PROTECT_H
#define DATAPLANE_XDP_PROTECT_H

#include "dataplane/xdp_maps.h"

enum xdp_default {
	XDP_DEFAULT_BGP,
	XDP_DEFAULT_OSPF,
	XDP_DEFAULT_LDP,
	XDP_DEFAULT_BFD,
	XDP_DEFAULT_VRRP,
	XDP_DEFAULT_PACKET_TOO_BIG,
	XDP_DEFAULT_NEIGHBOR_DISCOVERY,
	XDP_DEFAULT_FRAGMENTATION_NEEDED,
	XDP_DEFAULT_SSH,
	XDP_DEFAULTS
};

enum {
	XDP_STATEMENTS = 64,
	XDP_STATEMENT_FIRST = 16,
	XDP_ENTRIES = XDP_STATEMENT_FIRST + XDP_STATEMENTS,
	XDP_LOCALS = 4096,
	XDP_MONITORED = 256, /* more than are attached to at a time */
	XDP_GROUPED = 256,   /* the same */
	XDP_SAVED = 1 << 10, /* cells, a power of two */
	XDP_SAVED_PROBES = 8
};

struct xdp_protect {
	__u32 defaults; /* bit d: default d is on */
	__u32 statements;
	__u32 monitored; /* some interface is in hg_monitored */
	__u32 reserved;
};

struct xdp_local {
	__u64 address[2]; /* in host order; IPv4 in the first word */
	__u32 family;     /* enum xdp_family */
	__u32 reserved;
};

/* key: the entry's number and one, above the rule's slot; 0: the cell is free.  Its CPU takes it,
 * and user space frees it when no rule has the slot. */
struct xdp_saved {
	__u64 key, packets, octets;
};

/* One CPU's own. */
struct xdp_saved_cpu {
	__u64 taken; /* cells that were, ever */
	__u64 lost;  /* packets for which there was no cell */
	__u64 reserved[6];
	struct xdp_saved cell[XDP_SAVED];
};

#endif
