/* SPDX-License-Identifier: ISC */
/* online.h - the CLI's verbs that need a daemon. */
#ifndef CTL_ONLINE_H
#define CTL_ONLINE_H

#include <stdbool.h>
#include <stdio.h>

/* Says argv (the verb and its words, options taken out) to the hub at socket (NULL: the default)
 * and prints its answer, as JSON lines or for people.  Returns the exit code: 0 done, 1 an error
 * (said on standard error), 2 no such verb. */
int online_run(const char *socket, int argc, char **argv, bool json);
/* A line of help for each verb. */
void online_usage(FILE *to);

#endif
