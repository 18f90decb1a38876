/* SPDX-License-Identifier: ISC */
/* vrf.h - the VRFs of the options as the kernel knows them: a number each. */
#ifndef ENFORCE_VRF_H
#define ENFORCE_VRF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "enforce/enforce.h"
#include "enforce/xdp.h"

/* By VRF of the options.  One that an earlier enforcer had keeps its number, whatever else the
 * file says of it now. */
bool vrf_numbers(struct xdp *x, const struct enforce_options *o, uint8_t ret[ENFORCE_VRFS_MAX],
		 struct err *e);
/* What comes in there belongs to this VRF; 0: to none.  Before the program is attached there. */
bool vrf_interface(struct xdp *x, unsigned ifindex, unsigned vrf);

#endif
