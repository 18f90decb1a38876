/* SPDX-License-Identifier: ISC */
/* merging.h - do packets come merged where we see them? */
#ifndef ENFORCE_MERGING_H
#define ENFORCE_MERGING_H

#include <stddef.h>

#include "base/err.h"
#include "enforce/attach.h"

/* Fills e with the first interface and the reason; false when all see packets as they came. */
bool merging_find(const struct attached *at, size_t count, struct err *e);

#endif
