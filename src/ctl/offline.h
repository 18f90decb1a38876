/* SPDX-License-Identifier: ISC */
/* offline.h - the CLI's verbs that need no daemon: decode, encode, order, match. */
#ifndef CTL_OFFLINE_H
#define CTL_OFFLINE_H

#include <stdbool.h>
#include <stdio.h>

enum {
	OFFLINE_UNKNOWN = -1
};

/* Runs argv[0] with its words; json: answers are JSON objects, one a line.  Returns the exit
 * code: 0 done, 1 the answer is no or an error (said on standard error, or in the answer's place
 * when lines are read from standard input), 2 used wrongly; OFFLINE_UNKNOWN: no such verb. */
int offline_run(int argc, char **argv, bool json);
/* A line of help for each verb. */
void offline_usage(FILE *to);

#endif
