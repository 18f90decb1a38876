/* SPDX-License-Identifier: ISC */
/* headgate.c - the command line: verbs that need no daemon, and verbs that are said to one.
 *
 * The tables of verbs are in ctl/offline.c, ctl/algebra.c and ctl/online.c; here are only the
 * options that all verbs share.  Exit codes: 0 done, 1 the answer is no or an error, 2 used
 * wrongly.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/algebra.h"
#include "ctl/offline.h"
#include "ctl/online.h"

static void usage(FILE *to)
{
	(void)fputs("usage: headgate [-s SOCKET] VERB... [-j]\n"
		    "\n"
		    "to the daemon:\n",
		    to);
	online_usage(to);
	(void)fputs("\n"
		    "without a daemon:\n",
		    to);
	offline_usage(to);
	algebra_usage(to);
	(void)fputs("\n"
		    "-j: JSON, one object a line.  See headgate(1).\n",
		    to);
}

/* Takes -j out of the words behind the verb. */
static bool take_json(int *argc, char **argv)
{
	bool json = false;
	int n = 0;

	for (int i = 0; i < *argc; i++) {
		if (strcmp(argv[i], "-j") == 0)
			json = true;
		else
			argv[n++] = argv[i];
	}
	*argc = n;
	argv[n] = NULL;
	return json;
}

static int run(const char *socket, int argc, char **argv, bool json)
{
	int code;

	json |= take_json(&argc, argv);
	if (argc == 0) {
		usage(stderr);
		return 2;
	}
	code = offline_run(argc, argv, json);
	if (code != OFFLINE_UNKNOWN)
		return code;
	code = algebra_run(argc, argv, json);
	if (code != ALGEBRA_UNKNOWN)
		return code;
	code = online_run(socket, argc, argv, json);
	if (code == 2)
		usage(stderr);
	return code;
}

/* What was printed and could not be written was not done. */
static int finish(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	perror("headgate: standard output");
	return 1;
}

int main(int argc, char **argv)
{
	const char *socket = getenv("HEADGATE_SOCKET");
	bool json = false;
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
			usage(stdout);
			return finish(0);
		}
		if (strcmp(argv[i], "--version") == 0) {
			(void)puts("headgate " HEADGATE_VERSION);
			return finish(0);
		}
		if (strcmp(argv[i], "-j") == 0) {
			json = true;
		} else if (strcmp(argv[i], "-s") == 0 && i + 1 < argc) {
			socket = argv[++i];
		} else {
			usage(stderr);
			return 2;
		}
	}
	return finish(run(socket, argc - i, argv + i, json));
}
