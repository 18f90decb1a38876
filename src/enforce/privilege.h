/* SPDX-License-Identifier: ISC */
/* privilege.h - what the enforcer keeps of root's rights. */
#ifndef ENFORCE_PRIVILEGE_H
#define ENFORCE_PRIVILEGE_H

#include <stdbool.h>

#include "base/err.h"

/* Says what is missing before the kernel says only EPERM. */
bool privilege_suffices(struct err *e);
/* The same for XDP, which needs CAP_BPF and CAP_PERFMON as well. */
bool privilege_suffices_bpf(struct err *e);
/* Keeps CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, for good: no program that is started gets more.
 * CAP_SYS_ADMIN is kept only where it has to stand for one of BPF's that is not there. */
bool privilege_drop(struct err *e);

#endif
