/* SPDX-License-Identifier: ISC */
/* hooks.h - the program that sends (tc_send.h) on the interfaces, for as long as a rule needs it.
 */
#ifndef ENFORCE_HOOKS_H
#define ENFORCE_HOOKS_H

#include <stdbool.h>

#include "base/err.h"

struct pins;
struct xdp;

/* Puts it at the interface's tc ingress, in the place of ours that is there, and tells the XDP
 * program so.  With nothing to be done it is a question to the kernel. */
bool hooks_have(const struct xdp *x, unsigned ifindex, const char *name, struct err *e);
/* Takes it off, and the qdisc if we made it and nobody else hangs on it. */
void hooks_drop(const struct xdp *x, unsigned ifindex);
/* All that an enforcer with these pins has left. */
void hooks_remove(const struct pins *pins);

#endif
