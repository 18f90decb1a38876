/* SPDX-License-Identifier: ISC */
/* protect_report.h - protected flows and what they saved, as the hub is told. */
#ifndef ENFORCE_PROTECT_REPORT_H
#define ENFORCE_PROTECT_REPORT_H

#include <jansson.h>

#include "enforce/enforce.h"

struct saved;

/* A list of all entries, with the rules that each has saved something from. */
json_t *protect_report(const struct saved *saved, const struct enforce_protect *p);

#endif
