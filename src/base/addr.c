/* SPDX-License-Identifier: ISC */
/* addr.c - see addr.h.  IPv6 text is written as RFC 5952 says: lower case, the longest run of
 * two or more zero groups (the first of equals) as "::", a dotted quad only in ::ffff:0:0/96. */
#include "base/addr.h"

#include <arpa/inet.h>
#include <string.h>

size_t addr_octets(const struct addr *a)
{
	return a->family == ADDR_IPV4 ? 4 : a->family == ADDR_IPV6 ? 16 : 0;
}

unsigned addr_bits(const struct addr *a)
{
	return (unsigned)addr_octets(a) * 8;
}

struct addr addr_ipv4(const uint8_t octets[4])
{
	struct addr a = { .family = ADDR_IPV4 };

	memcpy(a.octets, octets, 4);
	return a;
}

struct addr addr_ipv6(const uint8_t octets[16])
{
	struct addr a = { .family = ADDR_IPV6 };

	memcpy(a.octets, octets, 16);
	return a;
}

/* Four decimal numbers of 0..255, without leading zeros: "010" is octal to some readers. */
static bool parse_quad(const char *text, size_t len, uint8_t out[4])
{
	size_t at = 0;

	for (int i = 0; i < 4; i++) {
		unsigned value = 0;
		size_t start;

		if (i > 0 && (at >= len || text[at++] != '.'))
			return false;
		start = at;
		while (at < len && text[at] >= '0' && text[at] <= '9' && at - start < 3)
			value = value * 10 + (unsigned)(text[at++] - '0');
		if (at == start || value > 255 || (text[start] == '0' && at - start > 1))
			return false;
		out[i] = (uint8_t)value;
	}
	return at == len;
}

static bool parse_ipv6(const char *text, size_t len, uint8_t out[16])
{
	char copy[INET6_ADDRSTRLEN];

	if (len >= sizeof(copy) || memchr(text, '\0', len) != NULL)
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return inet_pton(AF_INET6, copy, out) == 1;
}

bool addr_parse(const char *text, size_t len, struct addr *ret)
{
	struct addr a = { .family = ADDR_IPV4 };

	if (len == 0)
		return false;
	if (memchr(text, ':', len) != NULL) {
		a.family = ADDR_IPV6;
		if (!parse_ipv6(text, len, a.octets))
			return false;
	} else if (!parse_quad(text, len, a.octets)) {
		return false;
	}
	*ret = a;
	return true;
}

static char *put_decimal(char *p, unsigned octet)
{
	if (octet >= 100)
		*p++ = (char)('0' + octet / 100);
	if (octet >= 10)
		*p++ = (char)('0' + octet / 10 % 10);
	*p++ = (char)('0' + octet % 10);
	return p;
}

static char *put_quad(char *p, const uint8_t *octets)
{
	for (int i = 0; i < 4; i++) {
		if (i > 0)
			*p++ = '.';
		p = put_decimal(p, octets[i]);
	}
	return p;
}

static char *put_group(char *p, unsigned group)
{
	bool seen = false;

	for (int shift = 12; shift >= 0; shift -= 4) {
		unsigned digit = group >> shift & 15;

		if (digit != 0 || seen || shift == 0) {
			*p++ = "0123456789abcdef"[digit];
			seen = true;
		}
	}
	return p;
}

/* The run of groups that "::" stands for; len 0 when there is none. */
static void longest_zeros(const unsigned group[8], int *ret_at, int *ret_len)
{
	int best_at = 0, best = 1;

	for (int i = 0, run = 0; i < 8; i++) {
		run = group[i] == 0 ? run + 1 : 0;
		if (run > best) {
			best = run;
			best_at = i - run + 1;
		}
	}
	*ret_at = best_at;
	*ret_len = best > 1 ? best : 0;
}

static char *put_ipv6(char *p, const uint8_t octets[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	static const char mapped_text[] = { ':', ':', 'f', 'f', 'f', 'f', ':' };
	unsigned group[8];
	int at, len;

	if (memcmp(octets, mapped, sizeof(mapped)) == 0) {
		memcpy(p, mapped_text, sizeof(mapped_text));
		return put_quad(p + sizeof(mapped_text), octets + 12);
	}
	for (int i = 0; i < 8; i++)
		group[i] = (unsigned)octets[2 * (size_t)i] << 8 | octets[2 * (size_t)i + 1];
	longest_zeros(group, &at, &len);
	for (int i = 0; i < 8; i++) {
		if (len > 0 && i == at) {
			*p++ = ':';
			i += len - 1;
			if (i == 7)
				*p++ = ':';
			continue;
		}
		if (i > 0)
			*p++ = ':';
		p = put_group(p, group[i]);
	}
	return p;
}

const char *addr_print(const struct addr *a, char buf[ADDR_TEXT_MAX])
{
	char *p = buf;

	if (a->family == ADDR_IPV4)
		p = put_quad(p, a->octets);
	else if (a->family == ADDR_IPV6)
		p = put_ipv6(p, a->octets);
	else
		*p++ = '-';
	*p = '\0';
	return buf;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return addr_compare(a, b) == 0;
}

int addr_compare(const struct addr *a, const struct addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->octets, b->octets, addr_octets(a));
}
