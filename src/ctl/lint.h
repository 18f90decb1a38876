/* SPDX-License-Identifier: ISC */
/* lint.h - the verb `lint`: what is odd about the rules of a file, each alone and together. */
#ifndef CTL_LINT_H
#define CTL_LINT_H

#include <stdbool.h>

#include "flow/flow.h"

/* file "-": standard input.  family: of a line's rule that names none.  0: nothing was found, 1:
 * findings, or the file cannot be read. */
int lint_run(const char *file, enum flow_family family, bool json);

#endif
