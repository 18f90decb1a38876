/* SPDX-License-Identifier: ISC */
/* algebra.h - the CLI's verbs that compare and explain rules: overlap, covers, explain, lint. */
#ifndef CTL_ALGEBRA_H
#define CTL_ALGEBRA_H

#include <stdbool.h>
#include <stdio.h>

enum {
	ALGEBRA_UNKNOWN = -1
};

/* Runs argv[0] with its words; json: answers are JSON objects, one a line.  Returns the exit code:
 * 0 yes, done, nothing found; 1 no, something found; 2 used wrongly, or a rule that is wrong;
 * ALGEBRA_UNKNOWN: no such verb. */
int algebra_run(int argc, char **argv, bool json);
/* A line of help for each verb. */
void algebra_usage(FILE *to);

#endif
