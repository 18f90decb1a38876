/* SPDX-License-Identifier: ISC */
/* groups.h - groups of interfaces (draft-ietf-idr-flowspec-interfaceset), each as one bit.
 *
 * The numbers stay what they are for as long as rules in the kernel go by them: they are kept
 * there, and an enforcer that comes back finds them.  Values in, values out.
 */
#ifndef ENFORCE_GROUPS_H
#define ENFORCE_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "dataplane/xdp_maps.h"
#include "enforce/enforce.h"
#include "flow/flow.h"

struct groups {
	__u64 *name;                        /* by number, as in xdp_maps.h; borrowed */
	uint64_t here;                      /* those that the file names */
	uint8_t number[ENFORCE_GROUPS_MAX]; /* of each of the file's */
};

/* Gives each of the file's groups a number, one that it has or one that neither another nor a rule
 * that is in force (in_use) has. */
bool groups_make(struct groups *g, __u64 name[XDP_GROUPS], const struct enforce_group *list,
		 size_t n, uint64_t in_use, struct err *e);
/* Numbers of kernel groups for a set of the file's. */
uint64_t groups_of_file(const struct groups *g, uint64_t file);
/* Where the rule is to be in force: at interfaces in one of these; 0: at all.  False, with the
 * reason, when that is nowhere here. */
bool groups_of_rule(const struct groups *g, const struct flow_actions *a, uint64_t *ret,
		    struct err *e);

#endif
