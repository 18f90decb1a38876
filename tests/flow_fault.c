/* SPDX-License-Identifier: ISC */
/* flow_fault.c - the trial of the algebra alone, linked with an algebra that may have a fault
 * planted. Exit status: 0 nothing wrong was found, 1 something was. */
#include <stdio.h>

#include "tests/flow_pairs.h"
#include "tests/flow_universe.h"

int main(void)
{
	struct pair_stats st = { .pairs = 0 };
	const char *wrong = pairs_try(20, 20000, &st);

	if (wrong == NULL)
		return 0;
	(void)printf("found after %lu pairs: %s\n", st.pairs, wrong);
	return universe_try(FLOW_IPV4, 21, 60, NULL) != NULL ||
			       universe_try(FLOW_IPV6, 22, 60, NULL) != NULL
		       ? 1
		       : 3;
}
