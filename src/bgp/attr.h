/* SPDX-License-Identifier: ISC */
/* attr.h - path attributes on the wire; inside of the layer. */
#ifndef BGP_ATTR_H
#define BGP_ATTR_H

#include "bgp/msg.h"

/* What holds between the two ends of a session, as reading and writing an UPDATE needs it. */
struct bgp_terms {
	bool internal;      /* iBGP */
	bool asn4;          /* AS numbers have 4 octets */
	uint32_t families;  /* 1 << enum bgp_family: others are not spoken */
	uint32_t remote_as; /* 0: not to be compared with paths */
};

/* What a fault costs, RFC 7606 2, the weakest first. */
enum bgp_cost {
	BGP_COST_NONE,
	BGP_COST_DISCARD,  /* the attribute is left out */
	BGP_COST_WITHDRAW, /* the routes of the UPDATE count as withdrawn */
	BGP_COST_RESET     /* the session ends with a NOTIFICATION */
};

enum {
	BGP_ATTR_OPTIONAL = 0x80,
	BGP_ATTR_TRANSITIVE = 0x40,
	BGP_ATTR_PARTIAL = 0x20,
	BGP_ATTR_EXTENDED = 0x10
};

enum bgp_attr_type {
	BGP_ATTR_ORIGIN = 1,
	BGP_ATTR_AS_PATH = 2,
	BGP_ATTR_NEXT_HOP = 3,
	BGP_ATTR_MED = 4,
	BGP_ATTR_LOCAL_PREF = 5,
	BGP_ATTR_ATOMIC_AGGREGATE = 6,
	BGP_ATTR_AGGREGATOR = 7,
	BGP_ATTR_COMMUNITIES = 8,
	BGP_ATTR_ORIGINATOR_ID = 9,
	BGP_ATTR_CLUSTER_LIST = 10,
	BGP_ATTR_MP_REACH = 14,
	BGP_ATTR_MP_UNREACH = 15,
	BGP_ATTR_EXT = 16,
	BGP_ATTR_AS4_PATH = 17,
	BGP_ATTR_AS4_AGGREGATOR = 18,
	BGP_ATTR_EXT6 = 25,
	BGP_ATTR_LARGE = 32
};

struct bgp_mp {
	bool present;
	uint16_t afi;
	uint8_t safi;
	enum bgp_family family;  /* BGP_FAMILIES: we do not speak it, or not on this session */
	struct bgp_octets whole; /* the attribute with its flags, for a NOTIFICATION */
	struct rd nlri;
};

/* The attributes of one UPDATE as they are read.  Octets of a point into the message or into the
 * buffers here. */
struct bgp_attr_draft {
	struct bgp_attrs a;
	uint8_t seen[32];                /* a bit a type */
	struct bgp_octets nlri_next_hop; /* of attribute NEXT_HOP */
	struct bgp_mp reach, unreach;
	struct bgp_octets path4, aggregator4; /* of a 2-octet speaker, RFC 6793 */

	enum bgp_cost cost;            /* the strongest of all faults */
	struct bgp_notification fault; /* of the first among the strongest */
	size_t offset;                 /* of that */
	char why[96];

	uint8_t path_buf[2 * BGP_MESSAGE_MAX], path4_buf[BGP_MESSAGE_MAX],
		merge_buf[3 * BGP_MESSAGE_MAX];
	uint8_t aggregator_buf[8];
	uint8_t unknown_buf[BGP_MESSAGE_MAX];
};

bool bgp_attr_seen(const struct bgp_attr_draft *d, uint8_t type);
/* Notes a fault if it costs more than those before. */
void bgp_attr_fault(struct bgp_attr_draft *d, enum bgp_cost cost, size_t offset, uint8_t subcode,
		    const void *data, size_t len, const char *fmt, ...)
	__attribute__((format(printf, 7, 8)));

/* Reads the list of path attributes; d is zeroed but for its buffers.  Faults are in d->cost. */
void bgp_attrs_read(struct rd r, const struct bgp_terms *t, struct bgp_attr_draft *d);
/* All but MP_REACH, ascending by type.  NEXT_HOP is written with classic: IPv4 unicast in the NLRI
 * field. */
void bgp_attrs_write(struct wr *w, const struct bgp_attrs *a, const struct bgp_terms *t,
		     bool classic);
/* The head of an attribute whose value follows, with a length of two octets when extended. */
struct wr_hole bgp_attr_open(struct wr *w, uint8_t flags, uint8_t type);

/* One line an attribute, indented by two blanks; not the next hop. */
void bgp_attrs_print(const struct bgp_attrs *a, struct str *out);

#endif
