/* SPDX-License-Identifier: ISC */
/* index.h - the rules in the classifier's tables (xdp_tables.h), and changing them.
 *
 * A change is gathered with index_add and index_remove and made with index_commit.  At every moment
 * of it a packet sees an unchanged rule; it sees the rules of one pair of prefixes as before or as
 * after, while pair after pair changes.
 *
 * index_add refuses what would break a bound, with the reason: the same rule may be had later.
 */
#ifndef ENFORCE_INDEX_H
#define ENFORCE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "dataplane/xdp_maps.h"
#include "dataplane/xdp_tables.h"
#include "flow/flow.h"

enum {
	/* Sources that a packet tries at most, over all destinations that it meets: for each
	 * destination mask in use the most source masks that one node of it has, summed up. */
	INDEX_PROBES_MAX = 64,
	INDEX_PLAIN_MAX = 2 * XDP_RUN, /* longer lists are blocks */
	INDEX_LIST_MAX = 65535,        /* records of one pair of prefixes */
	INDEX_PENDING_MAX = 4096       /* freed pieces until a grace period is due */
};

struct index;
struct index_rule;

/* What the index cannot do itself: it knows no system calls. */
struct index_kernel {
	void *ctx;
	/* Writes full test `number`; false, with the reason, when the kernel will not. */
	bool (*write_full)(void *ctx, uint32_t number, const struct flow_nlri *n, struct err *e);
	/* Waits until no packet is under way that might see what is in force no more. */
	bool (*grace)(void *ctx, struct err *e);
};

/* Over tables that are all zeros.  NULL when memory is out. */
struct index *index_new(struct xdp_tables *t, uint64_t seed, const struct index_kernel *k);
/* The tables stay as they are. */
void index_free(struct index *ix);
/* Into the tables of a VRF; 0: of none.  nlri stays the caller's, and there until the removal is
 * committed.  NULL with the reason. */
struct index_rule *index_add(struct index *ix, const struct flow_nlri *nlri, unsigned vrf,
			     uint32_t slot, struct err *e);
void index_remove(struct index *ix, struct index_rule *r);
/* False, with the reason, when the tables had no room for some of the added rules: these, and
 * no others, are not in force; index_failed says so of each, and they are to be removed. */
bool index_commit(struct index *ix, struct err *e);
bool index_failed(const struct index_rule *r);
/* A grace period has passed since the last commit. */
void index_grace(struct index *ix);
/* Pieces that wait for one. */
size_t index_pending(const struct index *ix);

#endif
