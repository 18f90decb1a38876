/* SPDX-License-Identifier: (ISC OR GPL-2.0-only) */
/* xdp_tables.h - the classifier's tables, as the XDP program reads them and user space writes them.
 *
 * RFC 8955 5.1 compares destination first, then source, then the rest, and of two prefixes that
 * overlap the longer is first.  So rules are kept in nodes, one for each pair of destination and
 * source prefix, and a packet visits nodes in order: for each destination that fits, longest first,
 * then none: for each source that fits, longest first, then none: the node's list of records.
 * Each VRF has nodes of its own: a root for each family, which is above its destinations.
 *
 * mask number    which bits of an address count.  0: none, there is no node
 *                1 + n: IPv4, the first n bits.  XDP_MASK_IPV6 + 129 * offset + n: IPv6
 * nodes          a hash table with open addressing, by (masked address, mask number, parent)
 * ipv4           by the upper 16 bits of a destination: lengths that exist around there
 * ipv4_deep      blocks of 256, by the next 8 bits: which lengths from 17 on
 * ipv6           by a hash of the first 32, 40, 48 or 64 bits: which lengths exist below
 * source_seen    by a hash of a source's first bits: is there any source prefix around there?
 *
 * A bit set of lengths has the longest in bit 0, so that the lowest bit is tried first.
 */
#ifndef DATAPLANE_XDP_TABLES_H
#define DATAPLANE_XDP_TABLES_H

#include <linux/types.h>

#include "dataplane/xdp_maps.h"

enum {
	XDP_NODES = 1 << 18, /* a power of two, like all that is an index's bound */
	XDP_NEIGHBOURS = 64, /* a node is at most this far from where its hash says */
	XDP_RECORDS = 1 << 18,
	XDP_EXTRAS = 1 << 16,
	XDP_SETS = 1 << 10,
	XDP_SET_MAX = 127, /* masks in a set */
	XDP_MASKS = 1 << 15,
	XDP_RUN = 16,       /* records that are looked at in a row */
	XDP_RUNS_MAX = 256, /* so many rows a list has at most */
	XDP_BLOCKS = 1 << 12,
	XDP_BLOCKS_MAX = 256, /* in a chain */
	XDP_BLOCK_WORDS = 15, /* of 64 records each */
	XDP_BLOCK_RECORDS = 64 * XDP_BLOCK_WORDS,
	XDP_ROW_WORDS = 1 + XDP_BLOCK_WORDS,
	XDP_ROWS = 1 << 16,
	XDP_VALUES = 1 << 21,
	XDP_PAGE = 256, /* values in a page */
	XDP_DEEP_BLOCKS = 1 << 12,
	XDP_DEEP = 1 << 20, /* 256 for each block */
	XDP_IPV4_CELLS = 1 << 16,
	XDP_IPV6_CELLS = 1 << 16,
	XDP_SEEN = 1 << 18, /* bits of source_seen */

	/* Roots are the nodes of rules without destination: those of VRF v are xdp_root(v, family),
	 * and VRF 0 is no VRF.  They lie apart, so that other nodes find room between them. */
	XDP_ROOT_STRIDE = XDP_NODES / XDP_VRFS,

	XDP_MASK_IPV4 = 1,
	XDP_MASK_IPV6 = 64,
	XDP_MASK_LENGTHS = 129,
	XDP_MASK_SOURCE = 0x8000, /* of a node for a source */
	XDP_MASK_GONE = 0xffff,   /* there was a node: go on looking */

	XDP_LIST_KIND = 56, /* shifts of a list's word */
	XDP_LIST_COUNT = 32,
	XDP_LIST_NONE = 0,
	XDP_LIST_RECORDS = 1, /* count records from the first on */
	XDP_LIST_BLOCKS = 3,  /* a chain of blocks, the first's number in first */
	XDP_LIST_INSIDE = 2,  /* one in the node, then count - 1 records */

	XDP_LANES_OF_BLOCK = 4, /* protocol, length, destination, source */

	/* Where each class of protocols begins in a filter, and how many bits of a hash it has. */
	XDP_FILTER_TCP_SOURCE = 0,
	XDP_FILTER_TCP_DESTINATION = 8,
	XDP_FILTER_UDP_SOURCE = 24,
	XDP_FILTER_UDP_DESTINATION = 40,
	XDP_FILTER_ICMP = 56,  /* its type */
	XDP_FILTER_OTHER = 60, /* the protocol */
	XDP_FILTER_LOG_TCP_SOURCE = 3,
	XDP_FILTER_LOG_PORTS = 4,
	XDP_FILTER_LOG_REST = 2,

	/* Lanes: their lowest bits.  Above each is a guard bit. */
	XDP_LANE_PROTOCOL = 0,     /* 0..255; 256: unknown */
	XDP_LANE_LENGTH = 10,      /* 0..65575 */
	XDP_LANE_DESTINATION = 28, /* port; 65536: nothing there; 65537 + ICMP code */
	XDP_LANE_SOURCE = 46,      /* port; 65536: nothing there; 65537 + ICMP type */
	XDP_PROTOCOL_UNKNOWN = 256,
	XDP_PORT_NOTHING = 65536,
	XDP_PORT_ICMP = 65537,
	XDP_FLAGS_NOTHING = 4096,
	XDP_FRAGMENT_UNKNOWN = 16
};

