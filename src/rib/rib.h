/* SPDX-License-Identifier: ISC */
/* rib.h - the routes: who said what, which of them count, and who is to be told.
 *
 * One table over all families, keyed by the NLRI's octets.  Under a key hang its paths; a path is
 * (NLRI, origin, which neighbors it is for).  Of the paths that are valid the best by RFC 4271 9.1
 * is the Loc-RIB's; export chooses, for each neighbor, among the paths that may be told to it.
 *
 *   table.h    how all this is held; for these files alone
 *   rib.c      keys and paths, changes to the feed
 *   order.c    keys in order, walks over them
 *   decision.c which path comes first (RFC 4271 9.1.2.2, RFC 4456 9)
 *   origin.c   paths of ours
 *   neighbor.c what a neighbor sent: loops, validity; its session's comings and goings
 *   validate.c which learnt rules count (RFC 8955 6 to come; until then: validate off or nothing)
 *   export.c   what a neighbor is told: reflection (RFC 4456), its queue, its Adj-RIB-Out
 *   handler.c  the speaker's calls, carried to the neighbor they are about
 *
 * Nothing leaks: what a neighbor sent is told to another only from route-reflector client to
 * route-reflector client, never because a session exists.
 */
#ifndef RIB_RIB_H
#define RIB_RIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/map.h"
#include "bgp/bgp.h"

enum rib_validate {
	RIB_VALIDATE_DEFAULT, /* on for eBGP, off for iBGP */
	RIB_VALIDATE_ON,
	RIB_VALIDATE_OFF,
	RIB_VALIDATE_LOG
};

struct rib_peer_conf {
	bool route_reflector_client; /* RFC 4456 */
	enum rib_validate validate;
};

struct rib;
struct rib_peer;   /* a neighbor as the RIB sees it; the `user` of its bgp_peer */
struct rib_origin; /* who paths come from: a neighbor, the file, a person */

enum {
	RIB_PATHS_MAX = 4000000, /* of all origins together; more are refused and counted */
	RIB_ORIGIN_NAME_MAX = 64
};

/* ---- Paths ------------------------------------------------------------------------------- */

struct rib_entry; /* one key */

struct rib_path {
	struct rib_path *next; /* of the same key, best first */
	struct rib_entry *entry;
	struct rib_origin *origin;
	struct rib_peer *only; /* it is for this neighbor alone; NULL: for whom export allows */
	struct bgp_attrs *attrs;
	char *name;    /* of a rule in a file or typed; owned; NULL: none */
	msec since;    /* when it came, or changed last */
	bool valid;    /* counts: typed, or validated, or its neighbor says validate off */
	uint64_t id;   /* never used twice */
	uint64_t said; /* the table's: when it was announced last, in announcements */
	struct rib_path *origin_prev, *origin_next; /* the table's: of the same origin */
};

struct bgp_nlri rib_entry_nlri(const struct rib_entry *e);
/* The best of the valid paths that are for everyone; NULL: none. */
const struct rib_path *rib_entry_best(const struct rib_entry *e);
const struct rib_path *rib_entry_paths(const struct rib_entry *e);

const char *rib_origin_name(const struct rib_origin *o); /* "192.0.2.1", "file", "uid 0" ... */
bool rib_origin_is_peer(const struct rib_origin *o);
const char *rib_peer_name(const struct rib_peer *p);

/* ---- The table ----------------------------------------------------------------------------- */

struct rib_conf {
	uint8_t cluster_id[4]; /* 0.0.0.0: the router-id towards the neighbor concerned */
};

/* Told of each change of an entry's best path (either may be NULL, not both), and of each path that
 * comes, changes or goes.  Not called while the RIB is being freed. */
struct rib_watch {
	void (*best)(void *ctx, const struct rib_entry *e, const struct rib_path *best);
	void (*path)(void *ctx, const struct rib_path *p, bool gone);
	/* Peer counters or a refusal: one line for people. */
	void (*event)(void *ctx, const char *subject, const char *text);
	void *ctx;
};

struct rib *rib_new(struct bgp_attr_table *attrs, const struct rib_conf *c);
void rib_free(struct rib *r);
void rib_conf_set(struct rib *r, const struct rib_conf *c);
/* At most a handful of watchers; each is told in turn. */
bool rib_watch_add(struct rib *r, const struct rib_watch *w);
void rib_clock_set(struct rib *r, msec (*now)(void *ctx), void *ctx);

/* Origins of ours are made on first use and live as long as the RIB. NULL: too many, or memory is
 * out. */
struct rib_origin *rib_origin_local(struct rib *r, const char *name);
/* The same without making one; NULL: none of ours has that name. */
struct rib_origin *rib_origin_find(const struct rib *r, const char *name);

