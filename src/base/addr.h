/* SPDX-License-Identifier: ISC */
/* addr.h - IPv4 and IPv6 addresses and prefixes as values, and their text. */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum addr_family {
	ADDR_NONE = 0,
	ADDR_IPV4 = 4,
	ADDR_IPV6 = 6
};

/* Octets in network order; an IPv4 address has four, the rest is zero, so that
 * two addresses may be compared with memcmp. */
struct addr {
	uint8_t family; /* enum addr_family */
	uint8_t octets[16];
};

enum {
	ADDR_TEXT_MAX = 48 /* room for any address or prefix as text, with its NUL */
};

/* The address' octets and bits: 4 and 32, 16 and 128; 0 for ADDR_NONE. */
size_t addr_octets(const struct addr *a);
unsigned addr_bits(const struct addr *a);

struct addr addr_ipv4(const uint8_t octets[4]);
struct addr addr_ipv6(const uint8_t octets[16]);

/* Reads a dotted quad or an IPv6 address in any case and form; no zone, no blanks. */
bool addr_parse(const char *text, size_t len, struct addr *ret);
/* RFC 5952 text; "-" for ADDR_NONE.  Returns buf. */
const char *addr_print(const struct addr *a, char buf[ADDR_TEXT_MAX]);
bool addr_equal(const struct addr *a, const struct addr *b);
/* Negative, 0 or positive: IPv4 before IPv6, then by octets. */
int addr_compare(const struct addr *a, const struct addr *b);

#endif