#define XDP_LANES(protocol, length, destination, source)                                           \
	((__u64)(protocol) << XDP_LANE_PROTOCOL | (__u64)(length) << XDP_LANE_LENGTH |             \
	 (__u64)(destination) << XDP_LANE_DESTINATION | (__u64)(source) << XDP_LANE_SOURCE)
#define XDP_GUARDS (1ULL << 9 | 1ULL << 27 | 1ULL << 45 | 1ULL << 63)

/* A box: each lane within its range.  With guards G, packet lanes K: all of
 * ((K | G) - lo) & (hi - K) & G, for a guard outlives the first subtraction when K >= lo in its
 * lane, and the second, hi having it set, when hi >= K. */
struct xdp_record {
	__u64 lo, hi; /* hi with all guards */
	__u32 slot;
	__u16 flag_mask, flag_value; /* TCP flags & mask == value */
	__u32 fragments;             /* bit v: fragment value v matches */
	__u32 extra;                 /* 0: no more to ask */
};

/* What a record seldom asks. */
struct xdp_extra {
	__u64 dscp; /* bit v: value v matches */
	__u32 label_lo, label_hi;
	__u32 port_lo, port_hi; /* either port */
	__u32 asks_port;
	__u32 full; /* number of a full test; 0: none */
};

struct xdp_node {
	__u32 key;     /* IPv4: the masked address; IPv6: upper half of the hash */
	__u32 parent;  /* of a source's node that of its destination, of that its VRF's root */
	__u16 mask;    /* number; written last */
	__u16 sources; /* set of the source masks below; 0: none */
	__u32 reserved;
	__u64 list;
	__u64 filter; /* over its rules; those of its sources have their own */
	union {
		struct xdp_record inside; /* IPv4 */
		__u64 address[2];         /* IPv6, masked */
	};
};

/* Up to XDP_BLOCK_RECORDS records, and which of them to look at.  For each lane that some of them
 * constrain: value >> 8 is looked up in the first two pages of its values, which gives a page,
 * there value & 255 gives a row.  Bit i of a row: record i accepts the value.  What all lanes' rows
 * have in common is to be looked at, lowest first; the record itself decides.  A row's first word
 * says which of its others are not 0.  One lane at least has rows: they say where the block ends.
 */
struct xdp_block {
	__u64 lo, hi;                    /* a box around all records */
	__u32 next;                      /* block; 0: none */
	__u32 first;                     /* record */
	__u32 row;                       /* the block's row 0 */
	__u32 value[XDP_LANES_OF_BLOCK]; /* 0: no record constrains this lane */
	__u32 reserved[5];
};

struct xdp_set {
	__u16 count, mask[XDP_SET_MAX];
};

struct xdp_mask {
	__u64 word[2];
};

struct xdp_ipv4_cell {
	__u64 lengths; /* bit 32 - n */
	__u32 block;   /* 0: none, what lengths says of those from 17 on holds */
	__u32 reserved;
};

struct xdp_tables {
	__u64 seed;
	__u64 source_tiers; /* bit t: some source is of enum xdp_tier t */
	__u32 ipv6_short;   /* lengths 1 to 31: bit 31 - n */
	__u32 ipv6_rest;    /* set of masks: length 0, and those with an offset, tried last */
	__u32 node_mask;    /* nodes in use, less one */
	__u32 grouped;      /* some interface is in a group */
	__u32 vrfs;         /* some interface is in hg_vrfs */
	__u32 reserved[7];  /* nodes begin where a line of memory does */
	struct xdp_node node[XDP_NODES];
	struct xdp_record record[XDP_RECORDS];
	struct xdp_extra extra[XDP_EXTRAS];
	struct xdp_block block[XDP_BLOCKS];
	__u64 row[XDP_ROWS * XDP_ROW_WORDS];
	__u16 value[XDP_VALUES];
	struct xdp_set set[XDP_SETS];
	struct xdp_mask mask[XDP_MASKS];
	struct xdp_ipv4_cell ipv4[XDP_IPV4_CELLS];
	__u16 ipv4_deep[XDP_DEEP];     /* bit 32 - n */
	__u8 ipv6_32[XDP_IPV6_CELLS];  /* lengths 32 to 39: bit 39 - n */
	__u8 ipv6_40[XDP_IPV6_CELLS];  /* 40 to 47: bit 47 - n */
	__u32 ipv6_48[XDP_IPV6_CELLS]; /* 48 to 64: bit 64 - n */
	__u64 ipv6_64[XDP_IPV6_CELLS]; /* 65 to 128: bit 128 - n */
	__u64 source_seen[XDP_SEEN / 64];
};

