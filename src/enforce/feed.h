/* SPDX-License-Identifier: ISC */
/* feed.h - the hub's feed, line by line, into the rules that are wanted. */
#ifndef ENFORCE_FEED_H
#define ENFORCE_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "dataplane/xdp_maps.h"
#include "enforce/enforce.h"
#include "enforce/ruleset.h"

/* Of the hub: are the rules in the kernel those that it has told? */
struct feed_question {
	uint64_t id; /* 0: there is none */
	uint64_t rules, digest;
};

struct feed {
	struct ruleset *rules; /* borrowed */
	size_t source_count;
	const struct enforce_source *sources; /* borrowed */
	size_t vrf_count;
	const struct enforce_vrf *vrfs; /* borrowed */
	char epoch[XDP_EPOCH_MAX];      /* of the hub at the other end */
	bool settled;                   /* that hub has heard all its peers */
	bool in_change;                 /* between begin and commit */
	bool snapshot;                  /* the change is a snapshot */
	bool complete;                  /* a snapshot of this connection has been read whole */
	bool dirty;                     /* what is wanted is not yet in force */
	bool broken; /* a change began inside another: nothing is in force until the
			next connection's snapshot */
	struct feed_question question; /* to be answered when all before it is in force */
	uint64_t unreadable;           /* lines and rules that made no sense */
};

/* Gives rules that were found in the kernel the source that they came from, if it is named. */
void feed_found(struct feed *f);
/* Before the first line of a new connection. */
void feed_restart(struct feed *f);
/* kernel_epoch: the epoch whose rules, and no others, are in force (xdp_epoch), "" if of none.
 * False with the reason for a line that makes no sense; it is counted and has no effect. */
bool feed_line(struct feed *f, const char *line, const char *kernel_epoch, struct err *e);
/* May what is wanted be put in force now?  Not in the middle of a change, nor after one that broke
 * off. */
bool feed_ready(const struct feed *f);

#endif
