/* SPDX-License-Identifier: ISC */
/* hex.h - octets of a test, written as hex with blanks. */
#ifndef TESTS_HEX_H
#define TESTS_HEX_H

#include <stdlib.h>

#include "base/str.h"

/* Ends the test program when the text is wrong: that is the test's own fault. */
static inline size_t hex_octets(const char *hex, uint8_t *ret, size_t size)
{
	size_t n = 0, len = 0;
	char *packed = malloc(2 * size + 2);

	if (packed == NULL)
		abort();
	for (; *hex != '\0'; hex++)
		if (*hex != ' ' && n < 2 * size + 1)
			packed[n++] = *hex;
	if (!hex_parse(packed, n, ret, size, &len))
		abort();
	free(packed);
	return len;
}

#endif