enum rib_done {
	RIB_DONE,   /* it is there now (or gone) */
	RIB_SAME,   /* it was there, the same (or was not there) */
	RIB_REFUSED /* RIB_PATHS_MAX, or memory is out */
};

/* A path of ours: announces or replaces (NLRI, origin, only).  attrs: this call takes its own
 * reference. */
enum rib_done rib_announce(struct rib *r, struct rib_origin *o, struct rib_peer *only,
			   const char *name, const struct bgp_nlri *n, struct bgp_attrs *attrs);
enum rib_done rib_withdraw(struct rib *r, struct rib_origin *o, struct rib_peer *only,
			   const struct bgp_nlri *n);
/* All paths of an origin (NULL: of every origin that is not a neighbor); returns how many went. */
size_t rib_withdraw_all(struct rib *r, struct rib_origin *o);
/* The same in steps, between which the RIB may change: of what was announced until then, at most so
 * many; fewer went: that was all.  What is announced anew between two steps stays. */
size_t rib_withdraw_some(struct rib *r, struct rib_origin *o, uint64_t until, size_t most);
/* Now, as a place between two announcements. */
uint64_t rib_said(const struct rib *r);

/* The attributes of a flow rule of ours: origin IGP, empty path, its communities, its next hop.
 * (Local preference and our AS are export's.)  A next hop of 0.0.0.0 in a path of ours stands for
 * the session's own address (`next-hop self`).  A new reference; NULL when memory is out. */
struct bgp_attrs *rib_flow_attrs(struct rib *r, const struct flow_then *then);

/* Visits every entry of a family (BGP_FAMILIES: all), the oldest first; the visitor returns false
 * to stop and must not change the RIB. */
void rib_each(const struct rib *r, enum bgp_family f,
	      bool (*visit)(void *ctx, const struct rib_entry *e), void *ctx);

/* A walk in steps, between which the RIB may change: by family, then in RFC 8955 5.1 order, unicast
 * by prefix.  An entry that stays is met exactly once. */
struct rib_cursor {
	enum bgp_family family, last; /* of the entry it stands at, or is to begin with */
	bool begun;
	size_t len;
	uint8_t octets[FLOW_NLRI_MAX];
};

/* Before all entries of these families, in their order. */
void rib_cursor_init(struct rib_cursor *c, enum bgp_family first, enum bgp_family last);
/* Goes to the next entry; NULL: that was the last. */
const struct rib_entry *rib_next(const struct rib *r, struct rib_cursor *c);
/* The cursor stands at n or behind it. */
bool rib_cursor_passed(const struct rib_cursor *c, const struct bgp_nlri *n);
const struct rib_entry *rib_find(struct rib *r, const struct bgp_nlri *n);

/* ---- Neighbors: export.c ------------------------------------------------------------------- */

/* The RIB is the speaker's handler; ctx is the struct rib.  A peer's user is its rib_peer. */
extern const struct bgp_handler rib_bgp_handler;

/* c and bgp are copied.  Paths of ours that are for this neighbor may be announced at once, before
 * its session is up. */
struct rib_peer *rib_peer_new(struct rib *r, const struct rib_peer_conf *c,
			      const struct bgp_peer_conf *bgp);
/* The neighbor's bgp_peer and how to wake it; speaker NULL in tests that call next() themselves. */
void rib_peer_attach(struct rib_peer *p, struct bgp_speaker *s, struct bgp_peer *bgp);
void rib_peer_change(struct rib_peer *p, const struct rib_peer_conf *c,
		     const struct bgp_peer_conf *bgp);
/* When a session has fallen what its neighbor sent stays until this takes it away, at most so many
 * paths of all such neighbors; fewer went: that was all.  It all goes when the session is up again
 * before that. */
size_t rib_prune(struct rib *r, size_t most);
/* What it sent and what is for it alone goes; the bgp_peer must be gone already. */
void rib_peer_free(struct rib_peer *p);

struct rib_peer_counts {
	struct {
		size_t received;   /* in its Adj-RIB-In */
		size_t accepted;   /* valid among them */
		size_t advertised; /* in its Adj-RIB-Out */
		bool end_of_rib_in, end_of_rib_out;
	} family[BGP_FAMILIES];
	size_t queued;    /* entries to be looked at for it, the table after its up not counted */
	uint64_t refused; /* RIB_PATHS_MAX */
	uint64_t loops;   /* AS_PATH, ORIGINATOR_ID or CLUSTER_LIST showed us */
};

void rib_peer_counts(const struct rib_peer *p, struct rib_peer_counts *ret);
const struct bgp_peer *rib_peer_bgp(const struct rib_peer *p);

#endif
