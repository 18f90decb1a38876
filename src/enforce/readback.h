/* SPDX-License-Identifier: ISC */
/* readback.h - the rules that packets find, read out of the classifier's tables again.
 *
 * The tables are walked as a packet walks them, for every packet there may be.  The store says
 * which rule a slot is; that rule, compiled anew, has to be what the tables hold.  Nothing is taken
 * from what their writer (index.h) remembers.  No system calls.
 */
#ifndef ENFORCE_READBACK_H
#define ENFORCE_READBACK_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/xdp_maps.h"
#include "dataplane/xdp_tables.h"
#include "flow/flow.h"

struct readback_kernel {
	const struct xdp_tables *t;
	const struct xdp_store *store;
	void *ctx;
	bool (*read_full)(void *ctx, uint32_t number, struct xdp_rule *ret);
	/* A slot that is in the store or in the tables.  n NULL: the store has no rule there.
	 * fault NULL: packets of this VRF find this rule, and exactly it. */
	void (*found)(void *ctx, uint32_t slot, const struct flow_nlri *n, unsigned vrf,
		      const char *fault);
};

/* Visits slots in their order.  The tables must not be changed meanwhile.  False when memory is
 * out. */
bool readback(const struct readback_kernel *k);

#endif
