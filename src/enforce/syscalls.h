/* SPDX-License-Identifier: ISC */
/* syscalls.h - the system calls that the enforcer makes once all is open, and no others. */
#ifndef ENFORCE_SYSCALLS_H
#define ENFORCE_SYSCALLS_H

#include <stdbool.h>

#include "base/err.h"

/* For good, and for this thread and those that it starts.  False where the kernel has no seccomp;
 * nothing is narrowed then. */
bool syscalls_narrow(struct err *e);

#endif
