/* SPDX-License-Identifier: ISC */
/* protect.h - protected flows: the defaults' names, and what the file says in the kernel. */
#ifndef ENFORCE_PROTECT_H
#define ENFORCE_PROTECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "dataplane/xdp_protect.h"
#include "enforce/enforce.h"
#include "enforce/locals.h"

struct xdp;

/* As in the file and in `show protected`; its number by the name, -1: there is none. */
const char *protect_default_name(unsigned number);
int protect_default_number(const char *name);
/* What packets a default holds for, in a line. */
const char *protect_default_match(unsigned number);

/* False, with the reason, when the match cannot be had exactly. */
bool protect_statement_make(const struct enforce_protect_statement *s, struct xdp_rule *ret,
			    struct err *e);
/* Into the kernel, before the program is attached.  What was saved is forgotten: entries mean
 * something else from now on. */
bool protect_set(struct xdp *x, const struct enforce_protect *p, struct err *e);
/* This machine's addresses into the kernel; ctx is the struct xdp. */
locals_bring protect_bring_locals;

#endif
