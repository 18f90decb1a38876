/* SPDX-License-Identifier: ISC */
/* ifname.h - which interfaces are meant by the names of the options. */
#ifndef ENFORCE_IFNAME_H
#define ENFORCE_IFNAME_H

#include <stdbool.h>

#include "base/err.h"
#include "enforce/enforce.h"

/* What a machine says to itself has not come in from a network. */
bool ifname_is_loopback(const char *name);
/* Are its frames those that the program reads? */
bool ifname_is_ethernet(const char *name);
bool ifname_is_pattern(const char *name);
/* The VRF of the options that this interface belongs to, whatever else names it; -1: none. */
int ifname_vrf(const struct enforce_options *o, const char *name);
/* Does one of the names or patterns mean this interface?  Those of VRFs count. */
bool ifname_is_named(const struct enforce_options *o, const char *name);

/* The first name or pattern that means the interface; what is said of that counts.  As many as
 * there are: none does, it is there for its VRF. */
size_t ifname_option(const struct enforce_options *o, const char *name);
/* Do rules only count there? */
bool ifname_is_monitored(const struct enforce_options *o, const char *name);

typedef bool ifname_visit(void *ctx, unsigned ifindex, const char *name, struct err *e);
/* Every interface that is meant, as often as it is named; each name has to mean one.  The first
 * false of the visitor ends it. */
bool ifname_each(const struct enforce_options *o, ifname_visit *visit, void *ctx, struct err *e);

#endif
