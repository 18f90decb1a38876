/* SPDX-License-Identifier: ISC */
/* table.h - how the RIB is held, for the files of this folder and their tests.
 *
 * Invariants:
 *  1. An entry lives while it has paths, or an out: a neighbor has it in its Adj-RIB-Out or queue.
 *  2. An entry's paths stand in the order of the decision, those that are not valid last; the order
 *     is a function of the paths, not of their arrival.
 *  3. For an (entry, neighbor) there is at most one out.  It stands on exactly one of the
 *     neighbor's two lists: queue (to be looked at) or told (nothing to do, and sent is set).
 *  4. An entry stands in the order as long as it has paths.
 *  5. An origin's paths stand in the order in which they were announced last, the latest first.
 *  6. What a neighbor should have is computed when it can be sent, never when it is queued.
 */
#ifndef RIB_TABLE_H
#define RIB_TABLE_H

#include "base/map.h"
#include "rib/rib.h"

enum {
	RIB_WATCHES_MAX = 8,
	RIB_ORIGINS_MAX = 1024 /* of ours */
};

struct rib_entry {
	struct map_node node;           /* first, so that a node is its entry */
	struct rib_entry *prev, *next;  /* of the table, oldest first: a walk's way */
	struct rib_entry *left, *right; /* order.c's */
	struct rib_path *paths;
	struct rib_out *outs;
	uint16_t len;
	uint8_t family; /* enum bgp_family */
	uint8_t octets[];
};

/* What one neighbor was told of one entry. */
struct rib_out {
	struct rib_out *entry_next;  /* of the same entry */
	struct rib_out *prev, *next; /* on the neighbor's list */
	struct rib_entry *entry;
	struct rib_peer *peer;
	struct bgp_attrs *sent; /* in the Adj-RIB-Out; NULL: not there */
	bool queued;
	bool resend; /* told again though it is the same, RFC 2918 */
};

struct rib_out_list {
	struct rib_out *head, *tail;
	size_t count;
};

struct rib_origin {
	struct rib_origin *next;         /* of ours */
	struct rib_peer *peer;           /* NULL: of ours */
	struct rib_path *paths, *oldest; /* linked by origin_next; its two ends */
	char name[RIB_ORIGIN_NAME_MAX];
};

struct rib_peer {
	struct rib *rib;
	struct rib_peer *next;
	struct rib_origin origin; /* of what it sends */
	struct rib_peer_conf conf;
	struct bgp_peer_conf bgp;
	struct bgp_speaker *speaker; /* NULL: nobody to wake */
	struct bgp_peer *session;

	bool up;
	bool fallen;       /* what it sent is to go */
	uint32_t families; /* negotiated */
	uint8_t remote_id[4];
	struct addr local;

	struct rib_out_list queue, told;
	struct rib_entry *walk;  /* the next entry of the table to look at; NULL: no walk */
	uint32_t end_of_rib_due; /* families; sent when queue and walk are done */
	uint64_t round;          /* of the last change that looked at it, see rib_export_changed */
	struct rib_peer_counts counts;
	uint8_t withdrawn[FLOW_NLRI_MAX]; /* the octets of the last BGP_OUT_UNREACH */
};

struct rib {
	struct bgp_attr_table *attrs;
	struct rib_conf conf;
	struct map entries;
	struct rib_entry *first, *last;
	struct rib_entry *root; /* order.c's */
	uint64_t seed, last_id, last_said, round;
	size_t paths, paths_max;
	uint64_t refused;           /* of ours */
	struct rib_origin *origins; /* of ours */
	size_t origins_count;
	struct rib_peer *peers;
	struct rib_watch watches[RIB_WATCHES_MAX];
	size_t watches_count;
	msec (*now)(void *ctx);
	void *now_ctx;
};

/* rib.c */
enum rib_done rib_path_set(struct rib *r, const struct rib_path *draft, const struct bgp_nlri *n);
void rib_path_set_valid(struct rib *r, struct rib_path *p, bool valid);
void rib_path_drop(struct rib *r, struct rib_path *p);
struct rib_path *rib_path_find(const struct rib_entry *e, const struct rib_origin *o,
			       const struct rib_peer *only);
void rib_entry_release(struct rib *r,
		       struct rib_entry *e); /* frees it unless invariant 1 holds it */
void rib_event(struct rib *r, const char *subject, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Of things that may happen a million times: the first, the tenth, the hundredth is told. */
bool rib_worth_telling(uint64_t count);

/* order.c: e has paths now, or none any more. */
void rib_order_insert(struct rib *r, struct rib_entry *e);
void rib_order_remove(struct rib *r, struct rib_entry *e);

/* decision.c: keep *list in order; remove is called with p as it was put in. */
void rib_decision_insert(struct rib_path **list, struct rib_path *p);
void rib_decision_remove(struct rib_path **list, struct rib_path *p);

/* validate.c */
bool rib_validate(const struct rib_peer *p, const struct bgp_nlri *n, bool *ret_tell);

/* export.c */
void rib_export_changed(struct rib *r, struct rib_entry *e);
void rib_export_walk(struct rib_peer *p); /* looks at the whole table anew */
void rib_export_done(struct rib_peer *p); /* empties Adj-RIB-Out and queue; nothing is sent */
void rib_export_refresh(struct rib_peer *p, enum bgp_family f);
bool rib_export_next(struct rib_peer *p, struct bgp_out *ret);
/* RFC 4456 7: what we put into cluster lists towards a neighbor. */
const uint8_t *rib_cluster_id(const struct rib_peer *p);

/* neighbor.c: the handler's calls, by neighbor. */
void rib_peer_up(struct rib_peer *p, const struct bgp_peer_info *info);
void rib_peer_down(struct rib_peer *p); /* what it sent stays for rib_prune */
void rib_peer_route(struct rib_peer *p, const struct bgp_nlri *n, struct bgp_attrs *attrs);

static inline bool rib_peer_internal(const struct rib_peer *p)
{
	return p->bgp.local_as == p->bgp.remote_as;
}

#endif
