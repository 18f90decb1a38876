/* SPDX-License-Identifier: ISC */
/* locals.h - this machine's addresses, kept in the kernel's table as they come and go. */
#ifndef ENFORCE_LOCALS_H
#define ENFORCE_LOCALS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "enforce/xdp_protect.h"

struct xdp;

struct locals {
	int fd; /* of changes; for poll(2) */
	size_t count;
	struct xdp_local *list; /* sorted; what the kernel has */
};

/* Brings the kernel's table from what l has to this list, which is taken over. */
bool locals_change(struct locals *l, struct xdp *x, struct xdp_local *list, size_t count);
/* Watches the addresses of this network namespace, and puts them into the kernel's table. */
bool locals_open(struct locals *l, struct xdp *x, struct err *e);
/* The same again, after fd became readable. */
bool locals_refresh(struct locals *l, struct xdp *x, struct err *e);
void locals_close(struct locals *l);

#endif
