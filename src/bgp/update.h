/* SPDX-License-Identifier: ISC */
/* update.h - UPDATE messages: what one says (update.c), and how routes are packed into them
 * (pack.c); inside of the layer. */
#ifndef BGP_UPDATE_H
#define BGP_UPDATE_H

#include "bgp/attr.h"

/* An UPDATE that was read.  The octets are the message's. */
struct bgp_update {
	struct bgp_attr_draft attrs; /* with its faults, those of the NLRI fields among them */
	struct rd withdrawn, nlri;   /* IPv4 unicast in its own fields */
	bool unknown_family;         /* routes of a family that we do not speak here: ignored */
	bool end_of_rib;
	enum bgp_family end_family; /* BGP_FAMILIES when we do not speak it */
};

/* The parts of an UPDATE that hold routes. */
enum bgp_part {
	BGP_PART_WITHDRAWN,
	BGP_PART_MP_UNREACH,
	BGP_PART_MP_REACH,
	BGP_PART_NLRI,
	BGP_PARTS
};

/* Reads the whole UPDATE, r standing behind its header, and checks all of it, its NLRI too.  False:
 * the session ends with u->attrs.fault.  Else u->attrs.cost says whether the routes announced
 * count. */
bool bgp_update_read(struct rd r, const struct bgp_terms *t, struct bgp_update *u);
/* The routes of a part and their family; empty when there are none that we speak. */
struct rd bgp_update_part(const struct bgp_update *u, enum bgp_part part,
			  enum bgp_family *ret_family);
/* The attributes of what is announced in a part, the next hop that belongs to it included. */
const struct bgp_attrs *bgp_update_attrs(struct bgp_update *u, enum bgp_part part);

struct bgp_nlri_room {
	uint8_t prefix[17];
};

enum bgp_nlri_read {
	BGP_NLRI_END,
	BGP_NLRI_ONE,
	BGP_NLRI_MALFORMED, /* within its own length: the next one can be read */
	BGP_NLRI_OVERRUN    /* what follows cannot be found */
};

/* The next route key of r.  A prefix is masked into room, a flow rule points into what r reads. */
enum bgp_nlri_read bgp_nlri_next(struct rd *r, enum bgp_family f, struct bgp_nlri_room *room,
				 struct bgp_nlri *ret, struct err *e);
/* With its length octets. */
void bgp_nlri_write(struct wr *w, const struct bgp_nlri *n);

/* ---- Packing: consecutive routes with the same attributes share a message ------------------- */

struct bgp_pack {
	const struct bgp_terms *terms;
	enum bgp_out_kind kind;
	enum bgp_family family;
	const struct bgp_attrs *attrs; /* compared only; the caller keeps it alive */
	bool open;                     /* at least one route is in */
	uint8_t tail[BGP_MESSAGE_MAX]; /* attributes that follow MP_REACH */
	size_t tail_len;
	uint8_t octets[BGP_MESSAGE_MAX];
	struct wr w;
	struct wr_hole frame, list, mp;
};

enum bgp_packed {
	BGP_PACKED,
	BGP_PACK_FULL,     /* close the message that is open, then try again */
	BGP_PACK_TOO_LARGE /* fits into no message */
};

void bgp_pack_init(struct bgp_pack *p, const struct bgp_terms *t);
/* Adds a route, not an End-of-RIB. */
enum bgp_packed bgp_pack_add(struct bgp_pack *p, const struct bgp_out *o);
/* Ends the message that is open; its octets are in p->octets.  0: none was open. */
size_t bgp_pack_close(struct bgp_pack *p);
/* RFC 4724 2. */
void bgp_end_of_rib_write(struct wr *w, enum bgp_family f);

#endif
