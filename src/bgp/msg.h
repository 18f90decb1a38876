/* SPDX-License-Identifier: ISC */
/* msg.h - frames and the small messages: OPEN, NOTIFICATION, KEEPALIVE, ROUTE-REFRESH; inside of
 * the layer.
 *
 * What is wrong with a message is said as the NOTIFICATION that answers it.
 */
#ifndef BGP_MSG_H
#define BGP_MSG_H

#include "bgp/bgp.h"

enum bgp_msg_type {
	BGP_MSG_OPEN = 1,
	BGP_MSG_UPDATE = 2,
	BGP_MSG_NOTIFICATION = 3,
	BGP_MSG_KEEPALIVE = 4,
	BGP_MSG_ROUTE_REFRESH = 5,
	BGP_MSG_TYPES
};

enum {
	BGP_HEADER = 19,
	BGP_NOTIFICATION_DATA_MAX = BGP_MESSAGE_MAX - BGP_HEADER - 2,
	BGP_AS_TRANS = 23456 /* RFC 6793 */
};

/* Codes of RFC 4271 4.5. */
enum bgp_code {
	BGP_HEADER_ERROR = 1,
	BGP_OPEN_ERROR = 2,
	BGP_UPDATE_ERROR = 3,
	BGP_HOLD_EXPIRED = 4,
	BGP_FSM_ERROR = 5,
	BGP_CEASE = 6,
	BGP_REFRESH_ERROR = 7,    /* RFC 7313 */
	BGP_SEND_HOLD_EXPIRED = 8 /* RFC 9687 */
};

enum bgp_subcode {
	BGP_HEADER_MARKER = 1,
	BGP_HEADER_LENGTH = 2,
	BGP_HEADER_TYPE = 3,
	BGP_OPEN_VERSION = 1,
	BGP_OPEN_AS = 2,
	BGP_OPEN_ID = 3,
	BGP_OPEN_PARAMETER = 4,
	BGP_OPEN_HOLD_TIME = 6,
	BGP_OPEN_CAPABILITY = 7, /* RFC 5492 */
	BGP_UPDATE_LIST = 1,
	BGP_UPDATE_UNKNOWN_WELL_KNOWN = 2,
	BGP_UPDATE_MISSING = 3,
	BGP_UPDATE_FLAGS = 4,
	BGP_UPDATE_LENGTH = 5,
	BGP_UPDATE_ORIGIN = 6,
	BGP_UPDATE_NEXT_HOP = 8,
	BGP_UPDATE_OPTIONAL = 9,
	BGP_UPDATE_NETWORK = 10,
	BGP_UPDATE_AS_PATH = 11,
	BGP_CEASE_SHUTDOWN = 2, /* RFC 4486 */
	BGP_CEASE_REMOVED = 3,
	BGP_CEASE_RESET = 4,
	BGP_CEASE_REJECTED = 5,
	BGP_CEASE_CHANGED = 6,
	BGP_CEASE_COLLISION = 7,
	BGP_CEASE_RESOURCES = 8
};

struct bgp_notification {
	uint8_t code, subcode;
	uint16_t len;
	uint8_t data[BGP_NOTIFICATION_DATA_MAX];
};

/* Sets code, subcode and data, of which what does not fit is left off; returns false. */
bool bgp_fault(struct bgp_notification *n, uint8_t code, uint8_t subcode, const void *data,
	       size_t len);

enum bgp_frame {
	BGP_FRAME_PART, /* more octets are needed */
	BGP_FRAME_WHOLE,
	BGP_FRAME_BAD
};

struct bgp_header {
	uint8_t type;
	uint16_t len; /* of the whole message */
};

/* Looks at the message that octets begin with, RFC 4271 6.1.  A fault is seen as soon as its octets
 * are there. */
enum bgp_frame bgp_frame_read(const uint8_t *octets, size_t len, struct bgp_header *ret,
			      struct bgp_notification *fault);
/* Begins a message of this type; bgp_frame_close fills in its length. */
struct wr_hole bgp_frame_open(struct wr *w, enum bgp_msg_type type);
void bgp_frame_close(struct wr *w, struct wr_hole h);

struct bgp_open {
	uint32_t as;  /* of the capability if there is one */
	uint16_t as2; /* the field */
	uint16_t hold_time;
	uint8_t id[4];
	bool asn4, route_refresh;
	bool multiprotocol; /* at least one such capability was there */
	uint32_t families;  /* 1 << enum bgp_family; ipv4 unicast without multiprotocol */
};

/* r stands behind the header. */
bool bgp_open_read(struct rd r, struct bgp_open *ret, struct bgp_notification *fault);
/* Ours towards a neighbor. */
void bgp_open_write(struct wr *w, const struct bgp_peer_conf *c);
/* Is this the neighbor that is configured?  RFC 4271 6.2, RFC 6286, RFC 7607. */
bool bgp_open_check(const struct bgp_open *o, const struct bgp_peer_conf *c,
		    struct bgp_notification *fault);

void bgp_notification_read(struct rd r, struct bgp_notification *ret);
void bgp_notification_write(struct wr *w, const struct bgp_notification *n);
/* "cease/administrative shutdown: text" (RFC 9003), with other data as hex. */
void bgp_notification_print(const struct bgp_notification *n, struct str *out);

void bgp_keepalive_write(struct wr *w);

struct bgp_refresh {
	enum bgp_family family; /* BGP_FAMILIES: we do not speak it */
	uint16_t afi;
	uint8_t safi, subtype; /* 0: a request; 1 and 2 of RFC 7313 */
};

struct bgp_refresh bgp_refresh_read(struct rd r);
void bgp_refresh_write(struct wr *w, enum bgp_family f);

const char *bgp_msg_name(uint8_t type); /* "UPDATE" */

#endif