_Static_assert(__builtin_offsetof(struct xdp_tables, node) % 64 == 0,
	       "a node is one line of memory");

/* A lane's value out of all of them. */
static inline __attribute__((always_inline)) __u32 xdp_lane(__u64 lanes, __u32 lane)
{
	__u32 lowest = lane == 0 ? XDP_LANE_PROTOCOL : XDP_LANE_LENGTH + 18 * (lane - 1);

	return (__u32)(lanes >> lowest) & (lane == 0 ? 0x1ff : 0x1ffff);
}

static inline __attribute__((always_inline)) __u32 xdp_root(__u32 vrf, __u32 family)
{
	return (vrf & (XDP_VRFS - 1)) * XDP_ROOT_STRIDE + 1 + family;
}

/* Where a node is looked for. */
static inline __attribute__((always_inline)) __u64 xdp_hash(__u64 a, __u64 b, __u32 mask,
							    __u32 parent, __u64 seed)
{
	__u64 x = (a ^ seed) * 0x9e3779b97f4a7c15ULL + b * 0xc2b2ae3d27d4eb4fULL +
		  ((__u64)mask << 32 | parent) * 0x165667b19e3779f9ULL;

	x ^= x >> 29;
	x *= 0xd6e8feb86659fd93ULL;
	return x ^ x >> 32;
}

/* The cell of the first bits of an IPv6 address, the rest shifted out. */
static inline __attribute__((always_inline)) __u32 xdp_cell(__u64 bits, __u64 seed)
{
	return (__u32)((bits ^ seed) * 0x9e3779b97f4a7c15ULL >> 48) & (XDP_IPV6_CELLS - 1);
}

/* Where the cells say whether IPv6 destinations of this length exist. */
static inline __attribute__((always_inline)) __u32 xdp_ipv6_cell(__u64 first, __u32 length,
								 __u64 seed)
{
	__u32 bits = length > 64 ? 64 : length >= 48 ? 48 : length >= 40 ? 40 : 32;

	return xdp_cell(first >> (64 - bits), seed);
}

static inline __attribute__((always_inline)) __u32 xdp_ipv6_bit(__u32 length)
{
	__u32 last = length > 64    ? 128
		     : length >= 48 ? 64
		     : length >= 40 ? 47
		     : length >= 32 ? 39
				    : 31;

	return last - length;
}

/* Sources by their length: how many of their first bits are looked up in source_seen. */
enum xdp_tier {
	XDP_TIER_IPV4_24,
	XDP_TIER_IPV4_16,
	XDP_TIER_IPV4_ANY, /* shorter: not looked up */
	XDP_TIER_IPV6_64,
	XDP_TIER_IPV6_48,
	XDP_TIER_IPV6_32,
	XDP_TIER_IPV6_ANY, /* shorter, or with an offset */
	XDP_TIERS
};

/* The bit in source_seen of an address of this tier, of which first is the first word. */
static inline __attribute__((always_inline)) __u32 xdp_seen(enum xdp_tier tier, __u64 first,
							    __u64 seed)
{
	__u32 drop = tier == XDP_TIER_IPV4_24   ? 8
		     : tier == XDP_TIER_IPV4_16 ? 16
		     : tier == XDP_TIER_IPV6_48 ? 16
		     : tier == XDP_TIER_IPV6_32 ? 32
						: 0;

	return (__u32)((((first >> drop) ^ seed) + tier) * 0x9e3779b97f4a7c15ULL >> 46) &
	       (XDP_SEEN - 1);
}

/* A bit of a filter: the value's hash of so many bits, from the first one on. */
static inline __attribute__((always_inline)) __u64 xdp_filter_bit(__u32 first, __u32 log,
								  __u32 value)
{
	return 1ULL << (first + (value * 0x9e3779b1U >> (32 - log)));
}

/* The bits of a filter that packets with this protocol and these ports (or ICMP type and code)
 * have.  A node's filter has all of them when one of its rules accepts such a packet. */
static inline __attribute__((always_inline)) __u64 xdp_filter_bits(__u32 protocol, __u32 source,
								   __u32 destination)
{
	if (protocol == 6)
		return xdp_filter_bit(XDP_FILTER_TCP_SOURCE, XDP_FILTER_LOG_TCP_SOURCE, source) |
		       xdp_filter_bit(XDP_FILTER_TCP_DESTINATION, XDP_FILTER_LOG_PORTS,
				      destination);
	if (protocol == 17)
		return xdp_filter_bit(XDP_FILTER_UDP_SOURCE, XDP_FILTER_LOG_PORTS, source) |
		       xdp_filter_bit(XDP_FILTER_UDP_DESTINATION, XDP_FILTER_LOG_PORTS,
				      destination);
	if (protocol == 1 || protocol == 58)
		return xdp_filter_bit(XDP_FILTER_ICMP, XDP_FILTER_LOG_REST, source);
	return xdp_filter_bit(XDP_FILTER_OTHER, XDP_FILTER_LOG_REST, protocol);
}

#endif
