/* SPDX-License-Identifier: ISC */
/* addr_fuzz.c - any text as an address.
 *
 * Properties: the C library takes it too and means the same, or neither does; an error leaves the
 * result alone; what is printed fits, is the shortest spelling of a fixed point, and compares
 * equal.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool what)
{
	if (!what)
		abort();
}

/* As the C library reads it; text holds no NUL but its last. */
static bool theirs(const char *text, struct addr *ret)
{
	*ret = (struct addr){ .family = ADDR_IPV4 };
	if (inet_pton(AF_INET, text, ret->octets) == 1)
		return true;
	*ret = (struct addr){ .family = ADDR_IPV6 };
	return inet_pton(AF_INET6, text, ret->octets) == 1;
}

static void print_again(const struct addr *a)
{
	char text[ADDR_TEXT_MAX], again[ADDR_TEXT_MAX];
	struct addr back = { 0 };

	must(addr_print(a, text) == text && strlen(text) < sizeof(text));
	must(addr_parse(text, strlen(text), &back));
	must(addr_equal(a, &back) && addr_compare(a, &back) == 0);
	must(memcmp(a, &back, sizeof(back)) == 0);
	must(strcmp(addr_print(&back, again), text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[128];
	struct addr ours = { .family = 77 }, other;
	bool good = addr_parse((const char *)data, size, &ours);

	must(good || ours.family == 77);
	if (good)
		print_again(&ours);
	if (size >= sizeof(text) || memchr(data, '\0', size) != NULL) {
		must(!good);
		return 0;
	}
	memcpy(text, data, size);
	text[size] = '\0';
	must(good == theirs(text, &other));
	must(!good || memcmp(&ours, &other, sizeof(ours)) == 0);
	return 0;
}
