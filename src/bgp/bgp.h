/* SPDX-License-Identifier: ISC */
/* bgp.h - the BGP speaker: messages, attributes, the state machine, sessions, sockets.
 *
 *   msg.c      frames, OPEN, NOTIFICATION, ROUTE-REFRESH     RFC 4271 4, RFC 5492, RFC 2918
 *   attr.c     the attribute table and interned attributes   RFC 4271 5, RFC 7606, RFC 4456, RFC
 * 4360, RFC 5701 update.c   UPDATE both ways, multiprotocol               RFC 4271 4.3, RFC 4760
 *   fsm.c      the state machine as a table                  RFC 4271 8
 *   peer.c     one neighbor: its connections, timers, queue; no socket and no clock inside
 *   speaker.c  sockets and timers on libuv
 *
 * Routes go up through a struct bgp_handler and are fetched from it when there is room to send:
 * a neighbor's queue holds routes, not messages.  Nothing here knows a RIB.
 */
#ifndef BGP_BGP_H
#define BGP_BGP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/map.h"
#include "base/str.h"
#include "base/wire.h"
#include "flow/flow.h"

typedef uint64_t msec; /* monotonic milliseconds, the only clock we use */

/* ---- Families and routes --------------------------------------------------------------- */

enum bgp_family {
	BGP_IPV4_UNICAST,
	BGP_IPV6_UNICAST,
	BGP_IPV4_FLOW,
	BGP_IPV6_FLOW,
	BGP_IPV4_FLOW_VPN,
	BGP_IPV6_FLOW_VPN,
	BGP_FAMILIES
};

struct bgp_family_type {
	const char *name;  /* "ipv4 flow": in files and for people */
	const char *token; /* "ipv4-flow": in JSON and options */
	uint16_t afi;
	uint8_t safi;
	bool flow;
	enum flow_family flow_family; /* with flow; FLOW_IPV6 too for ipv6 unicast */
	bool vpn;
};

extern const struct bgp_family_type bgp_families[BGP_FAMILIES];

/* BGP_FAMILIES when we do not speak it. */
enum bgp_family bgp_family_find(uint16_t afi, uint8_t safi);
enum bgp_family bgp_family_of_flow(enum flow_family family, bool vpn);
enum bgp_family bgp_family_by_token(const char *token);

/* A route's key as a view.  Unicast: one octet of length in bits, then as many octets as that
 * needs, the bits behind the prefix zero.  Flow: the NLRI without its length octets, checked. */
struct bgp_nlri {
	enum bgp_family family;
	const uint8_t *octets; /* borrowed */
	size_t len;            /* at most FLOW_NLRI_MAX */
};

struct flow_nlri bgp_flow_nlri(const struct bgp_nlri *n); /* of a flow family */
/* A unicast prefix as "192.0.2.0/24", a flow rule as flow_text_match prints it. */
void bgp_nlri_print(const struct bgp_nlri *n, struct str *out);

/* ---- Attributes: attr.c ------------------------------------------------------------------ */

enum bgp_origin {
	BGP_ORIGIN_IGP,
	BGP_ORIGIN_EGP,
	BGP_ORIGIN_INCOMPLETE
};

struct bgp_octets {
	const uint8_t *at;
	uint16_t len;
};

/* The path attributes of a route.  Interned: equal attributes are one object, so that pointers
 * compare.  Immutable once interned.  Octets in network order as on the wire. */
struct bgp_attrs {
	struct map_node node; /* the table's */
	uint32_t refs;
	uint8_t origin;
	bool has_med, has_local_pref, has_originator_id, atomic_aggregate;
	uint32_t med, local_pref;
	uint8_t originator_id[4];
	uint8_t next_hop_len; /* 0, 4, 16 or 32: global and link-local address */
	uint8_t next_hop[32];
	struct bgp_octets as_path;      /* segments with 4-octet AS numbers, RFC 6793 */
	struct bgp_octets aggregator;   /* 8 octets: AS (4), address; or none */
	struct bgp_octets cluster_list; /* 4 octets each */
	struct bgp_octets communities;  /* 4 octets each */
	struct bgp_octets ext;     /* extended communities, 8 octets each, in the order received */
	struct bgp_octets ext6;    /* IPv6 address specific, 20 octets each */
	struct bgp_octets large;   /* 12 octets each */
	struct bgp_octets unknown; /* optional transitive attributes we do not know, whole (flags,
				    * type, length, value), partial bit set */
};

