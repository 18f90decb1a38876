/* SPDX-License-Identifier: ISC */
/* resolve.h - the neighbors that copies go to, known to the kernel before they are needed. */
#ifndef ENFORCE_RESOLVE_H
#define ENFORCE_RESOLVE_H

#include "base/addr.h"

struct xdp;

/* The gateway of the IPv6 default route through that interface; ADDR_NONE: there is none. */
struct addr resolve_gateway6(unsigned ifindex);

/* Asks the kernel to find, or to see again, the next hop of each address to which a rule in force
 * copies.  Who is on the way of a redirect the kernel finds by itself. */
void resolve_copies(const struct xdp *x);

#endif
