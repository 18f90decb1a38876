/* SPDX-License-Identifier: ISC */
/* hex_fuzz.c - any text as hex digits.
 *
 * Properties: it is taken exactly when it is pairs of digits that fit; nothing is written behind
 * what was said to be there; the octets printed are the text in lower case.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	ROOM = 64
};

static void must(bool what)
{
	if (!what)
		abort();
}

static bool pairs(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (!isxdigit(data[i]))
			return false;
	return size % 2 == 0 && size / 2 <= ROOM;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t octets[ROOM + 1];
	char text[2 * ROOM + 1];
	struct str s = str_over(text, sizeof(text));
	size_t len = SIZE_MAX;
	bool good;

	octets[ROOM] = 0xa5;
	good = hex_parse((const char *)data, size, octets, ROOM, &len);
	must(octets[ROOM] == 0xa5);
	must(good == pairs(data, size));
	if (!good) {
		must(len == SIZE_MAX);
		return 0;
	}
	must(len == size / 2);
	str_add_hex(&s, octets, len);
	must(str_ok(&s) && s.len == size);
	for (size_t i = 0; i < size; i++)
		must(text[i] == tolower(data[i]));
	return 0;
}