struct bgp_attr_table;

struct bgp_attr_table *bgp_attr_table_new(void);
/* All references must have been given back. */
void bgp_attr_table_free(struct bgp_attr_table *t);
/* The interned twin of a draft (node and refs are ignored, octets are copied): a new reference.
 * NULL when memory is out. */
struct bgp_attrs *bgp_attrs_intern(struct bgp_attr_table *t, const struct bgp_attrs *draft);
struct bgp_attrs *bgp_attrs_ref(struct bgp_attrs *a);
void bgp_attrs_unref(struct bgp_attr_table *t, struct bgp_attrs *a);
/* AS numbers in the path as the decision counts them: a set is one, confederation segments none. */
unsigned bgp_as_path_length(const struct bgp_attrs *a);
bool bgp_as_path_has(const struct bgp_attrs *a, uint32_t as);
/* The leftmost AS of the first sequence; 0 if there is none. */
uint32_t bgp_as_path_first(const struct bgp_attrs *a);
/* The AS that originated the route (rightmost of the last sequence); 0 for an empty path. */
uint32_t bgp_as_path_origin(const struct bgp_attrs *a);
void bgp_as_path_print(const struct bgp_attrs *a, struct str *out);
/* A copy of the path's octets with as in front, into w. */
void bgp_as_path_prepend(const struct bgp_attrs *a, uint32_t as, struct wr *w);

/* ---- A neighbor as configured -------------------------------------------------------------- */

enum {
	BGP_PORT = 179,
	BGP_HOLD_TIME = 180, /* ExaBGP's default, seconds */
	BGP_MD5_MAX = 80,    /* RFC 2385's practical limit, TCP_MD5SIG_MAXKEYLEN */
	BGP_DESCRIPTION_MAX = 128,
	BGP_MESSAGE_MAX = 4096
};

struct bgp_peer_conf {
	struct addr remote, local; /* local ADDR_NONE: whatever the kernel chooses */
	uint32_t remote_as, local_as;
	uint8_t router_id[4];      /* ours towards this neighbor */
	uint16_t hold_time;        /* seconds; 0: no keepalives; else at least 3 */
	uint16_t connect_port;     /* 0: the speaker's port */
	uint16_t listen_port;      /* 0: only when passive; then the speaker's port */
	bool passive;              /* never connects; listens on local */
	bool asn4, route_refresh;  /* capabilities offered; both true by default */
	uint32_t families;         /* 1 << enum bgp_family, offered */
	char md5[BGP_MD5_MAX + 1]; /* "" : none */
	char description[BGP_DESCRIPTION_MAX];
};

/* ---- Sessions: peer.c, speaker.c ------------------------------------------------------------- */

enum bgp_state {
	BGP_IDLE,
	BGP_CONNECT,
	BGP_ACTIVE,
	BGP_OPENSENT,
	BGP_OPENCONFIRM,
	BGP_ESTABLISHED,
	BGP_STATES
};

const char *bgp_state_name(enum bgp_state s); /* "established" */

struct bgp_peer;
struct bgp_speaker;

/* What is known of a neighbor, for people. */
struct bgp_peer_info {
	const struct bgp_peer_conf *conf; /* borrowed */
	enum bgp_state state;
	bool shut;                /* by `neighbor A shutdown` */
	uint8_t remote_id[4];     /* of the last OPEN */
	uint32_t families;        /* negotiated, when established */
	uint16_t hold_time;       /* negotiated */
	bool asn4, route_refresh; /* negotiated */
	struct addr local;        /* the address in use */
	msec since;               /* when it came up, or went down last; 0: never */
	uint64_t messages_in, messages_out, updates_in, updates_out, octets_in, octets_out;
	uint64_t updates_malformed; /* treated as withdraw, RFC 7606 */
	size_t in_queue, out_queue; /* octets not yet handled, not yet taken by the kernel */
	const char *last_down;      /* why, e.g. "hold timer expired"; "" : never was up */
};

