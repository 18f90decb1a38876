/* SPDX-License-Identifier: (ISC OR GPL-2.0-only) */
/* xdp_packet.h - a packet's fields, as the reader leaves them and the lookup wants them. */
#ifndef DATAPLANE_XDP_PACKET_H
#define DATAPLANE_XDP_PACKET_H

#include "dataplane/xdp_maps.h"

/* Faults that the tests plant, to see that they would be found.  None in what is shipped. */
#define XDP_FAULT_ORDER     1  /* the last rule in order first */
#define XDP_FAULT_FRAGMENT  2  /* a later fragment's data read as ports */
#define XDP_FAULT_COMPONENT 3  /* DSCP not looked at */
#define XDP_FAULT_UNSAFE    4  /* the kernel has to refuse it */
#define XDP_FAULT_PROTECT   5  /* protected flows ignored */
#define XDP_FAULT_CHECKSUM  6  /* not kept when DSCP changes */
#define XDP_FAULT_MORE      7  /* the first rule that matches ends the search */
#define XDP_FAULT_GROUPS    8  /* rules of some interfaces in force at all */
#define XDP_FAULT_VRF       9  /* the rules of no VRF, whichever it is */
#define XDP_FAULT_SAMPLE    10 /* samples that say that they are whole */
#ifndef XDP_FAULT
#define XDP_FAULT 0
#endif

enum {
	XDP_TAKEN = 8, /* rules that one packet may match, a power of two */

	/* The value of a field that is not there.  No span holds it, so that a component which asks
	 * for the field does not match, and no flag has to be asked. */
	XDP_ABSENT = 0xffffff,

	XDP_PROTOCOL = 3, /* component types, RFC 8955 4.2.2 and RFC 8956 3 */
	XDP_PORT = 4,
	XDP_DESTINATION_PORT = 5,
	XDP_SOURCE_PORT = 6,
	XDP_ICMP_TYPE = 7,
	XDP_ICMP_CODE = 8,
	XDP_TCP_FLAGS = 9,
	XDP_PACKET_LENGTH = 10,
	XDP_DSCP = 11,
	XDP_FRAGMENT = 12,
	XDP_LABEL = 13,

	XDP_VALUES_OF_PACKET = XDP_LABEL - XDP_PROTOCOL + 1
};

/* A field by its component type; port has none of its own.  The stack is short: prefixes have no
 * room here. */
#define XDP_VALUE(p, type) ((p)->value[(type)-XDP_PROTOCOL])

struct xdp_packet {
	/* In network order, and in host order for the lookup; IPv4 in the first word. */
	__u64 destination[2], source[2];
	__u64 lanes; /* the fields that most rules ask for, side by side: xdp_tables.h */
	__u64 bits;  /* of nodes' filters */
	__u32 value[XDP_VALUES_OF_PACKET]; /* XDP_VALUE() of a component type */
	__u32 family;
	__u32 octets; /* of the packet, from its IP header on, that are there */
	__u32 hops;   /* IPv6: the hop limit */
	/* The reader's own: where the next header is and of what kind, where the packet ends, all
	 * counted from the frame's start. */
	__u32 at, end, next;
	__u32 root;      /* node of the VRF's rules without destination */
	__u32 interface; /* that it came in by, where some interface is in a group */
	/* The lookup's: slots of rules that matched and said to go on, in order; the verdict of the
	 * last that matched. */
	__u32 taken_count, taken[XDP_TAKEN];
	__u64 verdict;
};

#endif
