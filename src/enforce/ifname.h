/* SPDX-License-Identifier: ISC */
/* ifname.h - which interfaces are meant by the names of the options. */
#ifndef ENFORCE_IFNAME_H
#define ENFORCE_IFNAME_H

#include <stdbool.h>

#include "enforce/enforce.h"

/* What a machine says to itself has not come in from a network. */
bool ifname_is_loopback(const char *name);
bool ifname_is_pattern(const char *name);
/* Does one of the names or patterns mean this interface? */
bool ifname_is_named(const struct enforce_options *o, const char *name);

#endif