/* What to send next to a neighbor. */
enum bgp_out_kind {
	BGP_OUT_REACH,
	BGP_OUT_UNREACH,
	BGP_OUT_END_OF_RIB /* RFC 4724 2, of nlri.family */
};

struct bgp_out {
	enum bgp_out_kind kind;
	struct bgp_nlri nlri;          /* borrowed until the next call into the handler */
	const struct bgp_attrs *attrs; /* BGP_OUT_REACH; borrowed likewise */
};

/* Calls up, given at start; every one of them is set. */
struct bgp_handler {
	void (*up)(void *ctx, struct bgp_peer *p);
	void (*down)(void *ctx, struct bgp_peer *p, const char *why); /* only after an up */
	/* A route; attrs NULL: withdrawn.  Who keeps attrs takes a reference. */
	void (*route)(void *ctx, struct bgp_peer *p, const struct bgp_nlri *n,
		      struct bgp_attrs *attrs);
	void (*end_of_rib)(void *ctx, struct bgp_peer *p, enum bgp_family f);
	void (*refresh)(void *ctx, struct bgp_peer *p, enum bgp_family f);
	/* Takes the next route for this neighbor from its queue; false: nothing to send. */
	bool (*next)(void *ctx, struct bgp_peer *p, struct bgp_out *ret);
	/* A state change or a fault, one line without the peer's name. */
	void (*event)(void *ctx, struct bgp_peer *p, const char *text);
};

struct uv_loop_s;

/* port: for neighbors that name none. The handler and its ctx outlive the speaker. */
struct bgp_speaker *bgp_speaker_new(struct uv_loop_s *loop, uint16_t port,
				    struct bgp_attr_table *attrs, const struct bgp_handler *handler,
				    void *ctx);
/* Sends Cease/administrative shutdown to all, and calls done when all sockets are closed (a
 * second or two at most); then bgp_speaker_free may be called. */
void bgp_speaker_stop(struct bgp_speaker *s, void (*done)(void *ctx));
void bgp_speaker_free(struct bgp_speaker *s);
/* Listens there besides where passive neighbors want it. A taken port is an error in e, "address in
 * use" said. */
bool bgp_speaker_listen(struct bgp_speaker *s, const struct addr *local, uint16_t port,
			struct err *e);

/* Adds a neighbor and starts it. user is the handler's (bgp_peer_user). Never fails for want of a
 * listening port: that is an event line. NULL: (remote, local) is there already, or memory is out.
 */
struct bgp_peer *bgp_speaker_add(struct bgp_speaker *s, const struct bgp_peer_conf *c, void *user);
/* Ends the session with Cease (6, subcode: 3 peer de-configured) and forgets the neighbor; down is
 * called. */
void bgp_speaker_remove(struct bgp_speaker *s, struct bgp_peer *p);
/* New parameters: what needs a new session resets it (6/6 other configuration change). */
void bgp_speaker_change(struct bgp_speaker *s, struct bgp_peer *p, const struct bgp_peer_conf *c);
void bgp_speaker_shutdown(struct bgp_speaker *s, struct bgp_peer *p); /* 6/2, stays idle */
void bgp_speaker_enable(struct bgp_speaker *s, struct bgp_peer *p);
/* There is something to send: next() will be called soon, not from within. */
void bgp_speaker_kick(struct bgp_speaker *s, struct bgp_peer *p);
/* Asks the neighbor for its routes anew (RFC 2918), if it can. */
void bgp_speaker_refresh(struct bgp_speaker *s, struct bgp_peer *p, enum bgp_family f);

void *bgp_peer_user(const struct bgp_peer *p);
void bgp_peer_info(const struct bgp_peer *p, struct bgp_peer_info *ret);
/* The neighbor's address as text, for logs and as the origin of its routes. */
const char *bgp_peer_name(const struct bgp_peer *p);

/* ---- For people: print.c ------------------------------------------------------------------------
 */

/* A whole message, header included, as readable lines ("UPDATE, 69 octets" ...); false with offset
 * and reason for a malformed one.  AS numbers in paths are of 4 octets unless as2. */
bool bgp_message_print(const uint8_t *octets, size_t len, bool as2, struct str *out, struct err *e);

#endif
