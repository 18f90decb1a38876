/* SPDX-License-Identifier: ISC */
/* locals.h - this machine's addresses, kept in the kernel's table as they come and go. */
#ifndef ENFORCE_LOCALS_H
#define ENFORCE_LOCALS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "dataplane/xdp_protect.h"

struct locals;

/* Brings the kernel's table from what it has to what it is to have, or fails. */
typedef bool locals_bring(void *ctx, const struct locals *before, const struct locals *after,
			  struct err *e);

struct locals {
	int fd; /* of changes; for poll(2) */
	size_t count;
	struct xdp_local *list; /* sorted; what the kernel has */
	locals_bring *bring;    /* the backend's */
	void *ctx;
};

bool locals_have(const struct locals *l, const struct xdp_local *what);
/* Brings the kernel's table from what l has to this list, which is taken over. */
bool locals_change(struct locals *l, struct xdp_local *list, size_t count, struct err *e);
/* Watches the addresses of this network namespace, and puts them into the kernel's table. */
bool locals_open(struct locals *l, locals_bring *bring, void *ctx, struct err *e);
/* The same again, after fd became readable. */
bool locals_refresh(struct locals *l, struct err *e);
void locals_close(struct locals *l);

#endif
